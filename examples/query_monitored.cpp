// SPDX-License-Identifier: BSL-1.0
// Which statement is slow, how often does it run, and what did it fail of? A small shop on SQLite, monitored.
#include <hasten/core/clock.hpp>
#include <hasten/soci/migrator.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/transaction.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;

// [row]
struct order {
  std::int64_t id = 0;
  std::string status;
  std::optional<std::int64_t> paid_cents;  // NULL becomes nullopt
  static constexpr auto fields = hasten::field_list(&order::id, &order::status, &order::paid_cents);
};
// [row]

// [statements]
// A name for people, logs and metrics; a text for the database. Values go in as parameters, never into the
// text.
constexpr hasten::statement add_order{"orders.add",
                                      "INSERT INTO orders(status, paid_cents) VALUES(:status, :paid)"};
constexpr hasten::statement page{
    "orders.page", "SELECT id, status, paid_cents FROM orders WHERE status=?1 ORDER BY id LIMIT ?2"};
constexpr hasten::statement total{"orders.total", "SELECT sum(paid_cents) FROM orders"};
// [statements]

const std::vector<hasten::migration> schema{{.version = 1,
                                             .name = "orders",
                                             .up = "CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT "
                                                   "NOT NULL, paid_cents INTEGER CHECK(paid_cents>=0));"
                                                   "CREATE INDEX orders_by_status ON orders(status, id);",
                                             .down = "DROP TABLE orders;"}};

hasten::steady_time within(std::chrono::milliseconds limit) {
  return hasten::steady_clock_source::now() + limit;
}

void fill(hasten::session_pool& pool) {
  using hasten::param;
  // [transaction]
  auto db = pool.write(within(2s));
  hasten::transaction change(*db);  // takes the write lock now; rolls back unless committed
  for (std::int64_t cents = 1; cents <= 1'000; ++cents)
    db->exec(add_order, param("status", cents % 10 == 0 ? "open" : "paid"), param("paid", cents));
  change.commit();
  // [transaction]
}

void use(hasten::session_pool& pool) {
  // [read]
  auto db = pool.read(within(2s));
  for (const order& each : db->all<order>(page, "open", 3))
    std::cout << "order " << each.id << " paid " << each.paid_cents.value_or(0) << '\n';
  std::cout << "total " << db->scalar<std::int64_t>(total) << '\n';
  // [read]
}

void fail(hasten::session_pool& pool) {
  auto db = pool.write(within(2s));
  try {
    db->exec(add_order, hasten::param("status", "paid"), hasten::param("paid", -1));
  } catch (const hasten::query_error& failure) {
    std::cout << failure.what() << " (" << hasten::name_of(failure.kind()) << ")\n";
  }
}

}  // namespace

int main() {
  const auto path = std::filesystem::temp_directory_path() / "hasten_query_monitored.db";
  for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + part);

  // [monitor]
  hasten::query_monitor monitor({.slow_threshold = 50ms, .on_slow = [](const hasten::slow_query& slow) {
                                   std::clog << slow.name << " took " << slow.duration / 1ms << " ms\n";
                                 }});
  hasten::session_pool pool({.path = path.string(), .readers = 2}, monitor);
  hasten::migrator(*pool.write(within(2s))).apply(schema);
  // [monitor]
  fill(pool);
  use(pool);
  fail(pool);

  // [report]
  std::cout << std::left << std::setw(28) << "statement" << std::right << "calls  errors   rows  p99 us\n";
  for (const hasten::statement_stats& each : monitor.statements())
    std::cout << std::left << std::setw(28) << each.name << std::right << std::setw(5) << each.calls
              << std::setw(8) << each.errors << std::setw(7) << each.rows << std::setw(8)
              << each.latency.quantile(0.99) / 1'000 << '\n';
  // [report]
}

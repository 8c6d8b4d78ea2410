// SPDX-License-Identifier: BSL-1.0
// An order and the job that sends its invoice, in one transaction; the invoice and the end of the job, in another. Promise:
// no order without its job, no job without its order, and no invoice twice, whenever the process dies.
#include <hasten/soci/migrator.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/sql_job_store.hpp>
#include <hasten/soci/transaction.hpp>
#include <hasten/workers/job_runner.hpp>

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;

namespace {

constexpr hasten::statement add_order{"orders.add", "INSERT INTO orders(cents) VALUES(?1)"};
constexpr hasten::statement add_invoice{"invoices.add", "INSERT INTO invoices(order_id) VALUES(?1)"};
constexpr hasten::statement count_invoices{"invoices.count", "SELECT count(*) FROM invoices"};

hasten::steady_time in(std::chrono::seconds time) { return hasten::steady_clock_source::now() + time; }

void sell(hasten::session_pool& sessions, hasten::sql_job_store& jobs, std::int64_t cents) {
  auto db = sessions.write(in(5s));
  hasten::transaction sale(*db);
  db->exec(add_order, cents);
  jobs.enqueue_in(*db, hasten::make_job("invoice", db->last_insert_id()), hasten::wall_clock_source::now());
  if (cents == 0) return;  // no sale: neither order nor job
  sale.commit();
  jobs.announce();
}

int run(const std::string& path) {
  hasten::query_monitor monitor;
  hasten::session_pool sessions({.path = path, .readers = 2}, monitor);
  {
    const std::array history{
        hasten::migration{.version = 1,
                          .name = "orders",
                          .up = "CREATE TABLE orders(id INTEGER PRIMARY KEY, cents INTEGER NOT NULL);"
                                "CREATE TABLE invoices(order_id INTEGER NOT NULL)"},
        hasten::sql_job_store::schema(2)};
    auto db = sessions.write(in(5s));
    hasten::migrator(*db).apply(history);
  }
  hasten::sql_job_store jobs(sessions);
  for (const std::int64_t cents : {1'990, 0, 4'500, 12'000}) sell(sessions, jobs, cents);

  hasten::worker_pool pool({.threads = 2, .name = "jobs"});
  hasten::job_runner<hasten::sql_job_store> runner(jobs, pool, {.name = "shop"});
  runner.add<std::int64_t>("invoice", [&](hasten::job_context& job, std::int64_t order) {
    auto db = sessions.write(in(5s));
    hasten::transaction change(*db);
    db->exec(add_invoice, order);
    jobs.settle_in(*db, {.lease = job.lease()}, hasten::wall_clock_source::now());
    change.commit();
    return hasten::job_outcome::settled();
  });
  runner.start();
  const auto limit = in(30s);
  while (jobs.counts(10)[hasten::job_state::completed] < 3 && hasten::steady_clock_source::now() < limit)
    std::this_thread::sleep_for(5ms);
  runner.drain(in(10s));

  const auto invoices = sessions.read(in(5s))->scalar<std::int64_t>(count_invoices);
  std::cout << "3 orders, " << invoices << " invoices\n";
  return invoices == 3 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main() {
  const auto folder =
      std::filesystem::temp_directory_path() / ("hasten_example_jobs_" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const int status = run((folder / "shop.db").string());
  std::filesystem::remove_all(folder);
  return status;
}

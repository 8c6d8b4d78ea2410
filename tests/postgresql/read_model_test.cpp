// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/read_model.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/postgresql_fixture.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace {

using namespace std::chrono_literals;

hasten::steady_time soon() { return hasten::steady_clock_source::now() + 60s; }

const char* const sums =
    "SELECT month, sum(cents)::bigint AS cents, count(*) AS orders FROM orders GROUP BY month";

using month_row = std::tuple<int, std::int64_t, std::int64_t>;

struct fixture : postgresql_fixture {
  hasten::query_monitor monitor;
  hasten::session_pool pool{hasten::postgresql_options{.connection = server.connection()}, monitor};

  fixture() {
    run("CREATE TABLE orders(month int, cents int, changed_at bigint);"
        "INSERT INTO orders VALUES(1,10,100),(1,20,101),(2,5,102);");
  }
  void run(const char* text) { pool.write(soon())->script("change", text); }
  std::vector<month_row> rows() {
    return pool.read(soon())->all<month_row>(
        {"rows", "SELECT month, cents, orders FROM sales_by_month ORDER BY month"});
  }
};

}  // namespace

TEST_CASE("on PostgreSQL a read model is a materialised view, refreshed beside its readers") {
  fixture at;
  hasten::read_model model(
      {.name = "sales_by_month", .select = sums, .indexes = {"cents"}, .key = {"month"}});
  CHECK(model.state(*at.pool.read(soon())).version == 0);
  CHECK(model.refresh(at.pool, soon()).rows == 2);
  CHECK(at.rows() == std::vector<month_row>{{1, 30, 2}, {2, 5, 1}});
  auto reader = at.pool.read(soon());
  reader->script("look", "BEGIN; SELECT * FROM sales_by_month");  // would keep a plain refresh waiting
  at.run("INSERT INTO orders VALUES(3,7,103)");
  CHECK(model.refresh(at.pool, soon()).rows == 3);
  reader.release();
  CHECK(at.rows().size() == 3);
  CHECK(model.state(*at.pool.read(soon())).version == 2);
  hasten::read_model edited({.name = "sales_by_month", .select = sums, .key = {"month"}});
  CHECK(edited.refresh(at.pool, soon()).version == 3);
}

TEST_CASE("on PostgreSQL what changed is computed alone") {
  fixture at;
  hasten::read_model model({.name = "sales_by_month",
                            .select = sums,
                            .key = {"month"},
                            .changed = "SELECT DISTINCT month FROM orders WHERE changed_at >= :watermark",
                            .watermark = "SELECT coalesce(max(changed_at), 0) FROM orders"});
  CHECK(model.refresh(at.pool, soon()).rebuilt);
  at.run("INSERT INTO orders VALUES(3,7,103),(2,1,103)");
  const auto report = model.refresh(at.pool, soon());
  CHECK_FALSE(report.rebuilt);
  CHECK(report.replaced == 2);
  CHECK(at.rows() == std::vector<month_row>{{1, 30, 2}, {2, 6, 2}, {3, 7, 1}});
  CHECK(model.rebuild(at.pool, soon()).rows == 3);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&at, &model] { model.refresh(at.pool, soon()); });
  for (std::thread& each : callers) each.join();
  CHECK(at.rows().size() == 3);
}

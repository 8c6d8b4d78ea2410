// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/read_model.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace {

using namespace std::chrono_literals;

hasten::steady_time soon() { return hasten::steady_clock_source::now() + 30s; }

hasten::read_model::options by_month() {
  return {.name = "sales_by_month",
          .select = "SELECT month, sum(cents) AS cents, count(*) AS orders FROM orders GROUP BY month",
          .indexes = {"cents DESC"},
          .key = {"month"},
          .changed = "SELECT DISTINCT month FROM orders WHERE changed_at >= :watermark",
          .watermark = "SELECT coalesce(max(changed_at), 0) FROM orders"};
}

using month_row = std::tuple<int, std::int64_t, std::int64_t>;

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::session_pool pool{{.path = file.path(), .readers = 4}, monitor};

  fixture() {
    pool.write(soon())->script("setup",
                               "CREATE TABLE orders(month INTEGER, cents INTEGER, changed_at INTEGER);"
                               "INSERT INTO orders VALUES(1,10,100),(1,20,101),(2,5,102);");
  }
  void run(const char* text) { pool.write(soon())->script("change", text); }
  std::vector<month_row> rows() {
    return pool.read(soon())->all<month_row>(
        {"rows", "SELECT month, cents, orders FROM sales_by_month ORDER BY month"});
  }
};

}  // namespace

TEST_CASE_METHOD(fixture, "the first refresh computes everything, the next only what changed") {
  hasten::read_model model(by_month());
  CHECK(model.state(*pool.read(soon())).version == 0);
  CHECK(model.state(*pool.read(soon())).staleness(hasten::wall_clock_source::now()) ==
        std::chrono::milliseconds::max());
  auto report = model.refresh(pool, soon());
  CHECK(report.rebuilt);
  CHECK(report.rows == 2);
  CHECK(rows() == std::vector<month_row>{{1, 30, 2}, {2, 5, 1}});
  run("INSERT INTO orders VALUES(3,7,103),(2,1,103); UPDATE orders SET cents=6, changed_at=104 WHERE "
      "cents=5;");
  report = model.refresh(pool, soon());
  CHECK_FALSE(report.rebuilt);
  CHECK(report.version == 2);
  CHECK(report.replaced == 2);  // months 2 and 3
  CHECK(report.rows == 3);
  CHECK(rows() == std::vector<month_row>{{1, 30, 2}, {2, 7, 2}, {3, 7, 1}});
  const auto state = model.state(*pool.read(soon()));
  CHECK(state.version == 2);
  CHECK(state.rows == 3);
  CHECK(state.watermark == 104);
  CHECK(state.duration_us > 0);
  CHECK(state.staleness(hasten::wall_clock_source::now()) < 1min);
  report = model.refresh(pool, soon());
  CHECK(report.replaced == 1);  // the last mark is looked at again
}

TEST_CASE_METHOD(fixture, "a key whose sources are gone disappears") {
  hasten::read_model model(by_month());
  model.refresh(pool, soon());
  run("INSERT INTO orders VALUES(9,1,200)");
  CHECK(model.refresh(pool, soon()).rows == 3);
  run("DELETE FROM orders WHERE month=9; INSERT INTO orders VALUES(2,1,201)");
  CHECK(model.refresh(pool, soon()).rows == 3);  // nobody tells of a deletion: it takes a log of changes
  CHECK(model.rebuild(pool, soon()).rows == 2);
}

TEST_CASE_METHOD(fixture,
                 "without a key everything is computed each time, and readers see the old rows or the new") {
  hasten::read_model model(
      {.name = "sales_by_month",
       .select = "SELECT month, sum(cents) AS cents, count(*) AS orders FROM orders GROUP BY month"});
  model.refresh(pool, soon());
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::atomic<int> read{0};
  std::thread reader([&] {
    while (!stop) {
      auto session = pool.read(soon());
      const auto sums = session->one<std::tuple<std::int64_t, std::int64_t>>(
          {"sum", "SELECT sum(orders), count(*) FROM sales_by_month"});
      if (std::get<1>(sums) != 2 || std::get<0>(sums) < 3) ++torn;
      ++read;
    }
  });
  for (int round = 0; round < 50 || read < 20; ++round) {
    run("INSERT INTO orders VALUES(1,1,1)");
    CHECK(model.refresh(pool, soon()).rebuilt);
  }
  stop = true;
  reader.join();
  CHECK(torn == 0);
}

TEST_CASE_METHOD(fixture,
                 "a definition that was edited is rebuilt, and one that fails leaves the table as it was") {
  hasten::read_model(by_month()).refresh(pool, soon());
  auto edited = by_month();
  edited.indexes.push_back("orders");
  hasten::read_model second(edited);
  CHECK(second.refresh(pool, soon()).rebuilt);
  CHECK_FALSE(second.refresh(pool, soon()).rebuilt);
  CHECK(pool.read(soon())->scalar<int>(
            {"x", "SELECT count(*) FROM sqlite_schema WHERE type='index' AND tbl_name='sales_by_month'"}) ==
        3);
  edited.select = "SELECT month, nonsense AS cents, 1 AS orders FROM orders";
  hasten::read_model broken(edited);
  CHECK_THROWS_AS(broken.refresh(pool, soon()), hasten::query_error);
  CHECK(rows().size() == 2);
  CHECK(second.state(*pool.read(soon())).version == 3);
}

TEST_CASE_METHOD(fixture, "a refresh by age happens when it is due") {
  hasten::read_model model(by_month());
  CHECK(model.refresh_if_older(pool, 1h, soon()).has_value());
  CHECK_FALSE(model.refresh_if_older(pool, 1h, soon()).has_value());
  CHECK(model.refresh_if_older(pool, 0ms, soon()).has_value());
}

TEST_CASE_METHOD(fixture,
                 "those who ask while a refresh runs share the next one, which holds what they wrote") {
  hasten::read_model model(by_month());
  std::vector<std::thread> callers;
  std::atomic<int> stale{0};
  {
    auto writer = pool.write(soon());  // the first refresh cannot end before all have asked
    for (int caller = 0; caller < 8; ++caller) callers.emplace_back([&] { model.refresh(pool, soon()); });
    while (pool.stats().writer.waiting == 0) std::this_thread::yield();
  }
  for (auto& each : callers) each.join();
  CHECK(model.state(*pool.read(soon())).version <= 9);
  callers.clear();
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 10; ++round) {
        const int month = 100 + caller * 10 + round;
        pool.write(soon())->exec({"add", "INSERT INTO orders VALUES(?1, 1, ?2)"}, month, 1000 + month);
        model.rebuild(pool, soon());
        if (pool.read(soon())->scalar<int>({"x", "SELECT count(*) FROM sales_by_month WHERE month=?1"},
                                           month) != 1)
          ++stale;
      }
    });
  for (auto& each : callers) each.join();
  CHECK(stale == 0);
}

TEST_CASE_METHOD(fixture, "who waits for another's refresh is told at the deadline") {
  hasten::read_model model(by_month());
  auto held = pool.write(soon());
  std::thread leader([&] { model.refresh(pool, soon()); });
  while (pool.stats().writer.waiting == 0) std::this_thread::yield();
  try {
    model.refresh(pool, hasten::steady_time::min());
    FAIL("it did not wait");
  } catch (const hasten::error& failure) {
    CHECK(failure.code() == hasten::errc::timeout);
  }
  held.release();
  leader.join();
}

TEST_CASE("read models that make no sense are refused") {
  using hasten::read_model;
  for (const char* name : {"", "Sales", "a b", "1st", "x;y"})
    CHECK_THROWS_AS(read_model({.name = name, .select = "SELECT 1 AS x"}), std::invalid_argument);
  CHECK_THROWS_AS(read_model({.name = std::string(49, 'a'), .select = "SELECT 1 AS x"}),
                  std::invalid_argument);
  CHECK_THROWS_AS(read_model({.name = "x"}), std::invalid_argument);
  CHECK_NOTHROW(read_model({.name = "x", .select = "SELECT 1 AS x", .key = {"x"}}));
  CHECK_THROWS_AS(
      read_model({.name = "x", .select = "SELECT 1 AS x", .changed = "SELECT 1", .watermark = "SELECT 1"}),
      std::invalid_argument);
  CHECK_THROWS_AS(read_model({.name = "x", .select = "SELECT 1 AS x", .key = {"x"}, .changed = "SELECT 1"}),
                  std::invalid_argument);
  CHECK_THROWS_AS(
      read_model({.name = "x", .select = "SELECT 1 AS x", .indexes = std::vector<std::string>(21, "x")}),
      std::invalid_argument);
}

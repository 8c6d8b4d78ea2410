// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/explain.hpp>

#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>
#include <soci/soci.h>

#include <support/postgresql_fixture.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace {

struct fixture : postgresql_fixture {
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::postgresql, server.connection()),
                               monitor};
};

struct slow_fixture : postgresql_fixture {
  std::vector<std::string> told;
  hasten::plan_book plans{{.on_plan = [this](const hasten::plan_event& event) {
    told.push_back((event.before == nullptr ? "new " : "changed ") + event.now.name);
  }}};
  // With a threshold of nothing every statement is slow, except those that are named here.
  hasten::query_monitor monitor{
      {.slow_threshold = std::chrono::nanoseconds(0), .slow_thresholds = {{"quick", std::chrono::hours(1)}}}};
  hasten::monitored_session db{std::make_unique<soci::session>(soci::postgresql, server.connection()),
                               monitor,
                               {.plans = &plans, .explain_every = std::chrono::seconds(1)}};

  slow_fixture() {
    db.script("setup",
              "CREATE TABLE orders(id bigint PRIMARY KEY, status text);"
              "INSERT INTO orders SELECT i, 'open ' || i FROM generate_series(1, 5000) AS i; ANALYZE orders");
  }
};

}  // namespace

TEST_CASE_METHOD(fixture, "a statement is explained with its arguments, which do not show, and is not run") {
  db.script("setup",
            "CREATE TABLE orders(id bigint PRIMARY KEY, status text);"
            "INSERT INTO orders SELECT i, 'open' FROM generate_series(1, 5000) AS i; ANALYZE orders");
  const auto scan =
      hasten::explain(db, {"orders.by_status", "SELECT id FROM orders WHERE status=:s ORDER BY status"},
                      hasten::param("s", "secret"));
  CHECK(scan.full_scans == std::vector<std::string>{"orders"});
  CHECK(hasten::to_text(scan).find("secret") == std::string::npos);
  const auto find = hasten::explain(db, {"orders.find", "SELECT status FROM orders WHERE id=?1"}, 7);
  CHECK(find.is_good());
  CHECK(hasten::to_text(find) == "Index Scan using orders_pkey on orders\n");
  (void)hasten::explain(db, {"orders.clear", "DELETE FROM orders"});
  CHECK(db.scalar<int>({"count", "SELECT count(*)::int FROM orders"}) == 5000);
  CHECK_THROWS_AS(hasten::explain(db, {"bad", "SELECT missing FROM orders"}), hasten::query_error);
}

TEST_CASE_METHOD(
    slow_fixture,
    "a slow statement is explained by itself, once in a while, and a change of its plan is told") {
  const hasten::statement find{"orders.find", "SELECT id FROM orders WHERE status=?1"};
  (void)db.maybe<std::int64_t>({"quick", "SELECT id FROM orders WHERE id=?1"}, 7);
  (void)db.maybe<std::int64_t>(find, "secret");
  REQUIRE(plans.size() == 1);
  CHECK(plans.plans()[0].name == "orders.find");
  CHECK(plans.plans()[0].plan.full_scans == std::vector<std::string>{"orders"});
  CHECK(hasten::to_text(plans.plans()[0].plan).find("secret") == std::string::npos);
  db.script("quick", "CREATE INDEX by_status ON orders(status)");
  while (told.size() < 2) (void)db.maybe<std::int64_t>(find, "open 7");  // until it is asked for again
  CHECK(told == std::vector<std::string>{"new orders.find", "changed orders.find"});
  CHECK(plans.plans()[0].plan.is_good());
  CHECK(plans.failures() == 0);
}

TEST_CASE_METHOD(slow_fixture, "explaining leaves transactions, streams and failures as they are") {
  {
    hasten::transaction change(db);
    CHECK(db.exec({"orders.close", "UPDATE orders SET status='closed' WHERE id<:id"},
                  hasten::param("id", 11)) == 10);
    CHECK(db.in_transaction());
    change.commit();
  }
  CHECK(db.one<std::int64_t>({"quick", "SELECT count(*) FROM orders WHERE status='closed'"}) == 10);
  std::uint64_t inner = 0;
  CHECK(db.each<std::int64_t>({"orders.all", "SELECT id FROM orders"}, [&](std::int64_t& id) {
    if (id <= 3)
      inner += db.one<std::uint64_t>({"orders.one", "SELECT 1"});  // beside rows that are on their way
  }) == 5000);
  CHECK(inner == 3);
  CHECK_THROWS_AS(db.exec({"orders.twice", "INSERT INTO orders VALUES(1, 'x')"}), hasten::query_error);
  db.exec({"orders.setting", "SET work_mem = '8MB'"});  // has no plan
  CHECK(plans.failures() == 0);
  CHECK(db.settle());
  for (const std::string& each : told) CHECK((each != "new orders.twice" && each != "new orders.setting"));
  CHECK(std::find(told.begin(), told.end(), "new orders.close") != told.end());
  CHECK(std::find(told.begin(), told.end(), "new orders.all") != told.end());
}

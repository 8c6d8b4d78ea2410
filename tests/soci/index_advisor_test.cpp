// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/index_advisor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct shop {
  hasten::plan_book plans;
  hasten::query_monitor monitor;
  hasten::monitored_session db{
      std::make_unique<soci::session>(soci::sqlite3, "db=:memory:"), monitor, {.plans = &plans}};

  shop() {
    db.script("setup",
              "CREATE TABLE customers(id INTEGER PRIMARY KEY, code TEXT UNIQUE, city TEXT);"
              "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), "
              "status TEXT,"
              " day INTEGER, cents INTEGER, note TEXT);"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000)"
              " INSERT INTO customers SELECT i, 'c' || i, 'town' || (i % 50) FROM n;"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<40000)"
              " INSERT INTO orders SELECT i, i % 1000 + 1, CASE i % 10 WHEN 0 THEN 'open' ELSE 'paid' END, i "
              "/ 20, i, 'secret'"
              " FROM n");
  }
  // Keeps a statement as if the program had run it.
  void seen(const char* name, const char* text) {
    hasten::detail::capture_plan(hasten::detail::sqlite_handle_of(db.soci()), plans, name, text);
  }
  hasten::index_advice advise(const hasten::index_advisor_options& chosen = {.rows_saved_min = 1'000}) {
    return hasten::advise_indexes(db, plans.plans(), monitor.statements(), chosen);
  }
  std::vector<std::string> proposed(const hasten::index_advisor_options& chosen = {.rows_saved_min = 1'000}) {
    std::vector<std::string> all;
    for (const auto& each : advise(chosen).proposals) all.push_back(each.ddl);
    std::sort(all.begin(), all.end());
    return all;
  }
};

using list = std::vector<std::string>;

constexpr const char* newest =
    "SELECT * FROM orders WHERE status=:status ORDER BY day DESC, id DESC LIMIT 20";

}  // namespace

TEST_CASE_METHOD(
    shop, "an index is proposed with the plans before and after, and its statement's share of the time") {
  const hasten::statement page{"orders.newest", newest};
  (void)db.each<std::tuple<std::int64_t>>(
      {"orders.ids", "SELECT id FROM orders WHERE id=?1"}, [](auto&) {}, 1);
  REQUIRE_NOTHROW(
      db.each<std::tuple<std::int64_t, std::int64_t, std::string, std::int64_t, std::int64_t, std::string>>(
          page, [](auto&) {}, hasten::param("status", "open")));
  const auto advice = advise();
  REQUIRE(advice.proposals.size() == 1);
  const auto& one = advice.proposals[0];
  CHECK(one.ddl == "CREATE INDEX ix_orders_status_day ON orders(status, day)");
  REQUIRE(one.gains.size() == 1);
  CHECK(one.gains[0].name == "orders.newest");
  CHECK(one.gains[0].plan_before.find("SCAN orders") != std::string::npos);
  CHECK(one.gains[0].plan_before.find("TEMP B-TREE") != std::string::npos);
  CHECK(one.gains[0].plan_after.find("ix_orders_status_day") != std::string::npos);
  CHECK(one.gains[0].plan_after.find("TEMP B-TREE") == std::string::npos);
  CHECK(one.gains[0].cost_before > 20 * one.gains[0].cost_after);
  CHECK(one.share_of_time > 0);
  CHECK(one.share_of_time <= 1);
  CHECK(one.bytes > 40'000 * 8);
  CHECK(advice.is_complete);
  CHECK(advice.statements == 2);
  // It holds: made on the database itself, the plan is that one.
  db.script("apply", one.ddl);
  const auto plan = hasten::detail::plan_of_sqlite(hasten::detail::sqlite_handle_of(db.soci()), "x", newest);
  CHECK(hasten::to_text(plan) == one.gains[0].plan_after);
  hasten::detail::capture_plan(hasten::detail::sqlite_handle_of(db.soci()), plans, page.name, page.text);
  CHECK(proposed().empty());
}

TEST_CASE_METHOD(shop, "one index serves several statements, and joins get theirs") {
  seen("a", newest);
  seen("b", "SELECT count(*) FROM orders WHERE status=?1");
  seen("c", "SELECT * FROM orders WHERE status=?1 AND day>=?2 ORDER BY day LIMIT 5");
  seen("d", "SELECT c.city, o.cents FROM customers c JOIN orders o ON o.customer_id=c.id WHERE c.code=?1");
  CHECK(proposed() == list{"CREATE INDEX ix_orders_customer_id ON orders(customer_id)",
                           "CREATE INDEX ix_orders_status_day ON orders(status, day)"});
  // The foreign key's own finding is gone with it.
  CHECK(advise().findings.empty());
}

TEST_CASE_METHOD(shop, "a sum over a range gets an index that holds all it reads") {
  seen("sums", "SELECT status, sum(cents) FROM orders WHERE day BETWEEN ?1 AND ?2 GROUP BY status");
  const auto made = proposed();
  REQUIRE(made.size() == 1);
  CHECK(made[0].find("cents") != std::string::npos);
}

TEST_CASE_METHOD(
    shop, "an analysed database is planned with its statistics, and small gains are not worth an index") {
  db.script("analyse", "ANALYZE");
  seen("a", newest);
  CHECK(proposed() == list{"CREATE INDEX ix_orders_status_day ON orders(status, day)"});
  CHECK(proposed({.rows_saved_min = 10'000'000}).empty());
}

TEST_CASE_METHOD(shop,
                 "writes are counted against an index, and statements that do not fit are passed over") {
  seen("a", newest);
  seen("add", "INSERT INTO orders(status) VALUES(?1)");
  seen("move", "UPDATE orders SET status=?2 WHERE id=?1");
  seen("upsert", "INSERT INTO customers(code) VALUES(?1) ON CONFLICT(code) DO UPDATE SET city='x'");
  seen("gone", "SELECT * FROM orders WHERE status=?1");
  auto known = plans.plans();
  known.back().text = "SELECT nothing FROM nowhere";
  const auto advice = hasten::advise_indexes(db, known, {}, {.rows_saved_min = 1'000});
  CHECK(advice.passed_over == 1);
  for (const auto& each : advice.proposals) UNSCOPED_INFO(each.ddl + " for " + each.gains[0].shape);
  REQUIRE(advice.proposals.size() == 1);
  CHECK(advice.proposals[0].writers == 2);
}

TEST_CASE_METHOD(shop, "the database is only read, and no value shows") {
  seen("a", "SELECT *, 'secret' FROM orders WHERE customer_id=1 AND note='secret' ORDER BY day");
  const auto version = db.scalar<std::int64_t>({"v", "PRAGMA schema_version"});
  db.script("readonly", "PRAGMA query_only=ON");
  const auto advice = advise();
  CHECK(db.scalar<std::int64_t>({"v", "PRAGMA schema_version"}) == version);
  REQUIRE_FALSE(advice.proposals.empty());
  for (const auto& gain : advice.proposals[0].gains) {
    CHECK((gain.shape + gain.plan_before + gain.plan_after).find("secret") == std::string::npos);
  }
}

TEST_CASE_METHOD(shop, "superfluous indexes are found beside missing ones") {
  db.script("setup",
            "CREATE INDEX by_city ON customers(city); CREATE INDEX by_city_code ON customers(city, code);"
            "CREATE INDEX by_day ON orders(day)");
  seen("a", "SELECT code FROM customers WHERE city=?1");
  const auto advice = advise();
  REQUIRE(advice.findings.size() == 3);
  CHECK(advice.findings[0].action == "DROP INDEX by_city");
  CHECK(advice.findings[1].action == "DROP INDEX by_day");
  CHECK(advice.findings[2].action == "CREATE INDEX ix_orders_customer_id ON orders(customer_id)");
}

TEST_CASE_METHOD(shop, "when the time is up it says what it has") {
  seen("a", newest);
  const auto advice = advise({.time_max = std::chrono::nanoseconds(1)});
  CHECK_FALSE(advice.is_complete);
}

TEST_CASE_METHOD(shop, "options out of range and other databases are refused") {
  CHECK_THROWS_AS(advise({.sample_rows = 99}), std::invalid_argument);
  CHECK_THROWS_AS(advise({.statements_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(advise({.gain_min = 1}), std::invalid_argument);
  CHECK_THROWS_AS(advise({.rows_saved_min = -1}), std::invalid_argument);
  CHECK_THROWS_AS(advise({.time_max = std::chrono::nanoseconds(0)}), std::invalid_argument);
  soci::session closed;
  hasten::monitored_session none(closed, monitor);
  CHECK_THROWS_AS(hasten::advise_indexes(none, {}), hasten::query_error);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/explain.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace {

struct fixture {
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, "db=:memory:"), monitor};

  fixture() {
    db.script("setup",
              "CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT, city TEXT);"
              "CREATE INDEX by_status ON orders(status, id);"
              "CREATE TABLE lines(order_id INTEGER, text TEXT)");
  }
  hasten::query_plan plan(const char* text) { return hasten::explain(db, {"x", text}); }
};

}  // namespace

TEST_CASE_METHOD(fixture, "what an index serves is good") {
  CHECK(plan("SELECT * FROM orders WHERE id=?1").is_good());
  CHECK(plan("SELECT * FROM orders WHERE status=?1 ORDER BY id LIMIT 10").is_good());
  CHECK(plan("INSERT INTO orders VALUES(?1, ?2, ?3)").is_good());
}

TEST_CASE_METHOD(fixture, "full scans, sorts and automatic indexes are found") {
  const auto scan = plan("SELECT id FROM orders WHERE city=?1 ORDER BY lower(city)");
  CHECK(scan.full_scans == std::vector<std::string>{"orders"});
  CHECK(scan.sorts);
  CHECK(plan("SELECT id FROM orders WHERE city=?1 ORDER BY status").index_scans ==
        std::vector<std::string>{"orders"});
  CHECK(plan("SELECT count(*) FROM orders AS o, lines AS l WHERE o.city=l.text").automatic_index);
}

TEST_CASE_METHOD(fixture, "a plan never shows a value, not even one in the text") {
  CHECK(hasten::to_text(plan("SELECT * FROM orders WHERE status='123-45-6789'")).find("123") ==
        std::string::npos);
}

TEST_CASE_METHOD(fixture, "explaining runs nothing and leaves the prepared statements alone") {
  (void)plan("DELETE FROM orders");
  db.exec({"add", "INSERT INTO orders VALUES(1, 'a', 'b')"});
  (void)plan("DELETE FROM orders");
  CHECK(db.scalar<int>({"count", "SELECT count(*) FROM orders"}) == 1);
  CHECK(db.statements().size == 2);
}

TEST_CASE_METHOD(fixture, "an index is tried on a small table, and nothing of it stays") {
  const hasten::statement find{"orders.in", "SELECT id FROM orders WHERE city=?1"};
  const hasten::index_candidate index{.table = "orders", .columns = {{.name = "city"}}};
  db.exec({"add", "INSERT INTO orders VALUES(1, 'a', 'b'), (5, 'c', 'd')"});
  const auto trial = hasten::try_index(db, index, 5, find);
  CHECK(trial.refused.empty());
  CHECK_FALSE(trial.before.is_good());
  CHECK(trial.after.is_good());
  CHECK(trial.is_used);
  CHECK_FALSE(plan("SELECT id FROM orders WHERE city=?1").is_good());
  CHECK_FALSE(hasten::try_index(db, {.table = "lines", .columns = {{.name = "text"}}}, 5, find).is_used);
  CHECK_FALSE(hasten::try_index(db, index, 4, find).refused.empty());
  CHECK_FALSE(hasten::try_index(db, {.table = "nowhere"}, 5, find).refused.empty());
  const hasten::transaction open_one(db);
  CHECK_THROWS_AS(hasten::try_index(db, index, 5, find), hasten::query_error);
}

TEST_CASE_METHOD(fixture, "a text that does not fit is refused") {
  CHECK_THROWS_AS(plan("SELECT missing FROM orders"), hasten::query_error);
  CHECK_THROWS_AS(plan("SELECT 1; SELECT 2"), hasten::query_error);
  soci::session closed;
  hasten::monitored_session none(closed, monitor);
  CHECK_THROWS_AS(hasten::explain(none, {"x", "SELECT 1"}), hasten::query_error);
}

namespace {

struct watched {
  std::vector<std::string> told;
  hasten::plan_book plans{{.on_plan = [this](const hasten::plan_event& event) {
    told.push_back(event.now.name + (event.before == nullptr ? ": new" : ": changed"));
  }}};
  hasten::query_monitor monitor;
  hasten::monitored_session db{
      std::make_unique<soci::session>(soci::sqlite3, "db=:memory:"), monitor, {.plans = &plans}};

  watched() { db.script("setup", "CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT)"); }
};

constexpr hasten::statement open_orders{"orders.open", "SELECT id FROM orders WHERE status=:status"};

}  // namespace

TEST_CASE_METHOD(watched, "each text that a session prepares is explained once") {
  for (int round = 0; round < 3; ++round) (void)db.all<int>(open_orders, hasten::param("status", "open"));
  db.exec({"orders.add", "INSERT INTO orders VALUES(?1, ?2)"}, 1, "open");
  CHECK(told == std::vector<std::string>{"orders.open: new", "orders.add: new"});
  REQUIRE(plans.size() == 2);
  CHECK(plans.plans()[1].plan.full_scans == std::vector<std::string>{"orders"});
  CHECK(plans.plans()[0].plan.is_good());
  CHECK(plans.failures() == 0);
}

TEST_CASE_METHOD(watched, "settings and other statements without a plan are left alone") {
  (void)db.scalar<std::int64_t>({"setting", "PRAGMA cache_size"});
  db.exec({"ddl", "CREATE TABLE more(x)"});
  CHECK(plans.size() == 0);
}

TEST_CASE_METHOD(
    watched, "a plan that changes with the schema is told when the text is prepared again, or on demand") {
  (void)db.all<int>(open_orders, hasten::param("status", "open"));
  db.script("index", "CREATE INDEX by_status ON orders(status)");
  CHECK(hasten::refresh_plans(db, plans) == 0);
  CHECK(told.back() == "orders.open: changed");
  CHECK(plans.plans()[0].changes == 1);
  CHECK(hasten::refresh_plans(db, plans) == 0);
  CHECK(told.size() == 2);
  db.script("drop", "DROP TABLE orders");
  CHECK(hasten::refresh_plans(db, plans) == 1);
  CHECK(plans.failures() == 1);
  soci::session closed;
  hasten::monitored_session none(closed, monitor);
  CHECK_THROWS_AS(hasten::refresh_plans(none, plans), hasten::query_error);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/explain.hpp>

#include <catch2/catch_test_macros.hpp>

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

TEST_CASE_METHOD(fixture, "a text that does not fit is refused") {
  CHECK_THROWS_AS(plan("SELECT missing FROM orders"), hasten::query_error);
  CHECK_THROWS_AS(plan("SELECT 1; SELECT 2"), hasten::query_error);
  soci::session closed;
  hasten::monitored_session none(closed, monitor);
  CHECK_THROWS_AS(hasten::explain(none, {"x", "SELECT 1"}), hasten::query_error);
}

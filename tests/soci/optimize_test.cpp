// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/optimize.hpp>

#include <hasten/soci/sqlite_tuning.hpp>
#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using namespace std::chrono_literals;
using hasten::optimize_outcome;

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::monitored_session db = open();

  fixture() {
    db.script("first", "PRAGMA auto_vacuum=INCREMENTAL");
    hasten::apply({}, db.soci());
    db.script("setup",
              "CREATE TABLE orders(id INTEGER PRIMARY KEY, city TEXT); CREATE INDEX by_city ON orders(city);"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000)"
              " INSERT INTO orders SELECT i, 'town number ' || i FROM n; DELETE FROM orders WHERE id>2000");
  }
  hasten::monitored_session open() {
    return {std::make_unique<soci::session>(soci::sqlite3, file.connect_string()), monitor};
  }
  [[nodiscard]] static hasten::steady_time soon() { return hasten::steady_clock_source::now() + 30s; }
  [[nodiscard]] auto log_bytes() const {
    return std::filesystem::file_size(std::string(file.path()) + "-wal");
  }
};

}  // namespace

TEST_CASE_METHOD(fixture, "statistics are made, free pages given back and the log moved") {
  REQUIRE(log_bytes() > 0);
  const auto steps = hasten::optimize(db, soon());
  REQUIRE(steps.size() == 3);
  for (const auto& each : steps) {
    INFO(each.name << ' ' << name_of(each.outcome));
    CHECK(each.outcome == optimize_outcome::done);
  }
  CHECK(steps[1].name == "vacuum");
  CHECK(steps[1].pages > 0);
  CHECK(steps[2].pages > 0);
  CHECK(log_bytes() == 0);
  CHECK(db.scalar<int>({"stat", "SELECT count(*) FROM sqlite_stat1 WHERE tbl='orders'"}) == 1);
  const auto again = hasten::optimize(db, soon());
  CHECK(again[1].outcome == optimize_outcome::not_needed);
}

TEST_CASE_METHOD(fixture, "a reader in the way of the checkpoint is told, and waited for a second at most") {
  hasten::monitored_session reader = open();
  reader.script("begin", "BEGIN");
  (void)reader.scalar<int>({"read", "SELECT count(*) FROM orders"});
  db.script("write", "UPDATE orders SET city='x' WHERE id=1");
  const auto steps =
      hasten::optimize(db, hasten::steady_clock_source::now() + 30s, {.analyse = false, .vacuum_pages = 0});
  REQUIRE(steps.size() == 1);
  CHECK(steps[0].outcome == optimize_outcome::busy);
  CHECK(steps[0].took < 20s);
  CHECK(db.scalar<int>({"timeout", "PRAGMA busy_timeout"}) == 5'000);
}

TEST_CASE_METHOD(fixture, "after the deadline nothing is begun") {
  for (const auto& each : hasten::optimize(db, hasten::steady_clock_source::now()))
    CHECK(each.outcome == optimize_outcome::out_of_time);
  CHECK(log_bytes() > 0);
}

TEST_CASE_METHOD(fixture, "a database that can neither vacuum in steps nor has a log says so") {
  hasten::monitored_session memory(std::make_unique<soci::session>(soci::sqlite3, "db=:memory:"), monitor);
  const auto steps = hasten::optimize(memory, soon());
  CHECK(steps[1].outcome == optimize_outcome::not_needed);
  CHECK(steps[2].outcome == optimize_outcome::not_needed);
}

TEST_CASE_METHOD(fixture, "a transaction, options out of range and other databases are refused") {
  CHECK_THROWS_AS(hasten::optimize(db, soon(), {.vacuum_pages = -1}), std::invalid_argument);
  {
    hasten::transaction open_one(db);
    CHECK_THROWS_AS(hasten::optimize(db, soon()), hasten::query_error);
  }
  soci::session closed;
  hasten::monitored_session none(closed, monitor);
  CHECK_THROWS_AS(hasten::optimize(none, soon()), hasten::query_error);
}

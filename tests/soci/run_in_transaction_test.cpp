// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/run_in_transaction.hpp>

#include <hasten/soci/sqlite_tuning.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

namespace {

using namespace std::chrono_literals;

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                               monitor};
  hasten::monitored_session other{std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                                  monitor};
  std::vector<std::chrono::nanoseconds> pauses;

  fixture() {
    for (hasten::monitored_session* each : {&db, &other}) hasten::apply({.busy_timeout = 0ms}, each->soci());
    db.script("setup", "CREATE TABLE t(x INTEGER UNIQUE)");
  }
  int count() { return db.scalar<int>({"t.count", "SELECT count(*) FROM t"}); }
  hasten::transaction_retry policy() {
    return {.sleep = [this](std::chrono::nanoseconds pause) { pauses.push_back(pause); }};
  }
};

constexpr hasten::statement add{"t.add", "INSERT INTO t VALUES(?1)"};

}  // namespace

TEST_CASE_METHOD(fixture, "what the callable returns comes back committed") {
  CHECK(hasten::run_in_transaction(db, [](hasten::monitored_session& session) {
          session.exec(add, 1);
          return 42;
        }) == 42);
  hasten::run_in_transaction(db, [](hasten::monitored_session& session) { session.exec(add, 2); });
  CHECK_FALSE(db.in_transaction());
  CHECK(count() == 2);
}

TEST_CASE_METHOD(fixture, "a transaction that meets another writer is repeated until it succeeds") {
  std::optional<hasten::transaction> obstacle(std::in_place, other);
  auto chosen = policy();
  chosen.sleep = [&](std::chrono::nanoseconds pause) {
    pauses.push_back(pause);
    if (pauses.size() == 2) obstacle.reset();
  };
  int runs = 0;
  hasten::run_in_transaction(
      db,
      [&](hasten::monitored_session& session) {
        ++runs;
        session.exec(add, 1);
      },
      chosen);
  CHECK(runs == 1);  // it could not even begin before
  REQUIRE(pauses.size() == 2);
  CHECK(pauses[0] <= 2ms);
  CHECK(pauses[0] >= 1ms);
  CHECK(pauses[1] <= 4ms);
  CHECK(pauses[1] >= 2ms);
  CHECK(count() == 1);
}

TEST_CASE_METHOD(fixture, "a stale snapshot is repeated as a whole") {
  int runs = 0;
  auto chosen = policy();
  chosen.mode = hasten::transaction_mode::read;  // reads first, takes the write lock later
  hasten::run_in_transaction(
      db,
      [&](hasten::monitored_session& session) {
        const int seen = session.scalar<int>({"t.count", "SELECT count(*) FROM t"});
        if (++runs == 1) other.exec(add, 100);
        session.exec(add, seen);
      },
      chosen);
  CHECK(runs == 2);
  CHECK(db.scalar<int>({"t.max", "SELECT min(x) FROM t"}) == 1);  // the second run saw the other row
}

TEST_CASE_METHOD(fixture, "the attempts are limited, and so is the time") {
  const hasten::transaction obstacle(other);
  const auto nothing = [](hasten::monitored_session&) {};
  CHECK_THROWS_AS(hasten::run_in_transaction(db, nothing, policy()), hasten::query_error);
  CHECK(pauses.size() == 2);
  auto late = policy();
  late.deadline = hasten::steady_time::min();
  CHECK_THROWS_AS(hasten::run_in_transaction(db, nothing, late), hasten::query_error);
  CHECK(pauses.size() == 2);
}

TEST_CASE_METHOD(fixture, "other failures are not repeated and leave nothing") {
  int runs = 0;
  const auto twice_the_same = [&](hasten::monitored_session& session) {
    ++runs;
    session.exec(add, 1);
    session.exec(add, 1);
  };
  CHECK_THROWS_AS(hasten::run_in_transaction(db, twice_the_same, policy()), hasten::query_error);
  CHECK_THROWS_AS(hasten::run_in_transaction(
                      db, [](hasten::monitored_session&) { throw std::runtime_error("mine"); }, policy()),
                  std::runtime_error);
  CHECK(runs == 1);
  CHECK(count() == 0);
  CHECK(pauses.empty());
}

TEST_CASE_METHOD(fixture, "a policy out of range is refused") {
  const auto refused = [&](const hasten::transaction_retry& chosen) {
    CHECK_THROWS_AS(
        hasten::run_in_transaction(db, [](hasten::monitored_session&) {}, chosen), std::invalid_argument);
  };
  refused({.attempts_max = 0});
  refused({.attempts_max = 101});
  refused({.pause = -1ns});
  refused({.pause = 2ms, .pause_max = 1ms});
}

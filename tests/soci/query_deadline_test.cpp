// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/query_deadline.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <memory>
#include <stop_token>
#include <thread>

namespace {

using namespace std::chrono_literals;

// Would count for years.
constexpr hasten::statement endless{
    "endless", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n"};
constexpr hasten::statement quick{"quick", "SELECT 1"};

struct fixture {
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, "db=:memory:"), monitor};

  hasten::query_error_kind kind_of_endless() {
    try {
      (void)db.scalar<int>(endless);
    } catch (const hasten::query_error& failure) {
      CHECK(failure.code() == hasten::errc::timeout);
      return failure.kind();
    }
    FAIL("it came to an end");
    return {};
  }
};

hasten::steady_time in(std::chrono::milliseconds span) { return hasten::steady_clock_source::now() + span; }

}  // namespace

TEST_CASE_METHOD(fixture, "a statement that runs beyond the deadline is stopped and counted as a timeout") {
  const hasten::query_deadline limit(db, in(10ms));
  CHECK(kind_of_endless() == hasten::query_error_kind::timeout);
  CHECK(monitor.statements().at(0).errors_of(hasten::query_error_kind::timeout) == 1);
}

TEST_CASE_METHOD(fixture, "a short statement is not stopped and the session works on afterwards") {
  {
    const hasten::query_deadline limit(db, in(1h));
    CHECK(db.scalar<int>(quick) == 1);
  }
  {
    const hasten::query_deadline limit(db, hasten::steady_time::min());
    CHECK(kind_of_endless() == hasten::query_error_kind::timeout);
  }
  // Long enough for the handler to be asked, were it still there.
  CHECK(db.scalar<int>({"long",
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 20000) "
                        "SELECT count(*) FROM n"}) == 20000);
}

TEST_CASE_METHOD(fixture, "of two deadlines the earlier one holds, and the outer one returns") {
  const hasten::query_deadline outer(db, in(10ms));
  {
    const hasten::query_deadline inner(db, in(1h));
    CHECK(kind_of_endless() == hasten::query_error_kind::timeout);
  }
  CHECK(kind_of_endless() == hasten::query_error_kind::timeout);
}

TEST_CASE_METHOD(fixture, "a statement is stopped when a stop is requested, and works on afterwards") {
  std::stop_source client;
  {
    const hasten::query_deadline limit(db, hasten::steady_time::max(), client.get_token());
    CHECK(db.scalar<int>(quick) == 1);
    std::jthread gone([&] { client.request_stop(); });
    CHECK(kind_of_endless() == hasten::query_error_kind::timeout);
    const hasten::query_deadline inner(db, hasten::steady_time::max());
    CHECK(kind_of_endless() == hasten::query_error_kind::timeout);
  }
  CHECK(db.scalar<int>({"long",
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 20000) "
                        "SELECT count(*) FROM n"}) == 20000);
}

TEST_CASE("a session that is not SQLite's has no deadlines, but says so") {
  soci::session closed;
  hasten::query_monitor monitor;
  hasten::monitored_session db(closed, monitor);
  CHECK_THROWS_AS(hasten::query_deadline(db, hasten::steady_time::max()), hasten::query_error);
}

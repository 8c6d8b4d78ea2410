// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/sqlite_tuning.hpp>

#include <hasten/soci/monitored_session.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

TEST_CASE("the settings reach the connection") {
  temporary_database file;
  soci::session plain(soci::sqlite3, file.connect_string());
  hasten::apply({.sync = hasten::sqlite_tuning::synchronous::normal}, plain);
  hasten::query_monitor monitor;
  hasten::monitored_session db(plain, monitor);
  CHECK(db.scalar<std::string>({"x", "PRAGMA journal_mode"}) == "wal");
  CHECK(db.scalar<int>({"x", "PRAGMA synchronous"}) == 1);
  CHECK(db.scalar<int>({"x", "PRAGMA foreign_keys"}) == 1);
  CHECK(db.scalar<int>({"x", "PRAGMA busy_timeout"}) == 5000);
  CHECK(db.scalar<std::int64_t>({"x", "PRAGMA cache_size"}) == -131072);
  CHECK(db.scalar<int>({"x", "PRAGMA temp_store"}) == 2);
  CHECK(db.scalar<int>({"x", "PRAGMA query_only"}) == 0);
  hasten::apply(
      {.sync = hasten::sqlite_tuning::synchronous::full, .busy_timeout = 0ms, .foreign_keys = false}, plain,
      true);
  CHECK(db.scalar<int>({"x", "PRAGMA synchronous"}) == 2);
  CHECK(db.scalar<int>({"x", "PRAGMA foreign_keys"}) == 0);
  CHECK(db.scalar<int>({"x", "PRAGMA busy_timeout"}) == 0);
  CHECK_THROWS_AS(db.exec({"x", "CREATE TABLE t(x)"}), hasten::query_error);
}

TEST_CASE("a database in memory cannot have a write-ahead log and says so") {
  soci::session plain(soci::sqlite3, "db=:memory:");
  CHECK_THROWS_AS(hasten::apply({}, plain), hasten::query_error);
  CHECK_NOTHROW(hasten::apply({.write_ahead_log = false}, plain));
}

TEST_CASE("settings out of range are refused by name") {
  const auto refused = [](const hasten::sqlite_tuning& tuning) {
    try {
      hasten::validate(tuning);
    } catch (const std::invalid_argument& refusal) {
      return std::string(refusal.what());
    }
    return std::string();
  };
  CHECK(refused({.busy_timeout = -1ms}) == "sqlite_tuning: busy_timeout must be 0..600000, got -1");
  CHECK(refused({.cache_bytes = 1000}).find("cache_bytes") != std::string::npos);
  CHECK(refused({.mmap_bytes = -1}).find("mmap_bytes") != std::string::npos);
  CHECK(refused({.checkpoint_pages = 0}).find("checkpoint_pages") != std::string::npos);
  CHECK(refused({.log_bytes_max = -1}).find("log_bytes_max") != std::string::npos);
  CHECK(refused({.analysis_limit = -1}).find("analysis_limit") != std::string::npos);
  CHECK(refused({}).empty());
  soci::session closed;
  CHECK_THROWS_AS(hasten::apply({}, closed), std::invalid_argument);
}

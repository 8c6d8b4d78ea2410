// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/database_health.hpp>

#include <hasten/soci/sqlite_tuning.hpp>
#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>

namespace {

using namespace std::chrono_literals;

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::monitored_session db = open();

  fixture() {
    hasten::apply({}, db.soci());
    db.script("setup",
              "CREATE TABLE orders(id INTEGER PRIMARY KEY, city TEXT); CREATE INDEX by_city ON orders(city);"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000)"
              " INSERT INTO orders SELECT i, 'town number ' || i FROM n; CREATE TABLE small(x)");
  }
  hasten::monitored_session open() {
    return {std::make_unique<soci::session>(soci::sqlite3, file.connect_string()), monitor};
  }
};

const hasten::object_size& size_of(const hasten::database_health& health, const std::string& name) {
  const auto found = std::find_if(health.sizes.begin(), health.sizes.end(),
                                  [&](const auto& each) { return each.name == name; });
  REQUIRE(found != health.sizes.end());
  return *found;
}

}  // namespace

TEST_CASE_METHOD(fixture, "the file, its log, settings and sizes are read") {
  const auto health = hasten::read_database_health(db, {.check_time = 30s, .sizes_time = 30s});
  CHECK(health.engine.starts_with("SQLite 3."));
  CHECK(health.journal_mode == "wal");
  CHECK(health.log_bytes > 100'000);
  CHECK(health.log_bytes_max == 64 << 20);
  CHECK(health.bytes() > 200'000);
  CHECK(health.cache_bytes == 128 << 20);
  CHECK(health.foreign_keys);
  CHECK_FALSE(health.is_analysed);
  CHECK_FALSE(health.is_checkpoint_starved());
  CHECK(health.check == hasten::integrity::sound);
  const auto& table = size_of(health, "orders");
  const auto& index = size_of(health, "by_city");
  CHECK_FALSE(table.is_estimate);
  CHECK(index.is_index);
  CHECK(index.table == "orders");
  CHECK(health.sizes.front().bytes == std::max(table.bytes, index.bytes));
  CHECK(size_of(health, "small").bytes == health.page_bytes);
}

TEST_CASE_METHOD(fixture, "without time sizes are estimated, and say so") {
  const auto counted = hasten::read_database_health(db, {.sizes_time = 30s});
  const auto guessed = hasten::read_database_health(db, {.sizes_time = 0s});
  for (const char* name : {"orders", "by_city"}) {
    CHECK(size_of(guessed, name).is_estimate);
    CHECK(size_of(guessed, name).bytes > size_of(counted, name).bytes / 2);
    CHECK(size_of(guessed, name).bytes < size_of(counted, name).bytes * 2);
  }
  CHECK(guessed.check == hasten::integrity::not_checked);
}

TEST_CASE_METHOD(fixture, "reads of the whole file stop when their time is up") {
  const auto health = hasten::read_database_health(db, {.check_time = 1ns, .sizes_time = 1ns});
  CHECK(health.check == hasten::integrity::out_of_time);
}

TEST_CASE_METHOD(fixture, "a session that can only read reads it too, and changes nothing") {
  hasten::monitored_session reader = open();
  hasten::apply({}, reader.soci(), true);
  CHECK(hasten::read_database_health(reader).pages > 50);
}

TEST_CASE("damage is found") {
  temporary_database file;
  hasten::query_monitor monitor;
  {
    hasten::monitored_session db(std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                                 monitor);
    db.script("setup",
              "CREATE TABLE t(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<5000)"
              " INSERT INTO t SELECT 'some text ' || i FROM n");
  }
  {
    std::fstream raw(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    raw.seekp(4096 * 5);
    raw << std::string(4096, '\x5A');
  }
  hasten::monitored_session db(std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                               monitor);
  CHECK(hasten::read_database_health(db, {.check_time = 30s, .sizes_time = 0s}).check ==
        hasten::integrity::damaged);
}

TEST_CASE_METHOD(fixture, "the longest transaction of the program is told with its line, until it ends") {
  CHECK_FALSE(hasten::read_database_health(db).longest_transaction.has_value());
  hasten::monitored_session other = open();
  {
    const hasten::transaction open_one(other, hasten::transaction_mode::read);
    const auto line = std::source_location::current().line() - 1;
    const auto health = hasten::read_database_health(db);
    CHECK(health.longest_transaction.has_value());
    CHECK(health.longest_transaction_at.ends_with("database_health_test.cpp:" + std::to_string(line)));
  }
  {
    hasten::transaction change(other);
    change.commit();
    CHECK_FALSE(hasten::read_database_health(db).longest_transaction.has_value());
  }
  CHECK(monitor.transactions().size() == 0);
}

TEST_CASE("negative times and other databases are refused") {
  hasten::query_monitor monitor;
  soci::session closed;
  hasten::monitored_session none(closed, monitor);
  CHECK_THROWS_AS(hasten::read_database_health(none), hasten::query_error);
  CHECK_THROWS_AS(hasten::read_database_health(none, {.check_time = -1s}), std::invalid_argument);
}

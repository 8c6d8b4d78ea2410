// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/session_pool.hpp>

#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <latch>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

hasten::steady_time soon() { return hasten::steady_clock_source::now() + 30s; }
constexpr hasten::steady_time at_once = hasten::steady_time::min();

constexpr hasten::statement count_all{"t.count", "SELECT count(*) FROM t"};
constexpr hasten::statement add{"t.add", "INSERT INTO t VALUES(?1)"};

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::session_pool pool{{.path = file.path(), .readers = 2}, monitor};

  fixture() { pool.write(soon())->script("setup", "CREATE TABLE t(x INTEGER UNIQUE)"); }
};

}  // namespace

TEST_CASE_METHOD(fixture, "readers see what the writer committed and cannot write") {
  pool.write(soon())->exec(add, 1);
  auto reader = pool.read(soon());
  CHECK(reader->scalar<int>(count_all) == 1);
  try {
    reader->exec(add, 2);
    FAIL("a reader wrote");
  } catch (const hasten::query_error& failure) {
    CHECK(failure.kind() == hasten::query_error_kind::read_only);
  }
}

TEST_CASE_METHOD(fixture, "readers do not wait for an open writing transaction and do not see it") {
  auto writer = pool.write(soon());
  hasten::transaction change(*writer);
  writer->exec(add, 1);
  CHECK(pool.read(soon())->scalar<int>(count_all) == 0);
  change.commit();
  CHECK(pool.read(soon())->scalar<int>(count_all) == 1);
}

TEST_CASE_METHOD(fixture, "there is one writer, and a second caller is told overloaded at its deadline") {
  const auto held = pool.write(soon());
  try {
    (void)pool.write(at_once);
    FAIL("two writers");
  } catch (const hasten::error& failure) {
    CHECK(failure.code() == hasten::errc::overloaded);
  }
  CHECK(pool.stats().writer.timed_out == 1);
  CHECK(pool.stats().writer.in_use == 1);
}

TEST_CASE_METHOD(fixture, "a transaction left open is rolled back when the lease ends") {
  {
    auto writer = pool.write(soon());
    writer->exec({"begin", "BEGIN IMMEDIATE"});
    writer->exec(add, 1);
  }
  auto writer = pool.write(soon());
  CHECK_FALSE(writer->in_transaction());
  CHECK(writer->scalar<int>(count_all) == 0);
}

TEST_CASE_METHOD(fixture, "a session is used again with its prepared statements") {
  for (int round = 0; round < 3; ++round) (void)pool.read(soon())->scalar<int>(count_all);
  CHECK(pool.read(soon())->statements().hits == 2);
  CHECK(pool.stats().readers.created == 1);
}

TEST_CASE("a file that cannot be opened is database_down, not overloaded") {
  temporary_database file;
  hasten::query_monitor monitor;
  const std::string missing = (file.folder() / "no such folder" / "x.db").string();
  try {
    hasten::session_pool pool({.path = missing}, monitor);
    FAIL("opened");
  } catch (const hasten::query_error& failure) {
    CHECK(failure.code() == hasten::errc::database_down);
  }
}

TEST_CASE("a file that is not a database is refused") {
  temporary_database file;
  hasten::query_monitor monitor;
  {
    soci::session plain(soci::sqlite3, file.connect_string());
    hasten::monitored_session(plain, monitor).script("setup", "CREATE TABLE t(x)");
  }
  std::filesystem::resize_file(file.path(), 10);
  try {
    hasten::session_pool pool({.path = file.path()}, monitor);
    FAIL("opened");
  } catch (const hasten::query_error& failure) {
    CHECK(failure.kind() == hasten::query_error_kind::corrupt);
    CHECK(failure.code() == hasten::errc::database_down);
  }
}

TEST_CASE_METHOD(fixture, "a session that met a damaged file is thrown away when its lease ends") {
  pool.write(soon())->exec(add, 1);
  using answer = std::tuple<int, int, int>;
  (void)pool.write(soon())->one<answer>({"checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)"});
  {
    std::fstream damaged(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(4096);  // the page of the table
    damaged << std::string(8192, '\xff');
  }
  hasten::session_pool fresh({.path = file.path(), .readers = 1}, monitor);
  {
    auto reader = fresh.read(soon());
    try {
      (void)reader->all<int>({"t.all", "SELECT x FROM t NOT INDEXED"});
      FAIL("the damage was not seen");
    } catch (const hasten::query_error& failure) {
      CHECK(failure.kind() == hasten::query_error_kind::corrupt);
    }
  }
  CHECK(fresh.stats().readers.discarded == 1);
  CHECK(fresh.stats().readers.idle == 0);
}

TEST_CASE("readers that lie idle are looked at before they are leased") {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::session_pool pool({.path = file.path(), .readers = 1, .validate_after = 0ns}, monitor);
  (void)pool.read(soon());
  (void)pool.read(soon());
  CHECK(pool.stats().readers.validation_failures == 0);
  CHECK(pool.stats().readers.created == 1);
}

TEST_CASE_METHOD(fixture, "a lease may outlive the pool") {
  std::optional<hasten::session_lease> held;
  {
    hasten::session_pool other({.path = file.path(), .readers = 1}, monitor);
    held = other.read(soon());
  }
  CHECK((*held)->scalar<int>(count_all) == 0);
}

TEST_CASE_METHOD(fixture, "a lease moves and gives back what it held when assigned to") {
  auto first = pool.read(soon());
  auto second = pool.read(soon());
  CHECK(pool.stats().readers.in_use == 2);
  auto& alias = first;
  first = std::move(alias);
  CHECK(first);
  first = std::move(second);
  CHECK(pool.stats().readers.in_use == 1);
  CHECK_FALSE(second);  // NOLINT(bugprone-use-after-move): a moved-from lease is empty
  first.release();
  CHECK(pool.stats().readers.in_use == 0);
}

TEST_CASE("a lease held too long is told with the line that took it, and the times of both halves are kept") {
  temporary_database file;
  hasten::query_monitor monitor;
  std::vector<hasten::pool_leak> told;
  hasten::session_pool pool({.path = file.path(),
                             .readers = 3,
                             .readers_min = 2,
                             .leak_after = 1ns,
                             .on_leak = [&](const hasten::pool_leak& leak) { told.push_back(leak); }},
                            monitor);
  CHECK(pool.maintain()[0].made == 2);
  CHECK(pool.stats().readers.idle == 2);
  auto held = pool.write(soon());
  const auto line = std::source_location::current().line() - 1;
  CHECK(pool.maintain()[1].leaks == 1);
  REQUIRE(told.size() == 1);
  CHECK(told[0].where.line() == line);
  CHECK(std::string(told[0].where.file_name()).ends_with("session_pool_test.cpp"));
  held.release();
  const auto readings = pool.readings();
  CHECK(readings[0].name == "readers");
  CHECK(readings[0].times.created.count() == 2);
  CHECK(readings[1].name == "writer");
  CHECK(readings[1].times.used.count() == 2);  // the pool tried it first
}

TEST_CASE_METHOD(fixture, "a closed pool refuses") {
  pool.close();
  CHECK_THROWS_AS(pool.read(soon()), hasten::error);
  CHECK_THROWS_AS(pool.write(soon()), hasten::error);
}

TEST_CASE("options that make no sense are refused") {
  hasten::query_monitor monitor;
  CHECK_THROWS_AS(hasten::session_pool({.path = ""}, monitor), std::invalid_argument);
  CHECK_THROWS_AS(hasten::session_pool({.path = ":memory:"}, monitor), std::invalid_argument);
  CHECK_THROWS_AS(hasten::session_pool({.path = "file:x?mode=memory"}, monitor), std::invalid_argument);
  CHECK_THROWS_AS(hasten::session_pool({.path = "a\"b"}, monitor), std::invalid_argument);
  CHECK_THROWS_AS(hasten::session_pool({.path = "x", .readers = 1001}, monitor), std::invalid_argument);
  CHECK_THROWS_AS(hasten::session_pool({.path = "x", .readers = 2, .readers_min = 3}, monitor),
                  std::invalid_argument);
  CHECK_THROWS_AS(hasten::session_pool({.path = "x", .keepalive = -1ns}, monitor), std::invalid_argument);
  CHECK_THROWS_AS(hasten::session_pool({.path = "x", .tuning = {.cache_bytes = 0}}, monitor),
                  std::invalid_argument);
}

TEST_CASE_METHOD(fixture, "threads read and write at once without an error and without losing a row") {
  constexpr int threads = 4;
  constexpr int rounds = 25;
  std::latch start(threads);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < threads; ++caller)
    callers.emplace_back([&, caller] {
      start.arrive_and_wait();
      for (int round = 0; round < rounds; ++round) {
        pool.write(soon())->exec(add, caller * rounds + round);
        (void)pool.read(soon())->scalar<int>(count_all);
      }
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(pool.read(soon())->scalar<int>(count_all) == threads * rounds);
  CHECK(monitor.totals().errors == 0);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/sqlite_backup.hpp>

#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

hasten::steady_time soon() { return hasten::steady_clock_source::now() + 60s; }

constexpr hasten::statement fill{"t.fill",
                                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<?1) "
                                 "INSERT INTO t(a, b) SELECT i, hex(zeroblob(100)) FROM n"};
constexpr hasten::statement count_all{"t.count", "SELECT count(*) FROM t"};

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  std::unique_ptr<hasten::session_pool> pool = std::make_unique<hasten::session_pool>(
      hasten::session_pool::options{.path = file.path(), .readers = 1}, monitor);
  fs::path copy = file.folder() / "copy.db";

  fixture() {
    auto db = pool->write(soon());
    db->script("setup", "CREATE TABLE t(a INTEGER, b TEXT)");
    db->exec(fill, 5000);
  }

  std::int64_t rows_in(const fs::path& path) {
    hasten::session_pool other({.path = path.string(), .readers = 1}, monitor);
    return other.read(soon())->scalar<std::int64_t>(count_all);
  }
};

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

hasten::query_error_kind kind_of(auto&& action) {
  try {
    action();
  } catch (const hasten::query_error& failure) {
    return failure.kind();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE_METHOD(fixture,
                 "a copy holds what was committed, in bounded steps, and nothing else is left beside it") {
  fs::permissions(file.path(), fs::perms::owner_read | fs::perms::owner_write);
  std::uint64_t told = 0;
  const hasten::sqlite_backup copier(
      {.pages_per_step = 10, .on_progress = [&](const hasten::backup_progress& now) {
         CHECK(now.pages_done >= told);
         CHECK(now.pages_done <= now.pages);
         told = now.pages_done;
       }});
  const auto report = copier.save(file.path(), copy, soon());
  CHECK(report.pages > 20);
  CHECK(told == report.pages);
  CHECK(report.steps >= report.pages / 10);
  CHECK(report.bytes == report.pages * 4096);
  CHECK(fs::status(copy).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  for (const auto& each : fs::directory_iterator(file.folder()))
    CHECK_FALSE(each.path().filename().string().starts_with("copy.db-"));
  CHECK(rows_in(copy) == 5000);
}

TEST_CASE_METHOD(
    fixture, "a copy made while another thread writes without pause is one state and does not begin anew") {
  std::atomic<bool> stop{false};
  std::atomic<int> commits{0};
  std::thread writer([&] {
    while (!stop) {
      auto db = pool->write(soon());
      hasten::transaction change(*db);
      db->exec(fill, 7);  // a state between two commits would show a count that is no multiple
      change.commit();
      ++commits;
    }
  });
  int during = 0;
  const hasten::sqlite_backup copier(
      {.pages_per_step = 5, .on_progress = [&](const hasten::backup_progress& now) {
         const int seen = commits;  // let at least one commit happen between two steps
         while (commits == seen) std::this_thread::yield();
         if (now.pages_done < now.pages) during += commits - seen;
       }});
  const auto report = copier.save(file.path(), copy, soon());
  stop = true;
  writer.join();
  CHECK(during > 10);
  CHECK(report.steps < report.pages / 5 + 3);
  CHECK((rows_in(copy) - 5000) % 7 == 0);
}

TEST_CASE_METHOD(fixture, "a file that exists is never overwritten, and a failed copy leaves nothing") {
  std::ofstream(copy) << "mine";
  CHECK_THROWS_AS(hasten::sqlite_backup().save(file.path(), copy, soon()), std::invalid_argument);
  CHECK(fs::file_size(copy) == 4);
  fs::remove(copy);
  const std::size_t before = files_in(file.folder());
  const hasten::sqlite_backup late(
      {.pages_per_step = 1, .on_progress = [](const hasten::backup_progress&) { throw 7; }});
  CHECK_THROWS_AS(late.save(file.path(), copy, soon()), int);
  CHECK(files_in(file.folder()) == before);
  try {
    hasten::sqlite_backup().save(file.path(), copy, hasten::steady_time::min());
    FAIL("the deadline did not hold");
  } catch (const hasten::error& failure) {
    CHECK(failure.code() == hasten::errc::timeout);
  }
  CHECK(files_in(file.folder()) == before);
  CHECK(kind_of([&] { hasten::sqlite_backup().save(file.folder() / "none.db", copy, soon()); }) ==
        hasten::query_error_kind::database_down);
  CHECK_THROWS_AS(hasten::sqlite_backup({.pages_per_step = 0}), std::invalid_argument);
}

TEST_CASE_METHOD(fixture,
                 "a copy is put back only while nobody has the database open, and the old one is kept") {
  const hasten::sqlite_backup copier;
  copier.save(file.path(), copy, soon());
  pool->write(soon())->exec(fill, 10);
  CHECK(kind_of([&] { copier.restore(copy, file.path(), soon()); }) == hasten::query_error_kind::busy);
  CHECK(pool->read(soon())->scalar<std::int64_t>(count_all) == 5010);
  pool.reset();
  copier.restore(copy, file.path(), soon());
  CHECK(rows_in(file.path()) == 5000);
  CHECK(rows_in(file.path() + ".before-restore") == 5010);
  CHECK(rows_in(copy) == 5000);
  copier.restore(copy, file.folder() / "new.db", soon());  // where there was none
  CHECK(rows_in(file.folder() / "new.db") == 5000);
}

TEST_CASE_METHOD(fixture, "a damaged copy is refused and the database left as it is") {
  hasten::sqlite_backup().save(file.path(), copy, soon());
  pool.reset();
  {
    std::fstream damaged(copy, std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(4096 * 5);
    damaged << std::string(8192, '\xff');
  }
  CHECK(kind_of([&] { hasten::sqlite_backup().restore(copy, file.path(), soon()); }) ==
        hasten::query_error_kind::corrupt);
  std::ofstream(copy, std::ios::trunc) << "this is no database, however long one looks at it; it is a text";
  CHECK(kind_of([&] { hasten::sqlite_backup().restore(copy, file.path(), soon()); }) ==
        hasten::query_error_kind::corrupt);
  CHECK(rows_in(file.path()) == 5000);
}

TEST_CASE_METHOD(fixture,
                 "a damaged database is replaced, and its write-ahead log is not replayed into the copy") {
  hasten::sqlite_backup().save(file.path(), copy, soon());
  pool.reset();
  std::ofstream(file.path(), std::ios::trunc) << std::string(100'000, 'x');
  std::ofstream(file.path() + "-wal") << "what a crash left";
  hasten::sqlite_backup().restore(copy, file.path(), soon());
  CHECK_FALSE(fs::exists(file.path() + "-wal"));
  CHECK(rows_in(file.path()) == 5000);
  CHECK(fs::file_size(file.path() + ".before-restore") == 100'000);
}

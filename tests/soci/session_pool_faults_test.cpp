// SPDX-License-Identifier: BSL-1.0
// What happens to a pool of SQLite sessions when the world around it fails: each case ends with the service restored,
// without opening a new pool.
// clang-format off: the header under test comes first
#include <hasten/soci/session_pool.hpp>
// clang-format on
#include <hasten/soci/bulk_writer.hpp>
#include <hasten/soci/run_in_transaction.hpp>
#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using kind = hasten::query_error_kind;

hasten::steady_time soon() { return hasten::steady_clock_source::now() + 30s; }

constexpr hasten::statement count_all{"t.count", "SELECT count(*) FROM t"};
constexpr hasten::statement add{"t.add", "INSERT INTO t(a, b) VALUES(?1, ?2)"};
constexpr hasten::statement check{"t.check", "PRAGMA integrity_check"};
const char* const table = "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)";

hasten::session_pool::options settings(const std::string& path) {
  return {.path = path, .readers = 2, .tuning = {.busy_timeout = 50ms, .mmap_bytes = 0}};
}

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::session_pool pool{settings(file.path()), monitor};

  fixture() { pool.write(soon())->script("setup", table); }
  std::int64_t count() { return pool.read(soon())->scalar<std::int64_t>(count_all); }
};

kind kind_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const hasten::query_error& failure) {
    return failure.kind();
  }
  FAIL("nothing was thrown");
  return {};
}

// A process that does `work`, says so, and stays until it is killed.
class other_process {
 public:
  explicit other_process(const std::function<void()>& work) {
    REQUIRE(::pipe(ends_.data()) == 0);
    id_ = ::fork();
    if (id_ == 0) {
      work();
      tell();
      for (;;) ::pause();
    }
    char byte = 0;
    REQUIRE(::read(ends_[0], &byte, 1) == 1);
  }
  other_process(const other_process&) = delete;
  other_process& operator=(const other_process&) = delete;
  ~other_process() { kill(); }

  void kill() {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    int status = 0;
    ::waitpid(id_, &status, 0);
    id_ = -1;
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

 private:
  void tell() { static_cast<void>(::write(ends_[1], "x", 1)); }
  std::array<int, 2> ends_{};
  pid_t id_ = -1;
};

}  // namespace

TEST_CASE_METHOD(fixture,
                 "while another process holds the write lock, writes are busy in time and reads go on") {
  pool.write(soon())->exec(add, 1, "one");
  other_process other([path = file.path()] {
    hasten::query_monitor own;
    static hasten::session_pool held(settings(path), own);
    static auto session = held.write(soon());
    session->script("hold", "BEGIN IMMEDIATE; INSERT INTO t VALUES(99, 'never committed')");
  });
  const auto began = hasten::steady_clock_source::now();
  CHECK(kind_of([&] { pool.write(soon())->exec(add, 2, "two"); }) == kind::busy);
  CHECK(kind_of([&] { const hasten::transaction change(*pool.write(soon())); }) == kind::busy);
  CHECK(hasten::steady_clock_source::now() - began < 10s);
  CHECK(count() == 1);
  other.kill();  // its transaction dies with it
  CHECK(pool.write(soon())->exec(add, 2, "two") == 1);
  CHECK(count() == 2);
}

TEST_CASE_METHOD(fixture, "a transaction that meets another process's lock is repeated until that is gone") {
  std::optional<other_process> other(std::in_place, [path = file.path()] {
    hasten::query_monitor own;
    static hasten::session_pool held(settings(path), own);
    static auto session = held.write(soon());
    session->script("hold", "BEGIN EXCLUSIVE");
  });
  int attempts = 0;
  auto session = pool.write(soon());
  while (true) {
    ++attempts;
    try {
      hasten::run_in_transaction(*session, [&](hasten::monitored_session& db) { db.exec(add, 1, "one"); });
      break;
    } catch (const hasten::query_error& failure) {
      REQUIRE(failure.kind() == kind::busy);
      REQUIRE(attempts < 5);
      other.reset();
    }
  }
  CHECK(attempts == 2);
  CHECK(count() == 1);
}

TEST_CASE_METHOD(fixture,
                 "a full disk fails the write, keeps what was committed, lets reads go on, and is over when "
                 "space is back") {
  auto writer = pool.write(soon());
  writer->exec(add, 1, "one");
  const auto pages = writer->scalar<std::int64_t>({"t.pages", "PRAGMA page_count"});
  (void)writer->scalar<std::int64_t>({"t.limit", "PRAGMA max_page_count=" + std::to_string(pages + 2)});
  CHECK(kind_of([&] {
          hasten::transaction change(*writer);
          for (int row = 2; row < 1000; ++row) writer->exec(add, row, std::string(500, 'x'));
          change.commit();
        }) == kind::disk_full);
  CHECK_FALSE(writer->in_transaction());
  CHECK(count() == 1);
  CHECK(kind_of([&] { writer->exec(add, 2, std::string(100'000, 'x')); }) == kind::disk_full);
  (void)writer->scalar<std::int64_t>({"t.no_limit", "PRAGMA max_page_count=1000000"});
  writer->exec(add, 2, std::string(100'000, 'x'));
  writer.release();
  CHECK(count() == 2);
  CHECK(pool.stats().writer.discarded == 0);
}

TEST_CASE("a file system that is really full behaves the same") {
  const temporary_folder outer;
  const fs::path folder = outer.path() / "small";
  fs::create_directory(folder);
  if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=2m") != 0)
    SKIP("mounting a small file system needs the rights of root");
  {
    hasten::query_monitor monitor;
    hasten::session_pool pool(settings((folder / "t.db").string()), monitor);
    pool.write(soon())->script("setup", table);
    pool.write(soon())->exec(add, 1, "one");
    std::ofstream(folder / "ballast") << std::string(1'000'000, 'x');
    const kind seen = kind_of([&] {
      for (int row = 2;; ++row) pool.write(soon())->exec(add, row, std::string(20'000, 'x'));
    });
    CHECK((seen == kind::disk_full || seen == kind::connection_lost));  // SQLite may call it an I/O error
    const auto before = pool.read(soon())->scalar<std::int64_t>(count_all);
    CHECK(before > 1);
    CHECK(pool.read(soon())->scalar<std::string>(check) == "ok");
    fs::remove(folder / "ballast");
    pool.write(soon())->exec(add, 1000, std::string(20'000, 'x'));
    CHECK(pool.read(soon())->scalar<std::int64_t>(count_all) == before + 1);
  }
  CHECK(::umount(folder.c_str()) == 0);
}

TEST_CASE_METHOD(fixture, "a file that became read-only refuses writes plainly and is read on") {
  if (::geteuid() != 0) {
    fs::permissions(file.path(), fs::perms::owner_read);
  } else {
    // Root may write all the same: another user looks at it, with the folder open to him.
    fs::permissions(file.folder().parent_path(), fs::perms(0755));
    fs::permissions(file.folder(), fs::perms(0755));
    for (const auto& each : fs::directory_iterator(file.folder()))
      fs::permissions(each.path(), fs::perms(0644));
  }
  pool.write(soon())->exec(add, 1, "one");
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(1);
    hasten::query_monitor own;
    char result = 'x';
    try {
      soci::session plain(soci::sqlite3, file.connect_string());
      hasten::monitored_session session(plain, own);
      result = session.scalar<std::int64_t>(count_all) == 1 ? 'r' : 'w';
      session.exec(add, 2, "two");
    } catch (const hasten::query_error& failure) {
      if (result == 'r') result = failure.kind() == kind::read_only ? 'k' : 'e';
    } catch (const soci::soci_error&) {
      result = 's';
    }
    static_cast<void>(::write(ends[1], &result, 1));
    ::_exit(0);
  }
  char result = 0;
  REQUIRE(::read(ends[0], &result, 1) == 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK(result == 'k');
}

TEST_CASE("damaged pages are told as corrupt, whichever they are, and a whole file put back is used again") {
  const temporary_database file;
  const std::string whole = (file.folder() / "whole.db").string();
  hasten::query_monitor monitor;
  {
    hasten::session_pool pool(settings(file.path()), monitor);
    auto session = pool.write(soon());
    session->script("setup", std::string(table) + "; CREATE INDEX by_b ON t(b)");
    hasten::transaction change(*session);
    for (int row = 0; row < 3000; ++row) session->exec(add, row, "row " + std::to_string(row * 7919 % 3000));
    change.commit();
    (void)session->one<std::tuple<int, int, int>>({"checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)"});
  }
  fs::copy_file(file.path(), whole);
  std::mt19937 random(20261120);
  const std::size_t pages = fs::file_size(whole) / 4096;
  REQUIRE(pages > 20);
  int seen = 0;
  for (int round = 0; round < 40; ++round) {
    fs::copy_file(whole, file.path(), fs::copy_options::overwrite_existing);
    {
      std::fstream damaged(file.path(), std::ios::in | std::ios::out | std::ios::binary);
      damaged.seekp(static_cast<std::streamoff>(random() % pages * 4096 + random() % 100));
      for (int byte = 0; byte < 200; ++byte) damaged.put(static_cast<char>(random()));
    }
    try {
      hasten::session_pool pool(settings(file.path()), monitor);
      (void)pool.read(soon())->all<std::tuple<std::int64_t, std::string>>(
          {"t.all", "SELECT a, b FROM t NOT INDEXED"});
      (void)pool.read(soon())->all<std::string>({"t.b", "SELECT b FROM t WHERE b>'' ORDER BY b"});
      pool.write(soon())->exec({"t.change", "UPDATE t SET b=b||'!' WHERE a%10=0"});
    } catch (const hasten::query_error& failure) {
      ++seen;
      INFO(failure.what() << ' ' << failure.native_code() << ' ' << failure.server_text());
      CHECK((failure.kind() == kind::corrupt || failure.kind() == kind::bad_row ||
             failure.kind() == kind::bad_statement));
    }
  }
  CHECK(seen > 10);
  fs::copy_file(whole, file.path(), fs::copy_options::overwrite_existing);
  hasten::session_pool pool(settings(file.path()), monitor);
  CHECK(pool.read(soon())->scalar<std::string>(check) == "ok");
}

TEST_CASE_METHOD(fixture,
                 "a reader that does not end keeps the log from being emptied, is named, and the log shrinks "
                 "when it ends") {
  pool.write(soon())->exec(add, 1, "one");
  auto reader = pool.read(soon());
  hasten::transaction looking(*reader, hasten::transaction_mode::read);
  CHECK(reader->scalar<std::int64_t>(count_all) == 1);
  for (int round = 0; round < 20; ++round) {
    auto writer = pool.write(soon());
    hasten::transaction change(*writer);
    for (int row = 0; row < 100; ++row) writer->exec(add, 2 + round * 100 + row, std::string(1000, 'x'));
    change.commit();
  }
  using answer = std::tuple<int, std::int64_t, std::int64_t>;  // busy, pages in the log, pages moved
  const auto blocked = pool.write(soon())->one<answer>({"checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)"});
  CHECK(std::get<0>(blocked) == 1);
  CHECK(std::get<1>(blocked) > 500);
  CHECK(std::get<2>(blocked) < std::get<1>(blocked));
  CHECK(fs::file_size(file.path() + "-wal") > 2'000'000);
  CHECK(reader->scalar<std::int64_t>(count_all) == 1);  // it sees its own moment still
  CHECK(pool.stats().readers.in_use == 1);              // and the leak watch would name its line
  looking.rollback();
  reader.release();
  CHECK(std::get<0>(pool.write(soon())->one<answer>({"checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)"})) == 0);
  CHECK(fs::file_size(file.path() + "-wal") == 0);
  CHECK(count() == 2001);
}

namespace {

struct loaded_row {
  std::int64_t a = 0;
  std::string b;
  static constexpr auto fields = hasten::field_list(&loaded_row::a, &loaded_row::b);
};

std::vector<loaded_row> rows_to_load() {
  std::vector<loaded_row> rows;
  for (std::int64_t row = 0; row < 20'000; ++row)
    rows.push_back({.a = row, .b = "row " + std::to_string(row)});
  return rows;
}

}  // namespace

TEST_CASE_METHOD(fixture,
                 "after a kill in the middle of a bulk load, whole transactions are there, and another run "
                 "doubles nothing") {
  for (const int kill_after : {1, 7}) {
    pool.write(soon())->script("empty", "DELETE FROM t");
    {
      other_process loader([path = file.path(), kill_after] {
        hasten::query_monitor own;
        static hasten::session_pool mine(settings(path), own);
        static auto session = mine.write(soon());
        int transactions = 0;
        hasten::bulk_writer<loaded_row> writer(
            *session, {.table = "t", .columns = {"a", "b"}, .on_progress = [&](const auto&) {
                         if (++transactions == kill_after) throw transactions;
                       }});
        try {
          writer.write(rows_to_load());
        } catch (int) {  // in the middle of the next transaction
          session->script("half", "BEGIN IMMEDIATE; INSERT INTO t SELECT a+1000000, b FROM t");
        }
      });
    }
    CHECK(count() == kill_after * 1000);
    CHECK(pool.read(soon())->scalar<std::string>(check) == "ok");
    auto session = pool.write(soon());
    hasten::bulk_writer<loaded_row> again(
        *session, {.table = "t", .columns = {"a", "b"}, .on_conflict = hasten::bulk_conflict::skip});
    again.write(rows_to_load());
    CHECK(again.report().skipped == static_cast<std::uint64_t>(kill_after) * 1000);
    session.release();
    CHECK(count() == 20'000);
  }
}

TEST_CASE_METHOD(
    fixture,
    "a statement goes on after another session changed its table, and never reads the wrong column") {
  using row = std::tuple<std::int64_t, std::string>;
  constexpr hasten::statement named{"t.named", "SELECT a, b FROM t"};
  constexpr hasten::statement star{"t.star", "SELECT * FROM t"};
  pool.write(soon())->exec(add, 1, "one");
  auto reader = pool.read(soon());
  CHECK(reader->one<row>(named) == row{1, "one"});
  CHECK(reader->one<row>(star) == row{1, "one"});
  pool.write(soon())->script("alter", "ALTER TABLE t ADD COLUMN c INTEGER DEFAULT 7");
  CHECK(reader->one<row>(named) == row{1, "one"});
  CHECK(kind_of([&] { (void)reader->one<row>(star); }) == kind::bad_row);  // three columns by now
  pool.write(soon())->script("alter", "ALTER TABLE t DROP COLUMN c");
  CHECK(reader->one<row>(star) == row{1, "one"});
  pool.write(soon())->script("drop", "ALTER TABLE t RENAME TO gone");
  CHECK(kind_of([&] { (void)reader->one<row>(named); }) != kind::corrupt);
  pool.write(soon())->script("back", "ALTER TABLE gone RENAME TO t");
  CHECK(reader->one<row>(named) == row{1, "one"});
  CHECK(pool.stats().readers.discarded == 0);
}

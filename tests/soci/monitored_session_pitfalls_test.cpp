// SPDX-License-Identifier: BSL-1.0
// What SOCI, SQLite and PostgreSQL do silently, and where it is shown that this library does not. Each pitfall names a
// test; the last case here looks whether they are all there. Those that have no better place are in this file.
// clang-format off: the header under test comes first
#include <hasten/soci/monitored_session.hpp>
// clang-format on
#include <hasten/soci/bulk_writer.hpp>
#include <hasten/soci/session_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>
#include <support/text_file.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace {

struct pitfall {
  int number;
  const char* what;  // happens without care
  const char* file;  // below tests/
  const char* test;  // the beginning of its name, or more
};

constexpr std::array pitfalls{
    pitfall{1, "a prepared statement with a vector sends its first batch again (PostgreSQL)",
            "postgresql/bulk_test.cpp", "many rows are copied and are what they were"},
    pitfall{2, "a vector of 64-bit integers keeps 32 bits (SQLite)",
            "soci/monitored_session_pitfalls_test.cpp",
            "a column of large integers is read whole, in bulk too"},
    pitfall{3, "the second statement of a text is ignored", "soci/monitored_session_test.cpp",
            "a second statement in one text is refused instead of being silently dropped"},
    pitfall{4, "a text is cut at its first NUL (PostgreSQL)", "postgresql/session_test.cpp",
            "a parameter that the server could not take as it is meant is refused"},
    pitfall{5, "names are found in strings, casts and slices (PostgreSQL)", "postgresql/session_test.cpp",
            "a name that stands twice is one parameter, and casts, slices and quotations are left alone"},
    pitfall{6, "2^64-1 is stored as -1", "soci/parameters_test.cpp",
            "what the database would change silently is refused"},
    pitfall{7, "the time of day is lost from an instant with a zone", "soci/row_mapping_test.cpp",
            "an instant is read in whichever form of ISO 8601 it was written, and nothing else is"},
    pitfall{8, "counts and sums arrive as texts", "soci/row_mapping_test.cpp",
            "aggregates without a declared type keep their own"},
    pitfall{9, "numeric loses digits as a double", "postgresql/session_test.cpp",
            "numeric is exact as a text, and an integer where it is whole"},
    pitfall{10, "a statement that is not reset keeps the log from being emptied",
            "soci/monitored_session_test.cpp",
            "no read transaction stays open after a verb, so the log can be emptied"},
    pitfall{11, "a statement that dies after its connection was closed is a use after free",
            "soci/monitored_session_test.cpp",
            "a session that was closed or reconnected behind the verbs is told as lost, and leaks nothing"},
    pitfall{12, "a connection with live statements is not closed and leaks",
            "soci/monitored_session_test.cpp",
            "a session that was closed or reconnected behind the verbs is told as lost, and leaks nothing"},
    pitfall{
        13, "a statement of the server stays when it is dropped in a failed transaction",
        "postgresql/session_test.cpp",
        "a text is prepared at its second use, found again, and forgotten by the server when it falls out"},
    pitfall{14, "BEGIN takes no lock: who reads, then writes, fails at once", "soci/transaction_test.cpp",
            "a reading transaction that writes after somebody else did is told to repeat itself"},
    pitfall{15, "nobody waits for a lock", "soci/session_pool_faults_test.cpp",
            "while another process holds the write lock, writes are busy in time and reads go on"},
    pitfall{16, "a session shared by threads is corrupted", "soci/session_pool_test.cpp",
            "threads read and write at once without an error and without losing a row"},
    pitfall{17, "every failure is of the category unknown", "soci/monitored_session_test.cpp",
            "errors carry their kind and never a value"},
    pitfall{18, "timeouts, deadlocks and stale plans are of the category unknown (PostgreSQL)",
            "postgresql/session_test.cpp",
            "failures are of the same kinds as on SQLite, with their state and never a value"},
    pitfall{19, "what() quotes the bound values", "soci/monitored_session_test.cpp",
            "plain SOCI code is timed, counted and its errors are stripped of values"},
    pitfall{20, "no row leaves the variable as it was", "soci/monitored_session_test.cpp",
            "no row is nothing for maybe and an error for one"},
    pitfall{
        21, "a connection that the server closed looks alive (PostgreSQL)", "postgresql/pool_test.cpp",
        "after a restart of the server the pool serves again by itself, and no caller meets a dead session"},
    pitfall{22, "a plan outlives its table (PostgreSQL)", "postgresql/session_test.cpp",
            "a statement that another session's DDL made stale is prepared again by itself"},
    pitfall{22, "columns are read by a layout that is gone (SQLite)", "soci/session_pool_faults_test.cpp",
            "a statement goes on after another session changed its table, and never reads the wrong column"},
    pitfall{23, "single rows do not work, and a result is held whole (PostgreSQL)",
            "postgresql/session_test.cpp",
            "rows are visited one by one, and the visitor may use the session and stop when it likes"},
    pitfall{24, "half of a batch stays when a row fails", "soci/monitored_session_pitfalls_test.cpp",
            "of a batch that fails outside a transaction nothing stays"},
    pitfall{25, "a column of a type that SOCI does not know throws", "postgresql/session_test.cpp",
            "types that hasten does not know come as text, with the columns beside them"},
    pitfall{26, "the pool lends dead sessions, waits for ever, and in no order",
            "core/resource_pool_test.cpp", "waiting callers are served in the order they came"},
    pitfall{27, "the logger hears of a prepared statement once", "soci/monitored_session_pitfalls_test.cpp",
            "every execution of a prepared statement of plain SOCI can be counted"},
    pitfall{28, "parameters are recorded as texts", "soci/monitored_session_pitfalls_test.cpp",
            "no value stays with the session or its errors"},
    pitfall{29, "the last id costs three queries", "soci/monitored_session_pitfalls_test.cpp",
            "the last id costs no statement"},
    pitfall{30, "bool, float, optional and string_view do not compile; a temporary dangles",
            "soci/parameters_test.cpp", "every kind of argument arrives as it was"},
    pitfall{31, "the types of the backend cannot be asked for", "soci/monitored_session_test.cpp",
            "a session that is not SQLite's has no typed verbs, but says so"},
    pitfall{32, "sqlite3.h before SOCI's header does not compile", "soci/include_order/sqlite_first.cpp",
            "#include <sqlite3.h>"},
    pitfall{33, "SOCI carries another SQLite than the program", "soci/monitored_session_pitfalls_test.cpp",
            "SOCI's SQLite is the program's own"},
    pitfall{34, "a value is read without the connection's lock", "soci/monitored_session_pitfalls_test.cpp",
            "a visitor may wait for another thread that uses the connection"},
    pitfall{35, "prepared statements take memory without bound", "soci/monitored_session_test.cpp",
            "the cache of statements is bounded"},
};

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                               monitor};

  fixture() { db.script("setup", "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)"); }
};

struct numbered {
  std::int64_t a = 0;
  std::string b;
  static constexpr auto fields = hasten::field_list(&numbered::a, &numbered::b);
};

}  // namespace

TEST_CASE_METHOD(fixture, "a column of large integers is read whole, in bulk too") {
  constexpr std::int64_t large = 9'007'199'254'740'993;  // beyond 32 bits, and beyond what a double holds
  db.exec({"add", "INSERT INTO t VALUES(?1, 'x'), (?2, 'y')"}, large, -large);
  CHECK(db.all<std::int64_t>({"all", "SELECT a FROM t ORDER BY a"}) ==
        std::vector<std::int64_t>{-large, large});
}

TEST_CASE_METHOD(fixture, "of a batch that fails outside a transaction nothing stays") {
  hasten::bulk_writer<numbered> writer(db, {.table = "t", .columns = {"a", "b"}});
  const std::vector<numbered> rows{{1, "one"}, {2, "two"}, {1, "one again"}, {3, "three"}};
  CHECK_THROWS_AS(writer.write(rows), hasten::query_error);
  CHECK(db.scalar<int>({"count", "SELECT count(*) FROM t"}) == 0);
}

TEST_CASE_METHOD(fixture, "every execution of a prepared statement of plain SOCI can be counted") {
  int found = 0;
  soci::statement prepared = (db.soci().prepare << "SELECT count(*) FROM t", soci::into(found));
  for (int round = 0; round < 10; ++round)
    db.track("plain.count", [&](soci::session&) { prepared.execute(true); });
  for (const auto& each : monitor.statements())
    if (each.name == "plain.count") CHECK(each.calls == 10);
}

TEST_CASE_METHOD(fixture, "no value stays with the session or its errors") {
  std::string secret = "123-45-6789";
  try {
    db.track("plain.add", [&](soci::session& sql) {
      sql << "INSERT INTO t VALUES(1, :v)", soci::use(secret);
      sql << "INSERT INTO t VALUES(1, :v)", soci::use(secret);
    });
    FAIL("a key was taken twice");
  } catch (const hasten::query_error& failure) {
    CHECK(std::string(failure.what()).find(secret) == std::string::npos);
    CHECK(failure.server_text().find(secret) == std::string::npos);
  }
  CHECK(db.soci().get_last_query().find(secret) == std::string::npos);
}

TEST_CASE_METHOD(fixture, "the last id costs no statement") {
  db.exec({"add", "INSERT INTO t VALUES(41, 'x')"});
  const auto before = monitor.totals().calls;
  CHECK(db.last_insert_id() == 41);
  CHECK(monitor.totals().calls == before);
}

TEST_CASE("SOCI's SQLite is the program's own") { CHECK(hasten::detail::one_sqlite()); }

TEST_CASE_METHOD(fixture, "a visitor may wait for another thread that uses the connection") {
  db.exec({"add", "INSERT INTO t VALUES(1, 'x'), (2, 'y')"});
  int visited = 0;
  db.each<numbered>({"each", "SELECT a, b FROM t"}, [&](numbered&) {
    // Would hang if the connection's lock were held while user code runs.
    std::thread([&] { (void)sqlite3_total_changes64(hasten::detail::sqlite_handle_of(db.soci())); }).join();
    std::thread([&] {
      sqlite3_exec(hasten::detail::sqlite_handle_of(db.soci()), "SELECT 1", nullptr, nullptr, nullptr);
    }).join();
    ++visited;
  });
  CHECK(visited == 2);
}

TEST_CASE("every pitfall has a test that bears its name") {
  std::set<int> numbers;
  const std::filesystem::path tests = HASTEN_TESTS;
  for (const pitfall& each : pitfalls) {
    INFO(each.number << ": " << each.what);
    CHECK(read_file(tests / each.file).find(each.test) != std::string::npos);
    numbers.insert(each.number);
  }
  CHECK(numbers.size() == 35);
  CHECK(*numbers.rbegin() == 35);
}

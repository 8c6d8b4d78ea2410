// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/monitored_session.hpp>

#include <catch2/catch_test_macros.hpp>
#include <soci/soci.h>

#include <support/temporary_database.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace {

struct order {
  std::int64_t id = 0;
  std::string status;
  std::optional<std::int64_t> paid_cents;
  static constexpr auto fields = hasten::field_list(&order::id, &order::status, &order::paid_cents);
};

struct order_view {
  std::int64_t id = 0;
  std::string_view status;
  static constexpr auto fields = hasten::field_list(&order_view::id, &order_view::status);
};

constexpr hasten::statement page{"orders.page", "SELECT id, status, paid_cents FROM orders ORDER BY id"};
constexpr hasten::statement by_id{"orders.by_id", "SELECT id, status, paid_cents FROM orders WHERE id=?1"};
constexpr hasten::statement add{"orders.add", "INSERT INTO orders VALUES(?1, ?2, ?3)"};

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                               monitor};

  fixture() {
    db.script("setup",
              "CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT NOT NULL UNIQUE, paid_cents INTEGER);"
              "INSERT INTO orders VALUES(1, 'open', NULL); INSERT INTO orders VALUES(2, 'paid', 995);");
  }

  hasten::statement_stats stats_of(std::string_view name) {
    for (hasten::statement_stats& each : monitor.statements())
      if (each.name == name) return each;
    return {};
  }
};

hasten::query_error failure_of(auto&& action) {
  try {
    action();
  } catch (const hasten::query_error& failure) {
    return failure;
  }
  FAIL("nothing was thrown");
  throw std::logic_error("unreachable");
}

}  // namespace

TEST_CASE_METHOD(fixture, "rows are read into types with a field list, tuples and single columns") {
  const std::vector<order> rows = db.all<order>(page);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].status == "open");
  CHECK_FALSE(rows[0].paid_cents.has_value());
  CHECK(rows[1].paid_cents == 995);
  CHECK(db.one<order>(by_id, 2).status == "paid");
  using pair = std::tuple<std::int64_t, std::string>;
  CHECK(db.one<pair>({"orders.pair", "SELECT id, status FROM orders WHERE id=1"}) == pair{1, "open"});
  CHECK(db.scalar<std::int64_t>({"orders.count", "SELECT count(*) FROM orders"}) == 2);
  CHECK(db.all<std::string>({"orders.status", "SELECT status FROM orders ORDER BY id"}) ==
        std::vector<std::string>{"open", "paid"});
}

TEST_CASE_METHOD(fixture, "no row is nothing for maybe and an error for one") {
  CHECK_FALSE(db.maybe<order>(by_id, 99).has_value());
  CHECK(db.all<order>({"orders.none", "SELECT id, status, paid_cents FROM orders WHERE id=99"}).empty());
  const auto failure = failure_of([&] { (void)db.one<order>(by_id, 99); });
  CHECK(failure.code() == hasten::errc::bad_row);
  CHECK(db.scalar<std::optional<std::int64_t>>(
            {"orders.sum", "SELECT sum(paid_cents) FROM orders WHERE id=1"}) == std::nullopt);
}

TEST_CASE_METHOD(fixture, "exec tells how many rows it changed, and none for a statement that changes none") {
  CHECK(db.exec(add, 3, "new", nullptr) == 1);
  CHECK(db.exec({"orders.pay", "UPDATE orders SET paid_cents=0"}) == 3);
  CHECK(db.exec({"orders.index", "CREATE INDEX by_status ON orders(status)"}) == 0);
  CHECK(db.exec({"orders.delete", "DELETE FROM orders WHERE id=99"}) == 0);
  CHECK(db.exec({"orders.add_returning", "INSERT INTO orders VALUES(7, 'x', 1) RETURNING id"}) == 1);
  CHECK(db.last_insert_id() == 7);
  CHECK(stats_of("orders.pay").rows == 3);
}

TEST_CASE_METHOD(fixture, "each visits rows in order and stops when told to") {
  std::vector<std::int64_t> seen;
  CHECK(db.each<order>(page, [&](const order& row) { seen.push_back(row.id); }) == 2);
  CHECK(seen == std::vector<std::int64_t>{1, 2});
  CHECK(db.each<order>(page, [&](const order&) { return false; }) == 1);
  std::string joined;
  db.each<order_view>({"orders.view", "SELECT id, status FROM orders ORDER BY id"},
                      [&](order_view& row) { joined += row.status; });
  CHECK(joined == "openpaid");
}

TEST_CASE_METHOD(fixture,
                 "a page tells whether there are more rows, and the next one begins where it ended") {
  constexpr hasten::statement after{
      "orders.after", "SELECT id, status, paid_cents FROM orders WHERE id>?1 ORDER BY id LIMIT ?2"};
  const auto first = db.page<order>(after, 1, 0);
  REQUIRE(first.rows.size() == 1);
  CHECK(first.more);
  const auto second = db.page<order>(after, 1, first.rows.back().id);
  REQUIRE(second.rows.size() == 1);
  CHECK(second.rows[0].id == 2);
  CHECK_FALSE(second.more);
  CHECK(db.page<order>(after, 5, 2).rows.empty());
  CHECK(db.page<order>(after, 0, 0).more);
}

TEST_CASE_METHOD(fixture, "a visitor may run other statements and even the same one") {
  int inner = 0;
  db.each<order>(page, [&](const order&) {
    inner += static_cast<int>(db.all<order>(page).size());
    db.exec({"orders.touch", "UPDATE orders SET paid_cents=1 WHERE id=?1"}, 1);
  });
  CHECK(inner == 4);
}

TEST_CASE_METHOD(fixture, "what a visitor throws passes through and the session works on") {
  CHECK_THROWS_AS(db.each<order>(page, [](const order&) { throw std::runtime_error("enough"); }),
                  std::runtime_error);
  CHECK(db.all<order>(page).size() == 2);
  CHECK(stats_of("orders.page").errors == 1);
}

TEST_CASE_METHOD(fixture, "a second statement in one text is refused instead of being silently dropped") {
  const auto failure = failure_of([&] { db.exec({"two", "DELETE FROM orders; DELETE FROM orders"}); });
  CHECK(failure.kind() == hasten::query_error_kind::bad_statement);
  CHECK(db.all<order>(page).size() == 2);
  CHECK(db.exec({"one", "DELETE FROM orders WHERE id=1; -- a comment; /* another */ \n ; /* more */"}) == 1);
  using namespace std::string_view_literals;
  CHECK_THROWS_AS(db.exec({"nul", "DELETE FROM orders\0garbage"sv}), hasten::query_error);
  CHECK_THROWS_AS(db.exec({"empty", " -- nothing"}), hasten::query_error);
}

TEST_CASE_METHOD(fixture, "a script runs every statement and refuses an embedded NUL") {
  db.script("two", "CREATE TABLE a(x); CREATE TABLE b(x);");
  CHECK(db.scalar<int>({"tables", "SELECT count(*) FROM sqlite_schema WHERE name IN ('a','b')"}) == 2);
  CHECK_THROWS_AS(db.script("nul", std::string("SELECT 1;\0SELECT 2", 18)), hasten::query_error);
  CHECK(failure_of([&] { db.script("bad", "CREATE TABLE c(x); NONSENSE"); }).kind() ==
        hasten::query_error_kind::bad_statement);
}

TEST_CASE_METHOD(fixture, "errors carry their kind and never a value") {
  const std::string secret = "123-45-6789";
  db.exec(add, 5, secret, nullptr);
  const auto unique = failure_of([&] { db.exec(add, 6, secret, nullptr); });
  CHECK(unique.kind() == hasten::query_error_kind::unique);
  CHECK(std::string(unique.what()) == "orders.add: a constraint refused the data");
  CHECK(failure_of([&] { db.exec(add, 6, nullptr, nullptr); }).kind() == hasten::query_error_kind::not_null);
  CHECK(failure_of([&] { db.exec({"nonsense", "SELEKT 1"}); }).kind() ==
        hasten::query_error_kind::bad_statement);
  CHECK(failure_of([&] { db.exec({"missing", "SELECT * FROM missing"}); }).kind() ==
        hasten::query_error_kind::bad_statement);
  CHECK(stats_of("orders.add").errors_of(hasten::query_error_kind::unique) == 1);
  CHECK(stats_of("orders.add").calls == 3);
}

TEST_CASE_METHOD(fixture, "no read transaction stays open after a verb, so the log can be emptied") {
  db.script("wal", "PRAGMA journal_mode=WAL");
  hasten::monitored_session writer(std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                                   monitor);
  (void)db.maybe<order>({"orders.first", "SELECT id, status, paid_cents FROM orders"});
  CHECK_THROWS(db.each<order>(page, [](const order&) { throw std::runtime_error("enough"); }));
  writer.exec(add, 9, "new", nullptr);
  using answer = std::tuple<int, int, int>;
  CHECK(std::get<0>(writer.one<answer>({"checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)"})) ==
        0);  // 1 would be busy
}

TEST_CASE_METHOD(fixture, "a statement survives a change of the schema and reads its new columns") {
  constexpr hasten::statement star{"orders.star", "SELECT * FROM orders WHERE id=1"};
  CHECK(db.one<order>(star).id == 1);
  db.script("alter", "ALTER TABLE orders ADD COLUMN note TEXT");
  const auto failure = failure_of([&] { (void)db.one<order>(star); });
  CHECK(failure.kind() == hasten::query_error_kind::bad_row);  // four columns now; said, not misread
  CHECK(db.one<order>(by_id, 1).id == 1);
}

TEST_CASE_METHOD(fixture, "statements are prepared once and one text may go under two names") {
  for (int round = 0; round < 5; ++round) (void)db.one<order>(by_id, 1);
  CHECK(db.statements().hits == 4);
  (void)db.one<order>({"orders.other_name", by_id.text}, 1);
  CHECK(stats_of("orders.by_id").calls == 5);
  CHECK(stats_of("orders.other_name").calls == 1);
}

TEST_CASE_METHOD(fixture, "the cache of statements is bounded") {
  hasten::monitored_session small(db.soci(), monitor, {.statements_max = 2});
  for (int each = 0; each < 10; ++each) {
    const std::string text = "SELECT " + std::to_string(each);
    CHECK(small.scalar<int>({"numbers", text}) == each);
  }
  CHECK(small.statements().size == 2);
  CHECK(small.statements().evictions == 8);
}

TEST_CASE_METHOD(fixture, "all refuses more rows than its bound") {
  hasten::monitored_session small(db.soci(), monitor, {.rows_max = 1});
  CHECK(failure_of([&] { (void)small.all<order>(page); }).code() == hasten::errc::query_failed);
  CHECK(small.each<order>(page, [](const order&) {}) == 2);
}

TEST_CASE_METHOD(fixture, "plain SOCI code is timed, counted and its errors are stripped of values") {
  const int count = db.track("orders.plain", [](soci::session& sql) {
    int found = 0;
    sql << "SELECT count(*) FROM orders", soci::into(found);
    return found;
  });
  CHECK(count == 2);
  std::string secret = "open";
  const auto failure = failure_of([&] {
    db.track("orders.plain",
             [&](soci::session& sql) { sql << "INSERT INTO orders VALUES(9, :s, 1)", soci::use(secret); });
  });
  CHECK(failure.kind() == hasten::query_error_kind::unique);
  CHECK(std::string(failure.what()).find(secret) == std::string::npos);
  CHECK(failure.server_text().find(secret) == std::string::npos);
  CHECK(stats_of("orders.plain").calls == 2);
  CHECK(stats_of("orders.plain").errors_of(hasten::query_error_kind::unique) == 1);
  CHECK_THROWS_AS(db.track("orders.plain", [](soci::session&) { throw std::runtime_error("mine"); }),
                  std::runtime_error);
}

TEST_CASE_METHOD(fixture, "settling resets what plain code left running and rolls back what was left open") {
  soci::statement running = (db.soci().prepare << "SELECT id FROM orders");
  running.execute(false);
  db.exec({"begin", "BEGIN"});
  db.exec({"wipe", "DELETE FROM orders"});
  CHECK(db.settle());
  CHECK_FALSE(db.in_transaction());
  CHECK(db.all<order>(page).size() == 2);
}

namespace {

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

}  // namespace

TEST_CASE_METHOD(
    fixture, "a session that was closed or reconnected behind the verbs is told as lost, and leaks nothing") {
  const std::size_t before = open_descriptors();
  for (const bool again : {false, true}) {
    hasten::monitored_session other(std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                                    monitor);
    CHECK(other.all<order>(page).size() == 2);
    soci::session& plain = other.soci();
    if (again)
      plain.reconnect();
    else
      plain.close();
    const auto failure = failure_of([&] { (void)other.all<order>(page); });
    CHECK(failure.kind() == hasten::query_error_kind::connection_lost);
    CHECK(failure_of([&] { (void)other.in_transaction(); }).code() == hasten::errc::database_down);
    CHECK_FALSE(other.settle());  // a pool throws it away
    CHECK_FALSE(other.settle());
  }
  CHECK(open_descriptors() == before);
  CHECK(db.all<order>(page).size() == 2);
}

TEST_CASE_METHOD(fixture, "a loop that asks once for each row is found, in typed and in plain code") {
  hasten::repeat_detector repeats({.repeats_min = 2});
  db.watch_repeats(&repeats);
  const auto before = std::source_location::current();
  for (const order& each : db.all<order>(page)) {
    (void)db.one<order>(by_id, each.id);
    db.track("orders.plain", [](soci::session&) {});
  }
  CHECK(db.settle());
  (void)db.one<order>(by_id, 1);  // after the lease nobody watches
  const auto found = repeats.report();
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "orders.by_id");
  CHECK(found[0].times == 2);
  CHECK(found[1].name == "orders.plain");
  for (const std::size_t at : {0u, 1u}) {
    REQUIRE(found[at].sites.size() == 1);
    CHECK(found[at].sites[0].where.line() == before.line() + 2 + at);
    CHECK(std::string(found[at].sites[0].where.file_name()) == before.file_name());
  }
}

TEST_CASE_METHOD(fixture, "a session that somebody else owns is monitored too") {
  soci::session plain(soci::sqlite3, file.connect_string());
  hasten::monitored_session guest(plain, monitor);
  CHECK(guest.all<order>(page).size() == 2);
}

TEST_CASE("a session that is not SQLite's has no typed verbs, but says so") {
  soci::session closed;
  hasten::query_monitor monitor;
  hasten::monitored_session db(closed, monitor);
  CHECK_FALSE(db.is_sqlite());
  CHECK(failure_of([&] { db.exec(page); }).kind() == hasten::query_error_kind::bad_statement);
  CHECK(failure_of([&] { db.script("x", "SELECT 1"); }).kind() == hasten::query_error_kind::bad_statement);
  CHECK(db.settle());
  CHECK(db.track("x", [](soci::session&) { return 3; }) == 3);
}

TEST_CASE("bad options are refused") {
  temporary_database file;
  soci::session plain(soci::sqlite3, file.connect_string());
  hasten::query_monitor monitor;
  CHECK_THROWS_AS(hasten::monitored_session(nullptr, monitor), std::invalid_argument);
  CHECK_THROWS_AS(hasten::monitored_session(plain, monitor, {.statements_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(hasten::monitored_session(plain, monitor, {.rows_max = 0}), std::invalid_argument);
}

TEST_CASE_METHOD(fixture, "an injection through any parameter stays a value, on SQLite too") {
  const hasten::statement add_evil{"orders.evil", "INSERT INTO orders(id, status) VALUES(:id, :status)"};
  const hasten::statement find_evil{"orders.find_evil", "SELECT count(*) FROM orders WHERE status=?1"};
  const auto before = db.scalar<std::int64_t>({"count", "SELECT count(*) FROM orders"});
  std::int64_t id = 1000;
  for (const std::string evil :
       {"'; DROP TABLE orders; --", "\"; DROP TABLE orders; --", "?1", ":status", "') OR 1=1 --",
        "x' UNION SELECT sql FROM sqlite_schema --", "/*", "%", "1; ATTACH 'x' AS y"}) {
    CHECK(db.exec(add_evil, hasten::param("status", evil), hasten::param("id", ++id)) == 1);
    CHECK(db.scalar<std::int64_t>(find_evil, evil) == 1);
    CHECK(db.page<order>({"orders.page_evil", "SELECT * FROM orders WHERE status=?1 ORDER BY id LIMIT ?2"},
                         10, evil)
              .rows.size() == 1);
    CHECK_FALSE(
        db.maybe<std::int64_t>({"orders.by_evil_id", "SELECT id FROM orders WHERE id=?1"}, evil).has_value());
  }
  CHECK(db.scalar<std::int64_t>({"count", "SELECT count(*) FROM orders"}) == before + 9);
}

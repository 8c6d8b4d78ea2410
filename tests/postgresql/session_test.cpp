// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/detail/postgresql_api.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/query_deadline.hpp>
#include <hasten/soci/savepoint.hpp>
#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>
#include <soci/soci.h>

#include <support/postgresql_fixture.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

namespace {

using hasten::param;
using hasten::query_error_kind;
using hasten::statement;

struct order {
  std::int64_t id = 0;
  std::string status;
  std::optional<std::int64_t> paid_cents;
  static constexpr auto fields = hasten::field_list(&order::id, &order::status, &order::paid_cents);
};

enum class colour { red, green };

struct fixture : postgresql_fixture {
  explicit fixture(hasten::monitored_session::options chosen = {}) : db(open(), monitor, chosen) {}

  [[nodiscard]] std::unique_ptr<soci::session> open() const {
    return std::make_unique<soci::session>(soci::postgresql, server.connection());
  }

  void with_orders() {
    db.script("setup",
              "CREATE TABLE orders(id bigint PRIMARY KEY, status text NOT NULL CHECK(status <> 'lost'), "
              "paid_cents int);"
              "INSERT INTO orders VALUES(1, 'open', NULL), (2, 'paid', 995), (3, 'open', 0)");
  }

  hasten::query_monitor monitor;
  hasten::monitored_session db;
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

query_error_kind kind_of(auto&& action) { return failure_of(action).kind(); }

}  // namespace

template <>
struct hasten::sql_codec<colour> {
  using stored = std::string;
  static colour from_sql(const std::string& text) {
    if (text == "red") return colour::red;
    if (text == "green") return colour::green;
    throw std::invalid_argument("no such colour: " + text);
  }
  static std::string to_sql(colour value) { return value == colour::red ? "red" : "green"; }
};

TEST_CASE("the typed verbs read and write on PostgreSQL as on SQLite") {
  fixture at;
  at.with_orders();
  CHECK(at.db.is_postgresql());
  CHECK_FALSE(at.db.is_sqlite());
  const statement by_status{"orders.by_status",
                            "SELECT id, status, paid_cents FROM orders WHERE status = ?1 ORDER BY id"};
  for (int use = 0; use < 4; ++use) {  // without a name, then with one
    const auto open = at.db.all<order>(by_status, "open");
    REQUIRE(open.size() == 2);
    CHECK(open[0].id == 1);
    CHECK(open[0].status == "open");
    CHECK(open[0].paid_cents == std::nullopt);
    CHECK(open[1].paid_cents == 0);
  }
  CHECK(at.db.one<order>(by_status, "paid").paid_cents == 995);
  CHECK(at.db.maybe<order>(by_status, "none") == std::nullopt);
  CHECK(kind_of([&] { (void)at.db.one<order>(by_status, "none"); }) == query_error_kind::bad_row);
  CHECK(at.db.scalar<std::int64_t>({"orders.count", "SELECT count(*) FROM orders"}) == 3);
  CHECK(at.db.exec({"orders.pay", "UPDATE orders SET paid_cents = :cents WHERE status = :status"},
                   param("status", "open"), param("cents", 100)) == 2);
  CHECK(at.db.exec({"orders.look", "SELECT * FROM orders"}) == 0);
  const statement page{"orders.page", "SELECT id FROM orders WHERE id > $1 ORDER BY id LIMIT $2"};
  const auto first = at.db.page<std::int64_t>(page, 2, 0);
  CHECK(first.rows == std::vector<std::int64_t>{1, 2});
  CHECK(first.more);
  CHECK_FALSE(at.db.page<std::int64_t>(page, 2, 2).more);
  CHECK(at.db.one<std::int64_t>({"orders.add", "INSERT INTO orders VALUES(?1, ?2, ?3) RETURNING id"}, 9,
                                "new", nullptr) == 9);
  const auto stats = at.monitor.statements();
  CHECK(stats.at(1).name == "orders.by_status");
  CHECK(stats.at(1).calls == 7);
}

TEST_CASE("a name that stands twice is one parameter, and casts, slices and quotations are left alone") {
  fixture at;
  CHECK(at.db.one<std::int64_t>({"twice", "SELECT :x::int8 + :x"}, param("x", 21)) == 42);
  CHECK(at.db.one<std::string>(
            {"dollar", "SELECT $$ a:b $$ || E'\\':c' || (ARRAY['p','q','r'])[1:2]::text || ?1"}, "z") ==
        " a:b ':c{p,q}z");
  CHECK(kind_of([&] { at.db.exec({"named", "SELECT :x::int8"}, param("y", 1)); }) ==
        query_error_kind::bad_statement);
  CHECK(kind_of([&] { at.db.exec({"count", "SELECT ?1::int8"}); }) == query_error_kind::bad_statement);
}

TEST_CASE("values of every type go to the server and come back") {
  using namespace std::chrono;
  fixture at;
  const auto echo = [&]<class Out>(const std::string& type, const auto& value, std::type_identity<Out>) {
    return at.db.one<Out>({"echo." + type, "SELECT ?1::" + type}, value);
  };
  constexpr auto as = []<class T>(std::type_identity<T> type) { return type; };
  const auto int64 = as(std::type_identity<std::int64_t>());
  const auto text = as(std::type_identity<std::string>());
  for (const std::int64_t number :
       {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
        std::int64_t{9007199254740993}, std::numeric_limits<std::int64_t>::max()}) {
    CHECK(echo("int8", number, int64) == number);
    CHECK(echo("numeric", number, int64) == number);
    CHECK(echo("text", number, text) == std::to_string(number));
  }
  CHECK(echo("int4", -7, std::type_identity<int>()) == -7);
  CHECK(echo("int2", -7, std::type_identity<std::int16_t>()) == -7);
  CHECK(echo("oid", 4'000'000'000u, std::type_identity<std::uint32_t>()) == 4'000'000'000u);
  CHECK(echo("float8", -0.1, std::type_identity<double>()) == -0.1);
  CHECK(echo("float8", 3, std::type_identity<double>()) == 3);
  CHECK(echo("float4", 0.5, std::type_identity<double>()) == 0.5);
  CHECK(echo("numeric", 0.125, std::type_identity<double>()) == 0.125);
  CHECK(echo("int4", 12, std::type_identity<double>()) == 12);
  CHECK(echo("bool", true, std::type_identity<bool>()));
  CHECK_FALSE(echo("bool", false, std::type_identity<bool>()));
  CHECK(echo("int4", true, std::type_identity<bool>()));
  for (const std::string value : {"", "a", "gr\xc3\xbc\xc3\x9f", "'); DROP TABLE orders; --", "$1 :x ?2"})
    for (const char* type : {"text", "varchar", "name"}) CHECK(echo(type, value, text) == value);
  CHECK(echo("json", R"({"a": 1})", text) == R"({"a": 1})");
  CHECK(echo("jsonb", R"({"a":1})", text) == R"({"a": 1})");
  CHECK(echo("uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", text) == "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  const std::vector<std::byte> bytes{std::byte{0}, std::byte{255}, std::byte{'\\'}};
  CHECK(echo("bytea", bytes, std::type_identity<std::vector<std::byte>>()) == bytes);
  CHECK(echo("bytea", std::span<const std::byte>(), std::type_identity<std::vector<std::byte>>()).empty());
  const sys_days day = 2024y / February / 29;
  CHECK(echo("date", day, std::type_identity<sys_days>()) == day);
  CHECK(echo("date", sys_days(1850y / January / 1), std::type_identity<year_month_day>()) ==
        1850y / January / 1);
  CHECK(echo("date", day, text) == "2024-02-29");
  CHECK(echo("date", "2024-02-29", std::type_identity<sys_days>()) == day);
  const auto instant = day + 23h + 59min + 58s + 123456us;
  CHECK(echo("timestamptz", instant, std::type_identity<sys_time<microseconds>>()) == instant);
  CHECK(echo("timestamp", instant, std::type_identity<sys_time<milliseconds>>()) ==
        floor<milliseconds>(instant));
  CHECK(echo("timestamptz", instant, text) == "2024-02-29T23:59:58.123456Z");
  CHECK(echo("text", instant, std::type_identity<sys_time<microseconds>>()) == instant);
  CHECK(echo("text", colour::green, std::type_identity<colour>()) == colour::green);
  CHECK(echo("text", nullptr, std::type_identity<std::optional<std::string>>()) == std::nullopt);
  CHECK(echo("int4", std::optional<int>(5), std::type_identity<std::optional<int>>()) == 5);
}

TEST_CASE("numeric is exact as a text, and an integer where it is whole") {
  fixture at;
  for (const char* number :
       {"0", "1", "-1", "10000", "100000000", "1234567890123.4567", "-0.00010", "0.5", "99999999.9999",
        "123456789012345678901234567890", "NaN", "0.000000001", "10000.0001"}) {
    CHECK(at.db.one<std::string>({"numeric", "SELECT ?1::numeric"}, number) == number);
  }
  CHECK(at.db.one<std::int64_t>({"sum", "SELECT sum(x) FROM (VALUES (1::int8), (2)) AS v(x)"}) == 3);
  CHECK(at.db.one<std::int64_t>({"whole", "SELECT 12.000"}) == 12);
  CHECK(kind_of([&] { (void)at.db.one<std::int64_t>({"part", "SELECT 12.5"}); }) ==
        query_error_kind::bad_row);
}

TEST_CASE("types that hasten does not know come as text, with the columns beside them") {
  fixture at;
  at.db.script("setup", "CREATE TYPE mood AS ENUM('glad', 'sad')");
  using row = std::tuple<std::string, std::int64_t, double, bool, std::vector<std::byte>,
                         std::chrono::sys_seconds, std::optional<int>, std::chrono::sys_days, std::string>;
  for (int use = 0; use < 3; ++use) {
    const auto read = at.db.one<row>({"mood",
                                      "SELECT ?1::mood, 7::int8, 1.5::float8, true, '\\x00ff'::bytea, "
                                      "'2024-05-06 07:08:09+00'::timestamptz, NULL::int, '2024-05-06'::date, "
                                      "'2024-05-06'::date"},
                                     "sad");
    CHECK(std::get<0>(read) == "sad");
    CHECK(std::get<1>(read) == 7);
    CHECK(std::get<2>(read) == 1.5);
    CHECK(std::get<3>(read));
    CHECK(std::get<4>(read) == std::vector<std::byte>{std::byte{0}, std::byte{255}});
    CHECK(std::get<5>(read) ==
          std::chrono::sys_days(std::chrono::year(2024) / 5 / 6) + std::chrono::seconds(25689));
    CHECK(std::get<6>(read) == std::nullopt);
    CHECK(std::get<8>(read) == "2024-05-06");
  }
  CHECK(kind_of([&] { at.db.exec({"mood.bad", "SELECT ?1::mood"}, "angry"); }) ==
        query_error_kind::bad_value);
}

TEST_CASE("a column that does not fit its type is refused, without its value") {
  fixture at;
  const auto refusal = [&]<class T>(std::type_identity<T>, const std::string& expression) {
    const auto failure =
        failure_of([&] { (void)at.db.one<T>({"read", "SELECT " + expression + " AS secret"}); });
    CHECK(failure.kind() == query_error_kind::bad_row);
    CHECK(std::string(failure.what()).find("4711") == std::string::npos);
    return std::string(failure.what());
  };
  CHECK(refusal(std::type_identity<std::int16_t>(), "471100")
            .find("column 1 (secret) is not within the range") != std::string::npos);
  for (const char* expression : {"NULL::int", "'4711'", "4711.5::float8", "true", "now()"})
    refusal(std::type_identity<std::int64_t>(), expression);
  for (const char* expression : {"NULL::text", "4711", "4711::float8", "true", "'\\x4711'::bytea"})
    refusal(std::type_identity<std::string>(), expression);
  for (const char* expression : {"'4711'", "NULL::bool", "4711"})
    refusal(std::type_identity<bool>(), expression);
  for (const char* expression : {"'x'", "NULL::float8", "true"})
    refusal(std::type_identity<double>(), expression);
  for (const char* expression : {"'infinity'::date", "'4711'", "4711"})
    refusal(std::type_identity<std::chrono::sys_days>(), expression);
  for (const char* expression : {"'-infinity'::timestamptz", "'4711'", "4711"})
    refusal(std::type_identity<std::chrono::sys_seconds>(), expression);
  for (const char* expression : {"'text'", "4711"})
    refusal(std::type_identity<std::vector<std::byte>>(), expression);
  refusal(std::type_identity<colour>(), "'blue'");
  refusal(std::type_identity<std::tuple<int, int>>(), "1");
}

TEST_CASE("a parameter that the server could not take as it is meant is refused") {
  fixture at;
  const auto refusal = [&](const std::string& type, const auto& value) {
    return kind_of([&] { at.db.exec({"write." + type, "SELECT ?1::" + type}, value); });
  };
  using namespace std::string_view_literals;
  CHECK(refusal("text", "nul\0inside"sv) == query_error_kind::bad_statement);
  CHECK(refusal("date", "2024-\0"sv) == query_error_kind::bad_statement);
  CHECK(refusal("int4", std::int64_t{1} << 40) == query_error_kind::bad_value);
  CHECK(refusal("int2", 40'000) == query_error_kind::bad_value);
  CHECK(refusal("int8", std::numeric_limits<std::uint64_t>::max()) == query_error_kind::bad_statement);
  CHECK(refusal("float8", std::numeric_limits<double>::quiet_NaN()) == query_error_kind::bad_statement);
  CHECK(refusal("text", std::vector<std::byte>(3)) == query_error_kind::bad_statement);
  CHECK(refusal("int4", 1.5) == query_error_kind::bad_value);
  CHECK(refusal("text", "\xff\xfe") == query_error_kind::bad_value);
  CHECK(at.db.one<int>({"after", "SELECT 1"}) == 1);
}

TEST_CASE("failures are of the same kinds as on SQLite, with their state and never a value") {
  fixture at;
  at.with_orders();
  at.db.script("setup", "CREATE TABLE lines(of bigint NOT NULL REFERENCES orders)");
  const statement add{"orders.add", "INSERT INTO orders VALUES(?1, ?2, ?3)"};
  const auto unique = failure_of([&] { at.db.exec(add, 1, "secret", nullptr); });
  CHECK(unique.kind() == query_error_kind::unique);
  CHECK(unique.sqlstate() == "23505");
  CHECK(unique.code() == hasten::errc::constraint);
  CHECK(std::string(unique.what()) == "orders.add: a constraint refused the data");
  CHECK(unique.server_text().find("(1)") == std::string::npos);  // the detail, which quotes the key
  CHECK(kind_of([&] { at.db.exec(add, 5, nullptr, nullptr); }) == query_error_kind::not_null);
  CHECK(kind_of([&] { at.db.exec(add, 5, "lost", nullptr); }) == query_error_kind::check);
  CHECK(kind_of([&] { at.db.exec({"lines.add", "INSERT INTO lines VALUES(?1)"}, 99); }) ==
        query_error_kind::foreign_key);
  CHECK(kind_of([&] { at.db.exec({"typo", "SELEC 1"}); }) == query_error_kind::bad_statement);
  CHECK(kind_of([&] { at.db.exec({"gone", "SELECT * FROM nowhere"}); }) == query_error_kind::bad_statement);
  CHECK(kind_of([&] { at.db.exec({"two", "SELECT 1; SELECT 2"}); }) == query_error_kind::bad_statement);
  CHECK(kind_of([&] { at.db.exec({"none", " -- nothing"}); }) == query_error_kind::bad_statement);
  const auto value = failure_of([&] { at.db.exec({"bad", "SELECT ?1::int"}, "secret"); });
  CHECK(value.kind() == query_error_kind::bad_value);
  CHECK(value.server_text().empty());
  CHECK(kind_of([&] { at.db.exec({"zero", "SELECT 1 / ?1::int"}, 0); }) == query_error_kind::bad_value);
  CHECK(at.db.all<std::int64_t>({"after", "SELECT id FROM orders"}).size() == 3);
}

TEST_CASE("rows are visited one by one, and the visitor may use the session and stop when it likes") {
  fixture at;
  const statement numbers{"numbers", "SELECT g FROM generate_series(1, ?1::int) AS g"};
  std::int64_t sum = 0;
  CHECK(at.db.each<std::int64_t>(numbers, [&](std::int64_t& number) { sum += number; }, 1000) == 1000);
  CHECK(sum == 500'500);
  sum = 0;
  CHECK(at.db.each<std::int64_t>(
            numbers,
            [&](std::int64_t& number) {
              sum += at.db.one<std::int64_t>({"twice", "SELECT 2 * ?1::int8"}, number);
              if (number == 5) sum += static_cast<std::int64_t>(at.db.all<std::int64_t>(numbers, 7).size());
            },
            100) == 100);
  CHECK(sum == 2 * 5050 + 7);
  CHECK(at.db.each<std::int64_t>(numbers, [&](std::int64_t& number) { return number < 3; }, 1000) == 3);
  CHECK_THROWS_AS(at.db.each<std::int64_t>(
                      numbers, [](std::int64_t&) { throw std::runtime_error("stop"); }, 1000),
                  std::runtime_error);
  std::string text;
  at.db.each<std::string_view>({"views", "SELECT 'row' || g FROM generate_series(1, 3) AS g"},
                               [&](std::string_view& view) { text += view; });
  CHECK(text == "row1row2row3");
  // A failure in the middle comes after the rows before it.
  std::uint64_t seen = 0;
  CHECK(kind_of([&] {
          at.db.each<std::int64_t>({"late", "SELECT 10 / (3 - g) FROM generate_series(1, 5) AS g"},
                                   [&](std::int64_t&) { ++seen; });
        }) == query_error_kind::bad_value);
  CHECK(at.db.one<int>({"after", "SELECT 1"}) == 1);
  CHECK(at.db.settle());
}

TEST_CASE("the rows that a visitor keeps waiting are bounded") {
  fixture at({.rows_max = 100});
  const statement numbers{"numbers", "SELECT g FROM generate_series(1, ?1::int) AS g"};
  const auto use = [&](std::int64_t&) { (void)at.db.one<int>({"one", "SELECT 1"}); };
  CHECK(at.db.each<std::int64_t>(numbers, use, 90) == 90);
  CHECK(kind_of([&] { at.db.each<std::int64_t>(numbers, use, 1000); }) == query_error_kind::other);
  CHECK(kind_of([&] { (void)at.db.all<std::int64_t>(numbers, 101); }) == query_error_kind::other);
  CHECK(at.db.one<int>({"after", "SELECT 1"}) == 1);
}

TEST_CASE(
    "a text is prepared at its second use, found again, and forgotten by the server when it falls out") {
  fixture at({.statements_max = 4});
  const auto prepared = [&] {
    return at.db.one<std::int64_t>(
        {"prepared", "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"});
  };
  CHECK(at.db.statements().size == 0);
  at.db.exec({"one", "SELECT 1"});
  CHECK(at.db.statements().size == 0);
  at.db.exec({"one", "SELECT 1"});
  CHECK(at.db.statements().size == 1);
  CHECK(at.db.statements().hits == 0);
  at.db.exec({"one", "SELECT 1"});
  CHECK(at.db.statements().hits == 1);
  for (int text = 0; text < 40; ++text)
    for (int use = 0; use < 2; ++use) at.db.exec({"many", "SELECT " + std::to_string(text)});
  CHECK(at.db.statements().size == 4);
  (void)prepared();
  CHECK(prepared() <= 5);
}

TEST_CASE("a statement that another session's DDL made stale is prepared again by itself") {
  fixture at;
  at.with_orders();
  hasten::monitored_session other(at.open(), at.monitor);
  const statement look{"orders.look", "SELECT * FROM orders WHERE id = ?1"};
  for (int use = 0; use < 3; ++use) CHECK(at.db.one<order>(look, 1).status == "open");
  other.script("ddl", "ALTER TABLE orders ALTER status TYPE varchar(20), ADD note text NOT NULL DEFAULT 'x'");
  using wide = std::tuple<std::int64_t, std::string, std::optional<int>, std::string>;
  CHECK(std::get<3>(at.db.one<wide>(look, 1)) == "x");
  CHECK(kind_of([&] { (void)at.db.one<order>(look, 1); }) == query_error_kind::bad_row);  // said, not misread
  other.script("ddl", "ALTER TABLE orders DROP note");
  {
    hasten::transaction change(at.db);
    CHECK(kind_of([&] { (void)at.db.one<order>(look, 1); }) == query_error_kind::stale_plan);
    CHECK(at.db.is_aborted());
    CHECK(kind_of([&] { at.db.exec({"more", "SELECT 1"}); }) == query_error_kind::aborted);
    CHECK(kind_of([&] { change.commit(); }) == query_error_kind::aborted);
  }
  CHECK(at.db.one<order>(look, 1).status == "open");
  at.db.track("plain", [](soci::session& sql) { sql << "DEALLOCATE ALL"; });
  CHECK(at.db.one<order>(look, 1).status == "open");
}

TEST_CASE("behind a savepoint a transaction goes on after a statement that failed") {
  fixture at;
  at.with_orders();
  const statement add{"orders.add", "INSERT INTO orders VALUES(?1, 'new', NULL)"};
  hasten::transaction change(at.db);
  at.db.exec(add, 10);
  for (int turn = 0; turn < 3; ++turn) {
    hasten::savepoint part(at.db);
    CHECK(kind_of([&] { at.db.exec(add, 10); }) == query_error_kind::unique);
    CHECK(kind_of([&] { part.release(); }) == query_error_kind::aborted);
  }
  CHECK_FALSE(at.db.is_aborted());
  {
    hasten::savepoint part(at.db);
    at.db.exec(add, 11);
    part.release();
  }
  change.commit();
  CHECK(at.db.one<std::int64_t>({"count", "SELECT count(*) FROM orders"}) == 5);
}

TEST_CASE("a statement is stopped at its deadline and the session goes on") {
  fixture at;
  const statement sleep{"sleep", "SELECT pg_sleep(?1)"};
  for (int use = 0; use < 2; ++use) {
    const auto began = hasten::steady_clock_source::now();
    const hasten::query_deadline limit(at.db, began + std::chrono::milliseconds(100));
    CHECK(kind_of([&] { at.db.exec(sleep, 20); }) == query_error_kind::timeout);
    CHECK(hasten::steady_clock_source::now() - began < std::chrono::seconds(5));
  }
  CHECK(at.db.one<int>({"after", "SELECT 1"}) == 1);
  CHECK(at.db.settle());
  hasten::monitored_session brief(at.open(), at.monitor, {.answer_max = std::chrono::milliseconds(100)});
  CHECK(kind_of([&] { brief.exec(sleep, 20); }) == query_error_kind::timeout);
  CHECK(brief.one<int>({"after", "SELECT 1"}) == 1);
  brief.script("limit", "SET statement_timeout = 50");
  CHECK(kind_of([&] { brief.exec({"server", "SELECT pg_sleep(20)"}); }) == query_error_kind::timeout);
}

TEST_CASE("a statement is stopped when a stop is requested and the session goes on") {
  fixture at;
  const statement sleep{"sleep", "SELECT pg_sleep(?1)"};
  std::stop_source client;
  {
    const hasten::transaction change(at.db);
    const hasten::query_deadline limit(at.db, hasten::steady_time::max(), client.get_token());
    std::jthread gone([&] { client.request_stop(); });
    const auto began = hasten::steady_clock_source::now();
    CHECK(kind_of([&] { at.db.exec(sleep, 20); }) == query_error_kind::timeout);
    CHECK(hasten::steady_clock_source::now() - began < std::chrono::seconds(10));
  }
  CHECK_FALSE(at.db.in_transaction());
  CHECK(at.db.one<int>({"after", "SELECT 1"}) == 1);
}

TEST_CASE("plain SOCI code on the session is counted, and its failures say no value") {
  fixture at;
  at.with_orders();
  at.db.track("orders.plain", [](soci::session& sql) {
    const std::string status = "open";
    int count = 0;
    sql << "SELECT count(*) FROM orders WHERE status = :s", soci::use(status), soci::into(count);
    CHECK(count == 2);
  });
  const auto failure = failure_of([&] {
    at.db.track("orders.plain", [](soci::session& sql) {
      const std::string secret = "secret";
      sql << "INSERT INTO orders VALUES(1, :s, 0)", soci::use(secret);
    });
  });
  CHECK(failure.kind() == query_error_kind::unique);
  CHECK(std::string(failure.what()).find("secret") == std::string::npos);
  CHECK(failure.server_text().find("secret") == std::string::npos);
}

TEST_CASE("a session is put in order for its next user") {
  fixture at;
  at.with_orders();
  at.db.script("begin", "BEGIN; DELETE FROM orders");
  CHECK(at.db.in_transaction());
  CHECK(at.db.settle());
  CHECK_FALSE(at.db.in_transaction());
  at.db.track("plain", [](soci::session& sql) { sql << "SET search_path = nowhere"; });
  CHECK(at.db.settle());
  CHECK(at.db.one<std::int64_t>({"count", "SELECT count(*) FROM orders"}) == 3);
  CHECK(kind_of([&] { (void)at.db.last_insert_id(); }) == query_error_kind::bad_statement);
}

TEST_CASE("an injection through any parameter stays a value") {
  fixture at;
  at.with_orders();
  const statement add{"orders.add", "INSERT INTO orders VALUES(:id, :status, NULL)"};
  const statement find{"orders.find", "SELECT count(*) FROM orders WHERE status = ?1"};
  std::int64_t id = 100;
  for (const std::string evil :
       {"'; DROP TABLE orders; --", "\\'; DROP TABLE orders; --", "$1", ":status", "') OR 1=1 --",
        "$$; DROP TABLE orders; $$", "\"; --", "/*", "E'\\x27'", "1; SELECT pg_sleep(10)"}) {
    CHECK(at.db.exec(add, param("status", evil), param("id", ++id)) == 1);
    CHECK(at.db.one<std::int64_t>(find, evil) == 1);
    CHECK(kind_of([&] { at.db.exec({"as_number", "SELECT ?1::int"}, evil); }) == query_error_kind::bad_value);
  }
  CHECK(at.db.one<std::int64_t>({"count", "SELECT count(*) FROM orders"}) == 13);
}

TEST_CASE("a long result stays on the server until its rows are visited, so that memory is constant") {
  fixture at;
  hasten::monitored_session other(std::make_unique<soci::session>(soci::postgresql, at.server.connection()),
                                  at.monitor);
  // 300,000 rows of 400 bytes: many times what the socket takes in. While the server waits to send more, nobody holds them.
  const auto is_sending = [&] {
    const auto deadline = hasten::steady_clock_source::now() + std::chrono::seconds(60);
    while (hasten::steady_clock_source::now() < deadline)
      if (other.one<bool>(
              {"waits", "SELECT count(*)=1 FROM pg_stat_activity WHERE wait_event='ClientWrite'"}))
        return true;
    return false;
  };
  std::int64_t sum = 0;
  const std::uint64_t rows = at.db.each<std::tuple<std::int64_t, std::string_view>>(
      {"long", "SELECT i, repeat('x', 400) FROM generate_series(1, 300000) AS i"}, [&](auto& row) {
        const std::int64_t id = std::get<0>(row);
        sum += id + static_cast<std::int64_t>(std::get<1>(row).size());
        if (id == 1 || id == 100'000 || id == 200'000) CHECK(is_sending());
      });
  CHECK(rows == 300'000);
  CHECK(sum == 300'000LL * 300'001 / 2 + 300'000LL * 400);
}

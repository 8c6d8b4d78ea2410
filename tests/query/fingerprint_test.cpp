// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/fingerprint.hpp>

#include <hasten/query/query_monitor.hpp>
#include <hasten/query/repeat_detector.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using hasten::fingerprint_of;
using hasten::sql_dialect;

std::string shape(std::string_view text, sql_dialect dialect = sql_dialect::sqlite) {
  return fingerprint_of(text, dialect).text;
}

}  // namespace

TEST_CASE("values, comments and layout go, names and keywords stay") {
  CHECK(shape("SELECT  *\nFROM Orders -- of 1970\nWHERE id=17 AND name = 'O''Neil' /* x */;") ==
        "select * from orders where id = ? and name = ?");
  CHECK(shape("select a.b,c FROM t WHERE x BETWEEN -1.5 AND +2e10") ==
        "select a.b, c from t where x between ? and ?");
  CHECK(shape("SELECT x'00ff', TRUE, NULL, a IS NULL, b IS NOT NULL FROM [A B], `c`") ==
        "select ?, ?, ?, a is null, b is not null from [A B], `c`");
  CHECK(shape("SELECT E'it\\'s', $$a$$, $1, data->>'k', a[1:2] FROM \"T\"", sql_dialect::postgresql) ==
        "select ?, ?, ?, data ->> ?, a[? : ?] from \"T\"");
  CHECK(shape("").empty());
  CHECK(shape("SELECT 1; SELECT 2;") == "select ?; select ?");
}

TEST_CASE("statements that differ in values and layout alone have one shape") {
  const auto one = fingerprint_of("SELECT a FROM t WHERE b = 1 AND c IN (1,2,3)", sql_dialect::sqlite);
  for (const char* other :
       {"select A from T where B=:b and C in(?)", "SELECT a FROM t WHERE b=-7 AND c IN ( 'x' , NULL )",
        "SELECT a /* 1 */ FROM t WHERE b = $b AND c IN (@c, ?4, 1e5)"}) {
    INFO(other);
    CHECK(fingerprint_of(other, sql_dialect::sqlite) == one);
    CHECK(shape(other) == one.text);
  }
  for (const char* other :
       {"SELECT a FROM t WHERE b = 1", "SELECT a FROM u WHERE b = 1 AND c IN (1)",
        "SELECT a FROM t WHERE b = 1 OR c IN (1,2,3)", "SELECT a FROM t WHERE b = 1 AND c IN (SELECT 1)"})
    CHECK_FALSE(fingerprint_of(other, sql_dialect::sqlite) == one);
}

TEST_CASE("of the rows of VALUES the first is kept") {
  CHECK(shape("INSERT INTO t(a, b) VALUES (1, 2), (3, 4),(5,6) ON CONFLICT DO NOTHING") ==
        "insert into t (a, b) values (?+) on conflict do nothing");
  CHECK(shape("INSERT INTO t VALUES (1, lower('A')), (2, lower('B'))") ==
        "insert into t values (?, lower (?))");
  CHECK(shape("INSERT INTO t VALUES (1, lower('A'))") == "insert into t values (?, lower (?))");
  CHECK(shape("SELECT * FROM t WHERE a = ANY(ARRAY[1,2,3]) AND b=ANY('{1,2}')", sql_dialect::postgresql) ==
        "select * from t where a = any (array[?+]) and b = any (?+)");
  CHECK(shape("SELECT 1 WHERE a IN ('x'::text, 'y'::text)", sql_dialect::postgresql) ==
        "select ? where a in (?+)");
  CHECK(shape("INSERT INTO t VALUES (1), (2") == "insert into t values (?+)");
}

TEST_CASE("text in double quotation marks is a value to SQLite where no name must stand") {
  CHECK(shape("SELECT a FROM \"T\" WHERE \"T\".\"b\" = \"Miller\"") ==
        "select a from \"T\" where \"T\".\"b\" = ?");
  CHECK(shape("SELECT \"b\" FROM t", sql_dialect::postgresql) == "select \"b\" from t");
}

TEST_CASE("what the end of the text cuts off may be a value") {
  for (const char* open :
       {"SELECT 'secret", "SELECT \"secret", "SELECT [secret", "SELECT 1 /* secret", "SELECT `secret"})
    CHECK(shape(open).find("secret") == std::string::npos);
}

TEST_CASE("a long shape is cut at whole characters and told apart by what was cut off") {
  const std::string columns(2'000, 'c');
  const auto one = fingerprint_of("SELECT " + columns + " FROM a", sql_dialect::sqlite, 100);
  const auto two = fingerprint_of("SELECT " + columns + " FROM b", sql_dialect::sqlite, 100);
  CHECK(one.text.size() == 100);
  CHECK(one.text.ends_with("..."));
  CHECK(one.is_cut);
  CHECK(one.text == two.text);
  CHECK_FALSE(one == two);
  for (std::size_t size = 16; size < 24; ++size) {
    const auto cut = fingerprint_of("SELECT ääääääääääää", sql_dialect::sqlite, size);
    CHECK(cut.text.size() <= size);
    CHECK((static_cast<unsigned char>(cut.text[cut.text.size() - 4]) & 0xC0) != 0xC0);
  }
  CHECK_FALSE(fingerprint_of("SELECT 1", sql_dialect::sqlite).is_cut);
  CHECK_THROWS_AS(fingerprint_of("", sql_dialect::sqlite, 15), std::invalid_argument);
  CHECK_THROWS_AS(fingerprint_of("", sql_dialect::sqlite, 100'001), std::invalid_argument);
}

TEST_CASE("no random value is ever left in a shape, and no value changes it") {
  const unsigned seed = 20'261'122;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  constexpr const char* marker = "7zqx";
  const auto value = [&](sql_dialect dialect) {
    constexpr std::string_view inside = "ab-/*;()\"[]`$:?@=, \n";
    std::string body;
    for (std::size_t size = random() % 6; size > 0; --size) body += inside[random() % inside.size()];
    body += marker;
    for (std::size_t size = random() % 6; size > 0; --size) body += inside[random() % inside.size()];
    switch (random() % (dialect == sql_dialect::postgresql ? 5 : 3)) {
      case 0:
        return "'" + body + "''" + body + "'";
      case 1:
        return std::string("7zqx") + std::to_string(random());  // letters that stick to a number
      case 2:
        return "x'" + std::string(marker) + "'";
      case 3:
        return "E'" + body + "\\'" + body + "'";
      default:
        return "$t$" + body + "'$t$";
    }
  };
  constexpr const char* templates[] = {"SELECT * FROM t WHERE a = # AND b IN (#, #) ORDER BY c LIMIT #",
                                       "INSERT INTO t(a) VALUES (#, #), (#, #)",
                                       "UPDATE t SET a=#, b=f(#) WHERE c>=-# OR d LIKE #",
                                       "SELECT #||#, CASE WHEN a=# THEN # ELSE # END"};
  for (int round = 0; round < 5'000; ++round)
    for (const auto dialect : {sql_dialect::sqlite, sql_dialect::postgresql}) {
      const std::string_view pattern = templates[random() % std::size(templates)];
      std::string text;
      std::string plain;
      for (const char each : pattern) {
        text += each == '#' ? value(dialect) : std::string(1, each);
        plain += each == '#' ? std::string("?1") : std::string(1, each);
      }
      INFO(text);
      const auto made = fingerprint_of(text, dialect);
      REQUIRE(made.text.find(marker) == std::string::npos);
      REQUIRE(made == fingerprint_of(plain, dialect));
    }
}

TEST_CASE("a statement without a name is counted under its shape") {
  hasten::query_monitor monitor;
  hasten::repeat_detector repeats({.repeats_min = 3});
  for (const char* text :
       {"SELECT a FROM t WHERE id=1", "SELECT a FROM t WHERE id=2", "select a from t where id=3"}) {
    const auto made = fingerprint_of(text, sql_dialect::sqlite);
    repeats.note(made.text);
    monitor.track(made.text, [] {});
  }
  REQUIRE(monitor.statements().size() == 1);
  CHECK(monitor.statements()[0].name == "select a from t where id = ?");
  REQUIRE(repeats.report().size() == 1);
  CHECK(repeats.report()[0].times == 3);
}

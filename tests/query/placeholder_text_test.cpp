// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/placeholder_text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using hasten::parse_placeholders;
using hasten::sql_dialect;
using names = std::vector<std::string>;

std::string for_sqlite(std::string_view text) {
  return parse_placeholders("x", text, sql_dialect::sqlite).text;
}
std::string for_postgresql(std::string_view text) {
  return parse_placeholders("x", text, sql_dialect::postgresql).text;
}

bool refuses(std::string_view text, sql_dialect dialect) {
  try {
    static_cast<void>(parse_placeholders("orders.page", text, dialect));
  } catch (const hasten::query_error& failure) {
    const std::string what = failure.what();
    return failure.kind() == hasten::query_error_kind::bad_statement &&
           what.find("orders.page: ") != std::string::npos && what.find("secret") == std::string::npos;
  }
  return false;
}

static_assert(hasten::needs_placeholders_rewritten("SELECT :a", sql_dialect::sqlite));
static_assert(!hasten::needs_placeholders_rewritten("SELECT ?, ?2, ':a'", sql_dialect::sqlite));
static_assert(hasten::needs_placeholders_rewritten("SELECT ?1", sql_dialect::postgresql));
static_assert(!hasten::needs_placeholders_rewritten("SELECT $1 ? 'a'", sql_dialect::postgresql));

}  // namespace

TEST_CASE("a name becomes one number, however often and with whichever sign it stands there") {
  const auto made = parse_placeholders("x", "SELECT :a + @b + $a + :c", sql_dialect::sqlite);
  CHECK(made.text == "SELECT ?1 + ?2 + ?1 + ?3");
  CHECK(made.names == names{"a", "b", "c"});
  CHECK(made.parameters == 3);
  CHECK(made.is_named());
  CHECK(for_postgresql("SELECT :a + @b + $a + :c") == "SELECT $1 + $2 + $1 + $3");
}

TEST_CASE("a name is found whether or not it is where it was expected") {
  const auto made = parse_placeholders("x", ":a :b :c", sql_dialect::sqlite);
  CHECK(made.index_of("b", 2) == 2);
  CHECK(made.index_of("b", 1) == 2);
  CHECK(made.index_of("b", 0) == 2);
  CHECK(made.index_of("b", 99) == 2);
  CHECK(made.index_of("B") == 0);
  CHECK(made.index_of("") == 0);
}

TEST_CASE("numbers are written as the database wants them") {
  CHECK(for_postgresql("SELECT ?2, ?1, $3") == "SELECT $2, $1, $3");
  CHECK(for_sqlite("SELECT $2, ?1, ?, ?007") == "SELECT ?2, ?1, ?3, ?7");
  const auto made = parse_placeholders("x", "SELECT ?, ?5, ?", sql_dialect::sqlite);
  CHECK(made.parameters == 6);
  CHECK_FALSE(made.is_named());
  CHECK(parse_placeholders("x", "SELECT 1", sql_dialect::sqlite).parameters == 0);
}

TEST_CASE("quotations and comments are left alone") {
  for (const char* text :
       {"SELECT ':a ?1 $1' -- :b\n/* :c */", "SELECT \":a\"", "SELECT 'it''s :a'", "SELECT \"a\"\":b\""}) {
    CHECK(for_sqlite(text) == text);
    CHECK(for_postgresql(text) == text);
  }
  for (const char* text : {"SELECT [:a], `:b`", "SELECT '\\' -- ' :a"}) CHECK(for_sqlite(text) == text);
  for (const char* text : {"SELECT $$ a:b $$", "SELECT $x$ $1 :a $$ $x$", R"(SELECT E'\':a')",
                           "/* /* :a */ :b */ SELECT 1", R"(SELECT 'C:\' , 'x:y')"})
    CHECK(for_postgresql(text) == text);
}

TEST_CASE("casts, slices and PostgreSQL's operators are no placeholders") {
  for (const char* text : {"SELECT x::text, y :: int", "SELECT x[1:2], x[a:b], x[f(1):n], x[:2], x[1:]",
                           "SELECT a ? 'k', a ?| b, a ?& b, a @? '$.x'",
                           "SELECT a <@ b, a <@b, a @> b, a @@ b, a @@b", "SELECT f(a := 1)"})
    CHECK(for_postgresql(text) == text);
  CHECK(for_postgresql("SELECT :a::text, x[:i], x[:lo : :hi], x[1::hi], ARRAY[:p, :q]") ==
        "SELECT $1::text, x[$2], x[$3 : $4], x[1::hi], ARRAY[$5, $6]");
  CHECK(for_postgresql("SELECT x[(CASE WHEN :a THEN 1 END)]") == "SELECT x[(CASE WHEN $1 THEN 1 END)]");
  CHECK(for_postgresql("SELECT a ? :key") == "SELECT a ? $1");
  CHECK(for_postgresql("SELECT data->:key, id=@id") == "SELECT data->$1, id=$2");
}

TEST_CASE("a placeholder does not run into what stands before it") {
  CHECK(for_postgresql("a AND:b:c") == "a AND $1 $2");
  CHECK(for_sqlite("LIMIT:b") == "LIMIT ?1");
}

TEST_CASE("what would be misread is refused, without quoting the text") {
  for (const auto dialect : {sql_dialect::sqlite, sql_dialect::postgresql}) {
    CHECK(refuses("SELECT 'secret", dialect));
    CHECK(refuses("SELECT \"secret", dialect));
    CHECK(refuses("SELECT 1 /* secret", dialect));
    CHECK(refuses("SELECT :secret, ?1", dialect));
    CHECK(refuses("SELECT ?1, :secret", dialect));
    CHECK(refuses("SELECT ?0", dialect));
    CHECK(refuses("SELECT ?65536", dialect));
    CHECK(refuses("SELECT ?99999999999999999999999", dialect));
    CHECK(refuses(std::string_view("SELECT 1\0secret", 15), dialect));
    CHECK_FALSE(refuses("SELECT ?65535", dialect));
  }
  CHECK(refuses("SELECT :1", sql_dialect::sqlite));
  CHECK(refuses("SELECT $secret$", sql_dialect::postgresql));
}

TEST_CASE("a text that was rewritten stays as it is when it is rewritten again") {
  const unsigned seed = 20'261'121;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  constexpr const char* pieces[] = {":a",       "@b",    "$c", "?",      "?1",      "?12",   "$3",
                                    "::",       "[",     "]",  "(",      ")",       "'x:y'", "E'\\':z'",
                                    "$$ :q $$", "a",     " ",  "-- c\n", "/* d */", "<",     "@",
                                    "=",        "\"n\"", "1",  ",",      "|",       "."};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::size_t size = random() % 12; size > 0; --size) text += pieces[random() % std::size(pieces)];
    for (const auto dialect : {sql_dialect::sqlite, sql_dialect::postgresql}) {
      hasten::placeholder_text once;
      try {
        once = parse_placeholders("x", text, dialect);
      } catch (const hasten::query_error&) {
        continue;  // names beside numbers
      }
      INFO(text);
      const auto twice = parse_placeholders("x", once.text, dialect);
      REQUIRE(twice.text == once.text);
      REQUIRE(twice.parameters == once.parameters);
      REQUIRE_FALSE(twice.is_named());
      REQUIRE_FALSE(hasten::needs_placeholders_rewritten(once.text, dialect));
    }
  }
}

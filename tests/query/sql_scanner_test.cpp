// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/sql_scanner.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using hasten::sql_dialect;
using kind = hasten::sql_token::kind;

std::vector<std::pair<kind, std::string>> tokens_of(std::string_view text, sql_dialect dialect) {
  std::vector<std::pair<kind, std::string>> found;
  hasten::sql_scanner scan(text, dialect);
  for (auto token = scan.next(); token.what != kind::end; token = scan.next())
    if (token.what != kind::blank) found.emplace_back(token.what, token.text);
  return found;
}

// The only token of the text, blanks apart.
kind only(std::string_view text, sql_dialect dialect) {
  const auto found = tokens_of(text, dialect);
  return found.size() == 1 && found[0].second == text ? found[0].first : kind::end;
}

bool is_closed(std::string_view text, sql_dialect dialect) {
  hasten::sql_scanner scan(text, dialect);
  bool closed = true;
  for (auto token = scan.next(); token.what != kind::end; token = scan.next())
    closed = closed && token.is_closed;
  return closed;
}

constexpr std::size_t count_placeholders(std::string_view text, sql_dialect dialect) {
  hasten::sql_scanner scan(text, dialect);
  std::size_t count = 0;
  for (auto token = scan.next(); token.what != kind::end; token = scan.next())
    if (token.what == kind::placeholder) ++count;
  return count;
}

static_assert(count_placeholders("SELECT :a, '?1', \"?2\" -- ?3", sql_dialect::sqlite) == 1);
static_assert(count_placeholders("SELECT $1, $$ $2 $$, x::int", sql_dialect::postgresql) == 1);

}  // namespace

TEST_CASE("both dialects know words, numbers, strings and names in quotation marks") {
  for (const auto dialect : {sql_dialect::sqlite, sql_dialect::postgresql}) {
    CHECK(only("SELECT", dialect) == kind::word);
    CHECK(only("größe_1$x", dialect) == kind::word);
    CHECK(only("'it''s'", dialect) == kind::string);
    CHECK(only("''", dialect) == kind::string);
    CHECK(only("x'00ff'", dialect) == kind::string);
    CHECK(only("\"a\"\"b\"", dialect) == kind::quoted_name);
    for (const char* number : {"1", "1.5", ".5", "1e10", "1.5E-3", "0x1F", "12ab", "1_000", "1."})
      CHECK(only(number, dialect) == kind::number);
  }
  CHECK(only("[a b]", sql_dialect::sqlite) == kind::quoted_name);
  CHECK(only("`a``b`", sql_dialect::sqlite) == kind::quoted_name);
  CHECK(tokens_of("0x1e+2", sql_dialect::sqlite).size() == 3);
}

TEST_CASE("PostgreSQL's strings may hold backslashes, have tags or go on in the next line") {
  for (const char* text : {R"(E'a\'b')", R"(e'\\')", "E'a'\n  'b\\'c'", "E'a' -- remark\n'b'", "$$ a ' b $$",
                           "$t$ $$ $t$", "$ä1$;$ä1$", "B'01'", "U&'d\\0061t'", "N'x'"})
    CHECK(only(text, sql_dialect::postgresql) == kind::string);
  CHECK(only("U&\"d\\0061t\"", sql_dialect::postgresql) == kind::quoted_name);
  CHECK(tokens_of("E'a' 'b'", sql_dialect::postgresql).size() == 2);
  CHECK(tokens_of(R"('a\' b)", sql_dialect::postgresql).size() == 2);  // no E: the backslash is one
  CHECK(tokens_of(R"(E'a\'b')", sql_dialect::sqlite).size() == 4);     // E, 'a\', b, an open quotation
  CHECK(tokens_of("a[1]", sql_dialect::postgresql).size() == 4);
}

TEST_CASE("comments are blanks, and nest on PostgreSQL alone") {
  CHECK(tokens_of("-- ?1 'a\n1", sql_dialect::sqlite).size() == 1);
  CHECK(tokens_of("/* a /* b */ c */ 1", sql_dialect::postgresql).size() == 1);
  CHECK(tokens_of("/* a /* b */ c", sql_dialect::sqlite).size() == 1);
  CHECK(tokens_of("1+--2\n3", sql_dialect::postgresql).size() == 3);
}

TEST_CASE("what the end of the text cuts off is told") {
  for (const char* open : {"'a", "'a''", "\"a", "/* a", "'"}) {
    CHECK_FALSE(is_closed(open, sql_dialect::sqlite));
    CHECK_FALSE(is_closed(open, sql_dialect::postgresql));
  }
  CHECK_FALSE(is_closed("[a", sql_dialect::sqlite));
  CHECK_FALSE(is_closed("`a", sql_dialect::sqlite));
  CHECK_FALSE(is_closed("/* /* */", sql_dialect::postgresql));
  CHECK_FALSE(is_closed("$a$ $b$", sql_dialect::postgresql));
  CHECK_FALSE(is_closed("E'a\\'", sql_dialect::postgresql));
  CHECK_FALSE(is_closed("E'a\\", sql_dialect::postgresql));
  CHECK(is_closed("-- a", sql_dialect::sqlite));
}

TEST_CASE("operators are cut as the databases cut them") {
  using list = std::vector<std::pair<kind, std::string>>;
  CHECK(tokens_of("a->>'b'", sql_dialect::sqlite)[1].second == "->>");
  CHECK(tokens_of("a=-1", sql_dialect::postgresql) ==
        list{{kind::word, "a"}, {kind::symbol, "="}, {kind::symbol, "-"}, {kind::number, "1"}});
  CHECK(tokens_of("a @>b", sql_dialect::postgresql)[1].second == "@>");
  CHECK(tokens_of("a ?| b ?& c ? d @? e #>> f", sql_dialect::postgresql).size() == 11);
  CHECK(tokens_of("a!=?1", sql_dialect::postgresql)[1].second == "!=");
  CHECK(tokens_of("a=@b", sql_dialect::postgresql)[2] == std::pair{kind::placeholder, std::string("@b")});
  CHECK(tokens_of("a<@b", sql_dialect::postgresql)[1].second == "<@");
}

TEST_CASE("random texts come out as they went in, whatever they hold") {
  const unsigned seed = 20'261'120;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  constexpr std::string_view alphabet = "aE1?:@$'\"`[]()/*-+=<|&.,;\\ \n\xc3\xa4xUuNB%!#~";
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::size_t size = random() % 24; size > 0; --size) text += alphabet[random() % alphabet.size()];
    for (const auto dialect : {sql_dialect::sqlite, sql_dialect::postgresql}) {
      std::string joined;
      hasten::sql_scanner scan(text, dialect);
      for (auto token = scan.next(); token.what != kind::end; token = scan.next()) {
        REQUIRE_FALSE(token.text.empty());
        joined += token.text;
      }
      REQUIRE(joined == text);
      REQUIRE(scan.next().what == kind::end);
    }
  }
}

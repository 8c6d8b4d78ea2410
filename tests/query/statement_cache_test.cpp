// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/statement_cache.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <stdexcept>
#include <string>

namespace {

using cache = hasten::statement_cache<std::unique_ptr<int>>;

void add(cache& target, std::string_view text, int value) {
  cache::entry* entry = target.put_taken(text, std::make_unique<int>(value));
  REQUIRE(entry != nullptr);
  target.give_back(*entry);
}

}  // namespace

TEST_CASE("a statement is found by its text, wherever that text lives") {
  cache statements({.statements_max = 4});
  const std::string text = "SELECT 1";
  add(statements, text, 1);
  const std::string copy = text;
  for (int round = 0; round < 2; ++round)
    for (const std::string* each : {&text, &copy}) {
      cache::entry* found = statements.take(*each);
      REQUIRE(found != nullptr);
      CHECK(*found->statement == 1);
      statements.give_back(*found);
    }
  CHECK(statements.stats().hits == 4);
}

TEST_CASE("a buffer that is written again finds the new text, not the one it held before") {
  cache statements({.statements_max = 4});
  add(statements, "SELECT 1", 1);
  add(statements, "SELECT 2", 2);
  std::string buffer = "SELECT 1";
  cache::entry* found = statements.take(buffer);
  REQUIRE(found != nullptr);
  statements.give_back(*found);
  buffer.back() = '2';
  found = statements.take(buffer);
  REQUIRE(found != nullptr);
  CHECK(*found->statement == 2);
}

TEST_CASE("the least recently used statement is evicted first") {
  cache statements({.statements_max = 2});
  add(statements, "a", 1);
  add(statements, "b", 2);
  statements.give_back(*statements.take("a"));
  add(statements, "c", 3);
  CHECK(statements.take("b") == nullptr);
  CHECK(statements.take("a") != nullptr);
  CHECK(statements.stats().evictions == 1);
  CHECK(statements.size() == 2);
}

TEST_CASE("a taken statement is neither shared nor evicted") {
  cache statements({.statements_max = 1});
  cache::entry* held = statements.put_taken("a", std::make_unique<int>(1));
  REQUIRE(held != nullptr);
  CHECK(statements.take("a") == nullptr);
  CHECK(statements.put_taken("a", std::make_unique<int>(9)) == nullptr);
  cache::entry* other = statements.put_taken("b", std::make_unique<int>(2));
  REQUIRE(other != nullptr);
  CHECK(*held->statement == 1);
  CHECK(statements.size() == 2);  // both are in use; the bound holds again once one comes back
  statements.give_back(*held);
  CHECK(statements.size() == 1);
  CHECK(statements.take("a") == nullptr);
}

TEST_CASE("a broken statement is erased while taken, and clear leaves taken ones alone") {
  cache statements({.statements_max = 4});
  cache::entry* broken = statements.put_taken("a", std::make_unique<int>(1));
  cache::entry* held = statements.put_taken("b", std::make_unique<int>(2));
  add(statements, "c", 3);
  statements.erase(*broken);
  CHECK(statements.clear() == 1);
  CHECK(*held->statement == 2);
  statements.give_back(*held);
  CHECK(statements.clear() == 0);
  CHECK(statements.take("b") == nullptr);
}

TEST_CASE("an entry evicted after it was hinted at is not found again") {
  cache statements({.statements_max = 1});
  const std::string text = "a";
  add(statements, text, 1);
  statements.give_back(*statements.take(text));
  add(statements, "b", 2);
  CHECK(statements.take(text) == nullptr);
}

TEST_CASE("a bound out of range is refused") {
  CHECK_THROWS_AS(cache({.statements_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(cache({.statements_max = 100'001}), std::invalid_argument);
}

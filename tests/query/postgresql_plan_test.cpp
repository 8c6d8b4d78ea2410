// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/postgresql_plan.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

// As PostgreSQL 15 writes it, with a bound value in a condition.
constexpr std::string_view joined = R"json([
  {
    "Plan": {
      "Node Type": "Sort", "Parallel Aware": false, "Startup Cost": 41.21, "Plan Rows": 10,
      "Sort Key": ["o.day DESC"],
      "Plans": [
        { "Node Type": "Nested Loop", "Join Type": "Inner", "Plans": [
          { "Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "orders", "Alias": "o",
            "Filter": "(status = 'secret \"value\"'::text)" },
          { "Node Type": "Index Scan", "Index Name": "lines_pkey", "Relation Name": "lines", "Alias": "l",
            "Index Cond": "(id = o.id)" } ] } ]
    },
    "Settings": {"jit": "off"}, "Planning Time": 1.5e-2
  }
])json";

bool refuses(std::string_view text) {
  try {
    static_cast<void>(hasten::read_postgresql_plan(text));
  } catch (const hasten::error& failure) {
    return failure.code() == hasten::errc::bad_row &&
           std::string(failure.what()).find("secret") == std::string::npos;
  }
  return false;
}

}  // namespace

TEST_CASE("nodes, tables and indexes are kept, conditions and costs are not") {
  const auto plan = hasten::read_postgresql_plan(joined);
  CHECK(hasten::to_text(plan) ==
        "Sort\n  Nested Loop\n    Seq Scan on orders\n    Index Scan using lines_pkey on lines\n");
  CHECK(plan.full_scans == std::vector<std::string>{"orders"});
  CHECK(plan.sorts);
  CHECK_FALSE(plan.is_good());
}

TEST_CASE("a plan by an index is good") {
  CHECK(hasten::read_postgresql_plan(
            R"([{"Plan":{"Node Type":"Index Only Scan","Index Name":"i","Relation Name":"t","Plans":[]}}])")
            .is_good());
}

TEST_CASE("what is no plan is refused, without quoting it") {
  for (const char* text :
       {"", "secret", "[]", "[{}]", "{\"Plan\":{}}", R"([{"Plan":{}}])", R"([{"Plan":"secret"}])",
        R"([{"Plan":{"Node Type":"secret)", R"([{"Plan":{"Node Type":1}}])", R"([{"Plan":{"Node Type":"X\)"})
    CHECK(refuses(text));
  std::string deep;
  for (int level = 0; level < 100'000; ++level) deep += R"({"Node Type":"A","Plans":[)";
  CHECK(refuses("[{\"Plan\":" + deep));
  CHECK(refuses("[{\"Other\":" + std::string(100'000, '[')));
}

TEST_CASE("a damaged plan is read or refused, and nothing else") {
  const unsigned seed = 20'261'123;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 5'000; ++round) {
    std::string text(joined);
    for (int change = 0; change < 3; ++change) {
      const std::size_t at = random() % text.size();
      if (random() % 2 == 0)
        text.erase(at, 1 + random() % 5);
      else
        text[at] = "{}[]\",:\\x"[random() % 9];
    }
    bool is_read = true;
    try {
      is_read = !hasten::read_postgresql_plan(text).steps.empty();
    } catch (const hasten::error&) {
      continue;
    }
    REQUIRE(is_read);
  }
}

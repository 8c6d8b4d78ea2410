// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/index_review.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using hasten::index_outline;
using hasten::index_problem;

hasten::schema_outline orders_with(std::vector<index_outline> indexes) {
  return {.tables = {{.name = "orders",
                      .columns = {"id", "status", "city"},
                      .row_id = "id",
                      .indexes = std::move(indexes)}}};
}

std::vector<hasten::index_finding> review(const hasten::schema_outline& schema,
                                          std::set<std::string> used = {}, bool knows_workload = false) {
  return hasten::review_indexes(schema, used, knows_workload);
}

}  // namespace

TEST_CASE(
    "of two indexes with the same columns the second, or the one that is no constraint, is a duplicate") {
  const auto plain =
      review(orders_with({{.name = "a", .columns = {{"city"}}}, {.name = "b", .columns = {{"city"}}}}));
  REQUIRE(plain.size() == 1);
  CHECK(plain[0].problem == index_problem::duplicate);
  CHECK(plain[0].action == "DROP INDEX b");
  const auto constraint = review(orders_with({{.name = "a", .columns = {{"city"}}},
                                              {.name = "sqlite_autoindex_orders_1",
                                               .columns = {{"city"}},
                                               .is_unique = true,
                                               .is_constraint = true}}));
  REQUIRE(constraint.size() == 1);
  CHECK(constraint[0].index == "a");
}

TEST_CASE(
    "an index that another begins with is redundant, unless it is unique or partial or runs the other way") {
  const index_outline wide{.name = "wide", .columns = {{"city"}, {"status"}}};
  const auto found = review(orders_with({{.name = "a", .columns = {{"city"}}}, wide}));
  REQUIRE(found.size() == 1);
  CHECK(found[0].problem == index_problem::prefix);
  CHECK(found[0].index == "a");
  CHECK(review(orders_with({{.name = "a", .columns = {{"city"}}, .is_unique = true}, wide})).empty());
  CHECK(review(orders_with({{.name = "a", .columns = {{"city"}}, .is_partial = true}, wide})).empty());
  CHECK(review(orders_with({{.name = "a", .columns = {{"city", true}}}, wide})).empty());
  CHECK(review(orders_with({{.name = "a", .columns = {{"status"}}}, wide})).empty());
  CHECK(review(orders_with({{.name = "a", .columns = {}}, wide})).empty());
}

TEST_CASE(
    "unused indexes are told only where the statements are known, and spared where a constraint needs them") {
  auto schema = orders_with({{.name = "by_city", .columns = {{"city"}}},
                             {.name = "by_status", .columns = {{"status"}}},
                             {.name = "one_city", .columns = {{"city"}, {"id"}}, .is_unique = true}});
  schema.tables[0].indexes[0].columns = {{"city"}, {"status"}};
  CHECK(review(schema, {"by_city"}, false).empty());
  const auto found = review(schema, {"by_city"}, true);
  REQUIRE(found.size() == 1);
  CHECK(found[0].problem == index_problem::unused);
  CHECK(found[0].index == "by_status");
  schema.tables[0].foreign_keys = {{.columns = {"status"}, .parent = "states"}};
  CHECK(review(schema, {"by_city"}, true).empty());
}

TEST_CASE("a foreign key wants an index that begins with its columns, in any order") {
  auto schema = orders_with({{.name = "x", .columns = {{"city"}, {"status"}, {"id"}}}});
  schema.tables[0].foreign_keys = {{.columns = {"status", "city"}, .parent = "places"}};
  CHECK(review(schema).empty());
  schema.tables[0].foreign_keys.push_back({.columns = {"id"}, .parent = "numbers"});  // the row's own number
  CHECK(review(schema).empty());
  schema.tables[0].foreign_keys.push_back({.columns = {"status"}, .parent = "states"});
  schema.tables[0].rows = 77;
  const auto found = review(schema);
  REQUIRE(found.size() == 1);
  CHECK(found[0].problem == index_problem::foreign_key_unindexed);
  CHECK(found[0].action == "CREATE INDEX ix_orders_status ON orders(status)");
  CHECK(found[0].evidence.find("77") != std::string::npos);
  schema.tables[0].indexes.push_back({.name = "p", .columns = {{"status"}}, .is_partial = true});
  CHECK(review(schema).size() == 1);
}

TEST_CASE("each problem has a word") {
  CHECK(std::string(name_of(index_problem::duplicate)) == "duplicate");
  CHECK(std::string(name_of(index_problem::foreign_key_unindexed)) == "foreign_key_unindexed");
}

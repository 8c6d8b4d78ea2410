// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/index_advisor.hpp>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <string>
#include <utility>
#include <vector>

namespace {

const hasten::table_outline orders{
    .name = "orders",
    .columns = {"id", "status", "city", "paid_at"},
    .row_id = "id",
    .indexes = {{.name = "one_code", .columns = {{"city"}, {"status"}}, .is_unique = true}}};

std::vector<std::string> ddl_for(const hasten::index_need& need) {
  std::vector<std::string> all;
  for (const auto& each : hasten::candidates_for(need, orders)) all.push_back(each.ddl("i").substr(24));
  return all;
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("equal columns come first, then a range or the order") {
  CHECK(ddl_for({.table = "orders", .equals = {"status"}}) == list{"(status)"});
  CHECK(ddl_for({.table = "orders", .equals = {"status"}, .range = "paid_at"}) ==
        list{"(status)", "(status, paid_at)"});
  CHECK(ddl_for({.table = "orders", .equals = {"status"}, .order = {{"city", true}, {"paid_at"}}}) ==
        list{"(status)", "(status, city DESC, paid_at)"});
}

TEST_CASE("an order that runs down, or ends in the row's number, needs nothing of its own") {
  CHECK(ddl_for({.table = "orders", .order = {{"paid_at", true}, {"id", true}}}) == list{"(paid_at)"});
  CHECK(ddl_for({.table = "orders", .order = {{"paid_at", true}, {"id", false}}}) ==
        list{"(paid_at DESC, id)"});
  CHECK(ddl_for({.table = "orders", .order = {{"id", true}}}).empty());
}

TEST_CASE("where few columns are read, an index with all of them is tried too") {
  CHECK(ddl_for({.table = "orders", .range = "paid_at", .reads = {"id", "status", "paid_at"}}) ==
        list{"(paid_at)", "(paid_at, status)"});
}

TEST_CASE("what a key serves already gets no index") {
  CHECK(ddl_for({.table = "orders", .equals = {"id"}}).empty());
  CHECK(ddl_for({.table = "orders", .equals = {"status", "city"}}).empty());
  CHECK_FALSE(ddl_for({.table = "orders", .equals = {"city"}}).empty());
}

TEST_CASE("a name is bounded, and the statement that makes an index reads well") {
  const hasten::index_candidate one{.table = "orders", .columns = {{"status"}, {"Paid At", true}}};
  CHECK(one.ddl("i") == "CREATE INDEX i ON orders(status, \"Paid At\" DESC)");
  CHECK(one.name() == "ix_orders_status_Paid At");
  const hasten::index_candidate wide{.table = std::string(100, 't'), .columns = {{"a"}}};
  CHECK(wide.name().size() == 60);
}

TEST_CASE("distinct values are estimated well at both ends") {
  CHECK(hasten::estimate_distinct(1'000'000, 1'000, 1'000, 1'000) == Catch::Approx(1'000'000));
  CHECK(hasten::estimate_distinct(1'000'000, 1'000, 3, 0) == Catch::Approx(3));
  CHECK(hasten::estimate_distinct(100, 100, 40, 10) == Catch::Approx(40));
  CHECK(hasten::estimate_distinct(100, 0, 0, 0) == Catch::Approx(1));
}

TEST_CASE("a plan costs the rows that it reads and sorts") {
  hasten::plan_statistics known;
  known.table_rows = {{"orders", 1'000.0}, {"lines", 5'000.0}};
  known.indexes["by_status"] = {.rows = 1'000, .rows_per_key = {250, 2}};
  const auto cost = [&](std::vector<std::string> details,
                        const char* text = "SELECT 1 FROM orders AS o, lines l") {
    std::vector<hasten::plan_step> steps;
    std::int64_t id = 1;
    for (std::string& each : details) steps.push_back({.id = id++, .detail = std::move(each)});
    return hasten::plan_cost(known, text).of(hasten::read_plan(std::move(steps)));
  };
  CHECK(cost({"SCAN orders"}) == Catch::Approx(1'000));
  CHECK(cost({"SCAN o"}) == Catch::Approx(1'000));
  CHECK(cost({"SEARCH o USING INTEGER PRIMARY KEY (rowid=?)"}) == Catch::Approx(1));
  CHECK(cost({"SEARCH o USING INDEX by_status (status=?)"}) == Catch::Approx(750));
  CHECK(cost({"SEARCH o USING COVERING INDEX by_status (status=?)"}) == Catch::Approx(75));
  CHECK(cost({"SEARCH o USING INDEX by_status (status=? AND city=?)"}) == Catch::Approx(6));
  CHECK(cost({"SCAN o", "SCAN l"}) == Catch::Approx(1'000 + 5'000'000));
  CHECK(cost({"SCAN o", "SEARCH l USING AUTOMATIC COVERING INDEX (order_id=?)"}) > cost({"SCAN o"}) + 15'000);
  CHECK(cost({"SCAN o", "USE TEMP B-TREE FOR ORDER BY"}) > cost({"SCAN o"}));
  const char* limited = "SELECT 1 FROM orders o ORDER BY city LIMIT 10";
  CHECK(cost({"SCAN o"}, limited) == Catch::Approx(10));
  CHECK(cost({"SCAN o", "USE TEMP B-TREE FOR ORDER BY"}, limited) > 1'000);
}

TEST_CASE("a correlated subquery counts for each row around it") {
  hasten::plan_statistics known;
  known.table_rows = {{"orders", 100.0}, {"lines", 50.0}};
  const auto plan = hasten::read_plan({{.id = 2, .detail = "SCAN orders"},
                                       {.id = 5, .detail = "CORRELATED SCALAR SUBQUERY 1"},
                                       {.id = 9, .parent = 5, .detail = "SCAN lines"}});
  CHECK(hasten::plan_cost(known, "").of(plan) == Catch::Approx(5'100));
}

TEST_CASE("the indexes of a plan are known by name") {
  const auto plan = hasten::read_plan({{.id = 1, .detail = "SEARCH o USING INDEX a b (x=?)"},
                                       {.id = 2, .detail = "SCAN l USING COVERING INDEX c"},
                                       {.id = 3, .detail = "SEARCH p USING INTEGER PRIMARY KEY (rowid=?)"}});
  CHECK(hasten::indexes_of(plan) == std::set<std::string>{"a b", "c"});
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/query_plan.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace {

hasten::query_plan plan_of(const std::string& detail) {
  return hasten::read_plan({{.id = 2, .detail = detail}});
}

}  // namespace

TEST_CASE("a scan without an index is a full scan of its table") {
  const auto plan = plan_of("SCAN orders");
  REQUIRE(plan.full_scans == std::vector<std::string>{"orders"});
  CHECK_FALSE(plan.is_good());
  CHECK(plan_of("SCAN o").full_scans.size() == 1);
}

TEST_CASE("a search, a scan of an index and rows that are no table are fine") {
  for (const char* detail :
       {"SEARCH orders USING INDEX by_status (status=?)", "SEARCH orders USING INTEGER PRIMARY KEY (rowid=?)",
        "SCAN orders USING COVERING INDEX by_status", "SCAN CONSTANT ROW", "SCAN (subquery-2)",
        "SCAN j VIRTUAL TABLE INDEX 1:", "CO-ROUTINE n", "SETUP", "something new"})
    CHECK(plan_of(detail).is_good());
}

TEST_CASE("sorting and automatic indexes are seen") {
  CHECK(plan_of("USE TEMP B-TREE FOR ORDER BY").sorts);
  CHECK(plan_of("USE TEMP B-TREE FOR DISTINCT").sorts);
  const auto plan = plan_of("SEARCH lines USING AUTOMATIC COVERING INDEX (order_id=?)");
  CHECK(plan.automatic_index);
  CHECK(plan.full_scans.empty());
}

TEST_CASE("a plan is shown with its steps below those they belong to") {
  const auto plan = hasten::read_plan({{.id = 2, .detail = "CO-ROUTINE n"},
                                       {.id = 3, .parent = 2, .detail = "SETUP"},
                                       {.id = 4, .parent = 3, .detail = "SCAN CONSTANT ROW"},
                                       {.id = 9, .detail = "SCAN orders"}});
  CHECK(hasten::to_text(plan) == "CO-ROUTINE n\n  SETUP\n    SCAN CONSTANT ROW\nSCAN orders\n");
  CHECK(hasten::to_text({}).empty());
}

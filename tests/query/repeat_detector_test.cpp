// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/repeat_detector.hpp>

#include <catch2/catch_test_macros.hpp>

#include <source_location>
#include <stdexcept>
#include <string>

TEST_CASE("only what ran often enough is reported, the most frequent first") {
  hasten::repeat_detector repeats({.repeats_min = 3});
  for (const char* name : {"orders.page", "lines.of_order", "lines.of_order", "lines.of_order", "customer",
                           "customer", "customer", "customer", "total", "total"})
    repeats.note(name);
  const auto found = repeats.report();
  REQUIRE(found.size() == 2);
  CHECK(found[0].name == "customer");
  CHECK(found[0].times == 4);
  CHECK(found[1].name == "lines.of_order");
  CHECK(found[1].times == 3);
}

TEST_CASE("names beyond the bound are counted but not told apart") {
  hasten::repeat_detector repeats({.repeats_min = 2, .statements_max = 1});
  for (const char* name : {"a", "b", "b", "a"}) repeats.note(name);
  CHECK(repeats.report().size() == 1);
  CHECK(repeats.overflowed() == 2);
  CHECK(repeats.total() == 4);
  repeats.clear();
  CHECK(repeats.total() == 0);
  CHECK(repeats.report().empty());
  CHECK(repeats.overflowed() == 0);
}

TEST_CASE("the lines of code that ran a statement are told, the busiest first, up to a bound") {
  hasten::repeat_detector repeats({.repeats_min = 2, .sites_max = 2});
  const auto first = std::source_location::current();
  repeats.note("lines", first);
  for (int time = 0; time < 3; ++time) repeats.note("lines");
  repeats.note("lines");  // a third line, which is counted and not told
  const auto found = repeats.report();
  REQUIRE(found.size() == 1);
  CHECK(found[0].times == 5);
  REQUIRE(found[0].sites.size() == 2);
  CHECK(found[0].sites[0].where.line() == first.line() + 2);
  CHECK(found[0].sites[0].times == 3);
  CHECK(found[0].sites[1].where.line() == first.line());
}

TEST_CASE("options out of range are refused") {
  CHECK_THROWS_AS(hasten::repeat_detector({.sites_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(hasten::repeat_detector({.repeats_min = 1}), std::invalid_argument);
  CHECK_THROWS_AS(hasten::repeat_detector({.statements_max = 0}), std::invalid_argument);
}

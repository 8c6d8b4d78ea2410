// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/time_series.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

using namespace std::chrono_literals;
using hasten::time_series;
using hasten::wall_time;

TEST_CASE(
    "the last minutes are kept by the second, the hours by the mean of ten, the day by that of a minute") {
  time_series charts({"a", "b"});
  const wall_time start{1000h};
  for (int second = 0; second < 3 * 3600; ++second)
    charts.push(start + std::chrono::seconds(second), std::array{1.0 * second, -1.0});
  const auto fine = charts.last("a", 60s);
  REQUIRE(fine);
  CHECK(fine->step == 1s);
  REQUIRE(fine->values.size() == 60);
  CHECK(fine->values.back() == 3 * 3600 - 2);  // the second under way is not among them
  CHECK(fine->at.back() - fine->at.front() == 59s);

  const auto hours = charts.last("a", 2h);
  CHECK(hours->step == 10s);
  CHECK(hours->values.size() == 720);
  CHECK(hours->values.back() - hours->values.front() == 7190);

  const auto day = charts.last("b", 24h);
  CHECK(day->step == 1min);
  CHECK(day->values == std::vector<double>(179, -1.0));
  CHECK(charts.last("a", 10min)->values.size() == 600);
  CHECK_FALSE(charts.last("c", 1min));
}

TEST_CASE("a figure that is no number leaves a gap, and a calendar that jumps back adds nothing") {
  time_series charts({"a"});
  const wall_time start{1000h};
  charts.push(start, std::array{1.0});
  charts.push(start + 1s, std::array{std::numeric_limits<double>::quiet_NaN()});
  charts.push(start + 2s, std::array{3.0});
  charts.push(start - 1h, std::array{9.0});
  charts.push(start + 3s, std::array{4.0});
  const auto found = charts.last("a", 60s);
  REQUIRE(found->values.size() == 3);
  CHECK(found->values[0] == 1.0);
  CHECK(std::isnan(found->values[1]));
  CHECK(found->values[2] == 3.0);
  CHECK(time_series({"x"}).last("x", 1min)->values.empty());
}

TEST_CASE("names that are none or not unique, and rows of another size, are refused") {
  CHECK_THROWS_AS(time_series({}), std::invalid_argument);
  CHECK_THROWS_AS(time_series({"a", "a"}), std::invalid_argument);
  time_series charts({"a"});
  CHECK_THROWS_AS(charts.push(wall_time{}, std::array{1.0, 2.0}), std::invalid_argument);
}

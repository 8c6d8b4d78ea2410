// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/health_checks.hpp>

#include "support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using hasten::alert_when;
using hasten::health_status;

TEST_CASE("a level passes, warns and fails by its limits, on either side") {
  std::optional<double> value;
  const auto above = hasten::level_check("pool", [&] { return value; },
                                         {.warn = 0.75, .fail = 0.9, .unit = "ratio", .note = "full"});
  CHECK(above.run().status == health_status::pass);
  CHECK(above.run().note == "no data");
  value = 0.75;
  CHECK(above.run().status == health_status::pass);
  value = 0.8;
  CHECK(above.run().status == health_status::warn);
  CHECK(above.run().note == "full");
  value = 0.91;
  CHECK(above.run().status == health_status::fail);
  CHECK(above.run().observed == 0.91);

  const auto below = hasten::level_check(
      "hits", [&] { return value; },
      {.bad = alert_when::below, .warn = 0.7, .fail = -std::numeric_limits<double>::infinity()});
  CHECK(below.run().status == health_status::pass);
  value = 0.0;
  CHECK(below.run().status == health_status::warn);
}

TEST_CASE("limits that contradict themselves, and checks without a question, are refused") {
  const auto some = [] { return std::optional<double>(1); };
  CHECK_THROWS_AS(hasten::level_check("x", some, {.warn = 2, .fail = 1}), std::invalid_argument);
  CHECK_THROWS_AS(hasten::level_check("x", some, {.bad = alert_when::below, .warn = 1, .fail = 2}),
                  std::invalid_argument);
  CHECK_THROWS_AS(hasten::level_check("x", some, {.warn = std::nan(""), .fail = 1}), std::invalid_argument);
  CHECK_THROWS_AS(hasten::level_check("x", {}, {}), std::invalid_argument);
  CHECK_THROWS_AS(hasten::ping_check("x", {}, 1s), std::invalid_argument);
  CHECK_THROWS_AS(hasten::response_check("x", {}), std::invalid_argument);
  CHECK_THROWS_AS(hasten::memory_check("x", 0), std::invalid_argument);
}

TEST_CASE("a ping warns if the answer takes long") {
  hasten::manual_clock clock;
  std::chrono::milliseconds takes{10};
  const auto check = hasten::ping_check("database", [&] { clock.advance(takes); }, 50ms, clock);
  CHECK(check.run().status == health_status::pass);
  takes = 51ms;
  const auto slow = check.run();
  CHECK(slow.status == health_status::warn);
  CHECK(slow.observed == 51.0);
}

TEST_CASE("a file that is to stay small and a disk that is to have room are measured") {
  const temporary_folder folder;
  const auto file = folder.path() / "log";
  const auto size = hasten::file_size_check("wal", file, 10, 20);
  CHECK(size.run().status == health_status::pass);  // not there
  std::ofstream(file) << std::string(15, 'x');
  CHECK(size.run().status == health_status::warn);
  std::ofstream(file) << std::string(25, 'x');
  CHECK(size.run().status == health_status::fail);

  CHECK(hasten::disk_space_check("disk", folder.path(), 1, 0).run().status == health_status::pass);
  CHECK(hasten::disk_space_check("disk", folder.path(), 1e18, 0).run().status == health_status::warn);
  CHECK(hasten::disk_space_check("disk", folder.path() / "nowhere", 2, 1).run().status ==
        health_status::fail);
}

TEST_CASE("what the process uses is judged as a share of what it may") {
  CHECK(hasten::memory_check("memory", 1ULL << 60).run().status == health_status::pass);
  CHECK(hasten::memory_check("memory", 1).run().status == health_status::fail);
  const auto fds = hasten::file_descriptor_check("fds").run();
  REQUIRE(fds.observed);
  CHECK(*fds.observed > 0);
}

TEST_CASE("responses are healthy below half a second and within their error budget, else degraded") {
  hasten::response_levels levels{.count = 19, .mean = 2s, .error_ratio = 1};
  const auto check = hasten::response_check("responses", [&] { return levels; });
  CHECK_FALSE(check.critical);
  CHECK(check.run().status == health_status::pass);  // too few
  levels = {.count = 20, .mean = 499ms, .error_ratio = 0.01};
  CHECK(check.run().status == health_status::pass);
  levels.mean = 500ms;
  CHECK(check.run().status == health_status::warn);
  levels = {.count = 20, .mean = 1ms, .error_ratio = 0.02};
  CHECK(check.run().status == health_status::warn);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/health_json.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <limits>
#include <string>

using namespace std::chrono_literals;
using hasten::health_status;

namespace {

hasten::health_report some_report() {
  hasten::health_report report;
  report.status = health_status::fail;
  report.components.push_back({.name = "database",
                               .result = {.status = health_status::fail,
                                          .note = "no \"answer\"\nwithin\\the deadline",
                                          .observed = 2.5,
                                          .unit = "ms"},
                               .known = true,
                               .stale = true,
                               .running = true,
                               .in_a_row = 3,
                               .age = 1500us,
                               .duration = 2s});
  report.components.push_back({.name = "cache", .critical = false});
  return report;
}

}  // namespace

TEST_CASE("health+json tells the status and what each check found") {
  CHECK(
      hasten::health_json(some_report()) ==
      R"({"status":"fail","checks":{"database":[{"status":"fail","output":"no \"answer\"\u000awithin\\the deadline",)"
      R"("observedValue":2.5,"observedUnit":"ms","durationMs":2000,"ageMs":1.5,"consecutive":3,"critical":true,)"
      R"("running":true,"stale":true}],"cache":[{"status":"unknown","durationMs":0,"ageMs":0,"consecutive":0,)"
      R"("critical":false}]}})");
}

TEST_CASE("Actuator's monitors read UP, DOWN and UNKNOWN") {
  CHECK(
      hasten::actuator_json(some_report()) ==
      R"({"status":"DOWN","components":{"database":{"status":"DOWN","details":{"durationMs":2000,)"
      R"("note":"no \"answer\"\u000awithin\\the deadline"}},"cache":{"status":"UNKNOWN","details":{"durationMs":0}}}})");
  hasten::health_report warning;
  warning.status = health_status::warn;
  CHECK(hasten::actuator_json(warning) == R"({"status":"UP","components":{}})");
}

TEST_CASE("a figure that is no number is null") {
  hasten::health_report report;
  report.components.push_back({.name = "disk"});
  report.components[0].result.observed = std::numeric_limits<double>::infinity();
  CHECK(hasten::health_json(report).find("\"observedValue\":null") != std::string::npos);
}

TEST_CASE("only a failure is answered by 503") {
  hasten::health_report report;
  CHECK(hasten::http_status_of(report) == 200);
  report.status = health_status::warn;
  CHECK(hasten::http_status_of(report) == 200);
  report.status = health_status::fail;
  CHECK(hasten::http_status_of(report) == 503);
}

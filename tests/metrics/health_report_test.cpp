// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/health_report.hpp>

#include <catch2/catch_test_macros.hpp>

using hasten::health_status;

TEST_CASE("a worse status is larger, so that the worst is the maximum") {
  STATIC_CHECK(health_status::pass < health_status::warn);
  STATIC_CHECK(health_status::warn < health_status::fail);
}

TEST_CASE("statuses are named as health+json names them") {
  STATIC_CHECK(to_string(health_status::pass) == "pass");
  STATIC_CHECK(to_string(health_status::warn) == "warn");
  STATIC_CHECK(to_string(health_status::fail) == "fail");
}

TEST_CASE("a report without components passes") {
  CHECK(hasten::health_report().status == health_status::pass);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/slow_reporter.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using reporter = hasten::slow_reporter<hasten::manual_clock>;

TEST_CASE("each route has its own threshold, and what is within it is not told") {
  std::vector<std::string> told;
  reporter slow({.threshold = 100ms,
                 .by_route = {{1, 2s}},
                 .report = [&](const hasten::slow_response& each) { told.emplace_back(each.route); }},
                2);
  CHECK_FALSE(slow.wants(0, 99ms));
  CHECK(slow.wants(0, 100ms));
  CHECK_FALSE(slow.wants(1, 1s));
  CHECK(slow.wants(1, 2s));
  slow.report({.route = "GET /reports", .status = 200, .duration = 2s});
  CHECK(told == std::vector<std::string>{"GET /reports"});
}

TEST_CASE("another threshold holds from now on, but not for a route with one of its own") {
  reporter slow({.threshold = 100ms, .by_route = {{1, 2s}}, .report = [](const hasten::slow_response&) {}},
                2);
  slow.set_threshold(300ms);
  CHECK_FALSE(slow.wants(0, 299ms));
  CHECK(slow.wants(0, 300ms));
  CHECK_FALSE(slow.wants(1, 1s));
  CHECK_THROWS_AS(slow.set_threshold(-1ns), std::invalid_argument);
  reporter silent({}, 1);
  silent.set_threshold(0ns);
  CHECK_FALSE(silent.wants(0, 1h));
}

TEST_CASE("no more are told in a second than allowed, and the rest are counted") {
  hasten::manual_clock clock;
  int told = 0;
  reporter slow(
      {.threshold = 0ns, .report = [&](const hasten::slow_response&) { ++told; }, .reports_per_second = 2}, 1,
      clock);
  for (int i = 0; i < 5; ++i) slow.report({});
  CHECK(told == 2);
  CHECK(slow.suppressed() == 3);
  clock.advance(1s);
  slow.report({});
  CHECK(told == 3);
}

TEST_CASE("a report that throws is counted and changes nothing") {
  reporter slow({.threshold = 0ns, .report = [](const hasten::slow_response&) { throw 1; }}, 1);
  slow.report({});
  CHECK(slow.failures() == 1);
}

TEST_CASE("without a report nothing is slow") {
  const reporter slow({.threshold = 0ns, .by_route = {{0, 0ns}}}, 1);
  CHECK_FALSE(slow.wants(0, 1h));
}

TEST_CASE("options of a slow_reporter out of range are refused by name") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(reporter({.threshold = -1ns}, 1), std::invalid_argument,
                       Message("slow_reporter: threshold must not be negative, got -1 ns"));
  CHECK_THROWS_MATCHES(reporter({.by_route = {{1, 1s}}}, 1), std::invalid_argument,
                       Message("slow_reporter: by_route names route 1 of 1, or a negative threshold"));
  CHECK_THROWS_MATCHES(reporter({.reports_per_second = 0}, 1), std::invalid_argument,
                       Message("slow_reporter: reports_per_second must be 1..1000000, got 0"));
}

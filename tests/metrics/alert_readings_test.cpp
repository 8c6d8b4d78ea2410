// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/alert_readings.hpp>
// and what is read
#include <hasten/metrics/histogram.hpp>

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>

using namespace std::chrono_literals;
using Catch::Approx;

TEST_CASE("a budget burns as fast as the lesser of two windows says") {
  hasten::manual_clock clock;
  hasten::error_budget budget(0.99);
  CHECK_FALSE(budget.burn_rate(1h, 5min).value);
  std::uint64_t all = 0, bad = 0;
  const auto run = [&](std::chrono::seconds time, bool fails) {
    for (std::chrono::seconds at{0}; at < time; at += 10s) {
      all += 100;
      bad += fails ? 20 : 0;
      clock.advance(10s);
      budget.tick(clock.now(), {.all = all, .bad = bad});
    }
  };
  run(2h, false);
  CHECK(budget.burn_rate(1h, 5min).value == 0.0);
  run(10min, true);
  // The hour has a sixth of bad minutes: 20 % / 1 % / 6.
  CHECK(*budget.burn_rate(1h, 5min).value == Approx(20.0 / 6).epsilon(0.05));
  CHECK(*budget.bad_ratio(5min).value == Approx(0.2).epsilon(0.01));
  run(10min, false);
  CHECK(budget.burn_rate(1h, 5min).value == 0.0);  // over, though the hour still shows it
  CHECK(budget.burn_rate(1h, 5min).samples > 30'000);
}

TEST_CASE("without traffic a budget has no data") {
  hasten::error_budget budget(0.999);
  for (int second = 1; second < 100; ++second)
    budget.tick(hasten::steady_time(std::chrono::seconds(second)), {});
  CHECK_FALSE(budget.burn_rate(1min, 10s).value);
  CHECK(budget.burn_rate(1min, 10s).samples == 0);
}

TEST_CASE("an objective that leaves no budget is refused") {
  CHECK_THROWS_AS(hasten::error_budget(1.0), std::invalid_argument);
  CHECK_THROWS_AS(hasten::error_budget(-0.1), std::invalid_argument);
}

TEST_CASE("a number that stands still is silent since it moved last") {
  hasten::manual_clock clock;
  hasten::silence_watch watch;
  CHECK_FALSE(watch.reading().value);
  watch.tick(clock.now(), 0);
  clock.advance(90s);
  watch.tick(clock.now(), 0);
  CHECK(watch.reading().value == 90.0);
  watch.tick(clock.now(), 1);
  CHECK(watch.reading().value == 0.0);
}

TEST_CASE("a change is the recent mean over that of the longer past") {
  hasten::manual_clock clock;
  hasten::histogram took;
  hasten::window recent;
  CHECK_FALSE(hasten::change_reading(recent, 5min, 1h).value);
  recent.tick(clock.now(), took.snapshot());
  for (int minute = 0; minute < 60; ++minute) {
    for (int i = 0; i < 100; ++i) took.record(minute < 55 ? 1ms : 5ms);
    clock.advance(1min);
    recent.tick(clock.now(), took.snapshot());
  }
  const auto change = hasten::change_reading(recent, 5min, 1h);
  REQUIRE(change.value);
  CHECK(*change.value == Approx(5.0 / (80.0 / 60)).epsilon(0.05));
  CHECK(change.samples == 500);
}

TEST_CASE("health is read as a number, of the whole or of one component") {
  hasten::health_report report;
  report.status = hasten::health_status::warn;
  report.components.push_back(
      {.name = "database", .result = {.status = hasten::health_status::fail}, .known = true});
  report.components.push_back({.name = "new"});
  CHECK(hasten::health_reading(report).value == 1.0);
  CHECK(hasten::health_reading(report, "database").value == 2.0);
  CHECK_FALSE(hasten::health_reading(report, "new").value);
  CHECK_FALSE(hasten::health_reading(report, "nothing").value);
}

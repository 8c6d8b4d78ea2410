// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/default_alerts.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <set>
#include <string>

using namespace std::chrono_literals;

namespace {

// All readings, as one value.
hasten::alert_readings_by_default all(const double& value) {
  const auto read = [&value] { return hasten::alert_reading{.value = value}; };
  return {.burn_fast = read,
          .burn_slow = read,
          .burn_ticket = read,
          .response_mean = read,
          .response_p95 = read,
          .response_p99 = read,
          .error_ratio = read,
          .cache_hit_ratio = read,
          .pool_used_ratio = read,
          .pool_wait_p95 = read,
          .queue_age = read,
          .queue_used_ratio = read,
          .dead_jobs = read,
          .slow_query_change = read,
          .loop_lag_p99 = read,
          .cpu_ratio = read,
          .memory_ratio = read,
          .descriptor_ratio = read,
          .telemetry_lost = read,
          .health = read};
}

}  // namespace

TEST_CASE("the default rules are sound together, told apart by name, and each says what it means") {
  const double value = 0;
  const auto sources = hasten::default_alerts(all(value));
  CHECK(sources.size() == 20);
  std::set<std::string> names;
  for (const auto& each : sources) {
    names.insert(each.rule.name);
    CHECK(each.rule.summary.ends_with('.'));
  }
  CHECK(names.size() == sources.size());
  for (const auto& each : sources)
    for (const auto& other : each.inhibited_by) CHECK(names.contains(other));
  hasten::alert_board board(sources);  // refuses rules that contradict themselves
  CHECK(board.tick(hasten::steady_time(1s), {}).empty());
}

TEST_CASE("what cannot be read has no rule") {
  CHECK(hasten::default_alerts({}).empty());
  CHECK(hasten::default_alerts({.error_ratio = [] { return hasten::alert_reading{}; }}).size() == 1);
}

TEST_CASE("bad figures fire all rules in their time, but for those that a failing whole explains") {
  double value = 100;
  hasten::alert_board board(hasten::default_alerts(all(value)));
  std::set<std::string> told;
  for (int minute = 0; minute < 90; ++minute)
    for (const auto& notice : board.tick(hasten::steady_time(std::chrono::minutes(minute)), {}))
      told.insert(notice.name);
  CHECK(told.contains("HealthFailing"));
  CHECK(told.contains("TaskQueueFills"));
  CHECK(told.contains("TelemetryLost"));
  CHECK_FALSE(told.contains("ResponsesSlow"));
  CHECK_FALSE(told.contains("CacheMisses"));  // a ratio of 100 is good
}

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/alert.hpp>
#include <hasten/metrics/alert_board.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace hasten {

/// Where the readings of default_alerts() come from; a rule whose reading is empty is left out. Times are in seconds,
/// ratios from 0 to 1.
struct alert_readings_by_default {
  using reading = std::function<alert_reading()>;

  reading burn_fast = {};          ///< burn rate of 1 h, still so in 5 min
  reading burn_slow = {};          ///< of 6 h and 30 min
  reading burn_ticket = {};        ///< of 1 day and 2 h
  reading response_mean = {};      ///< of a few minutes
  reading response_p95 = {};       ///< as above
  reading response_p99 = {};       ///< as above
  reading error_ratio = {};        ///< as above
  reading cache_hit_ratio = {};    ///< as above; samples are look-ups
  reading pool_used_ratio = {};    ///< sessions in use, of those there may be
  reading pool_wait_p95 = {};      ///< how long callers wait for one
  reading queue_age = {};          ///< of the oldest task
  reading queue_used_ratio = {};   ///< tasks waiting, of those that may
  reading dead_jobs = {};          ///< jobs given up for good, in the last minutes
  reading slow_query_change = {};  ///< mean of some minutes over that of an hour
  reading loop_lag_p99 = {};       ///< of the event loops
  reading cpu_ratio = {};          ///< of the processors there are
  reading memory_ratio = {};       ///< of the limit
  reading descriptor_ratio = {};   ///< of the limit
  reading telemetry_lost = {};     ///< series, exports, notices that were dropped, in the last minutes
  reading health = {};             ///< health_reading() of the whole
};

/// From where on responses are too slow: the promise made to users.
struct alert_promises {
  std::chrono::nanoseconds response_p95 = std::chrono::milliseconds(200);
  std::chrono::nanoseconds response_mean = std::chrono::milliseconds(500);
  double error_ratio = 0.01;
  double cache_hit_ratio = 0.7;
};

namespace detail {

struct alert_adder {
  std::vector<alert_source>& all;

  void operator()(std::function<alert_reading()>& reading, alert_rule rule,
                  std::vector<std::string> inhibited_by = {}) const {
    if (reading) all.push_back({std::move(rule), std::move(reading), std::move(inhibited_by)});
  }
};

// What users notice.
inline void add_response_alerts(std::vector<alert_source>& all, alert_readings_by_default& read,
                                const alert_promises& promises) {
  using namespace std::chrono_literals;
  const alert_adder add{all};
  const auto seconds = [](std::chrono::nanoseconds span) {
    return std::chrono::duration<double>(span).count();
  };
  const double p95 = seconds(promises.response_p95);
  const std::vector<std::string> down = {"HealthFailing"};
  add(read.health, {.name = "HealthFailing",
                    .raise = 1.5,
                    .clear = 1.5,
                    .keep_firing = 30s,
                    .severity = "critical",
                    .summary = "A critical health check fails.",
                    .kind = "health"});
  add(read.burn_fast,
      {.name = "ErrorBudgetBurnsFast",
       .raise = 14.4,
       .clear = 14.4,
       .hold = 2min,
       .samples_min = 100,
       .severity = "page",
       .summary = "At this rate the month's error budget lasts two days.",
       .kind = "burn_rate"},
      down);
  add(read.burn_slow,
      {.name = "ErrorBudgetBurns",
       .raise = 6,
       .clear = 6,
       .hold = 15min,
       .samples_min = 100,
       .severity = "page",
       .summary = "At this rate the month's error budget lasts five days.",
       .kind = "burn_rate"},
      down);
  add(read.burn_ticket,
      {.name = "ErrorBudgetShrinks",
       .raise = 3,
       .clear = 3,
       .hold = 1h,
       .samples_min = 100,
       .severity = "ticket",
       .summary = "At this rate the month's error budget lasts ten days.",
       .kind = "burn_rate"},
      down);
  add(read.response_mean,
      {.name = "ResponsesSlowOnAverage",
       .raise = seconds(promises.response_mean),
       .clear = seconds(promises.response_mean) * 0.8,
       .hold = 2min,
       .keep_firing = 1min,
       .samples_min = 20,
       .summary = "The average response takes longer than promised."},
      down);
  add(read.response_p95,
      {.name = "ResponsesSlow",
       .raise = p95,
       .clear = p95 * 0.8,
       .hold = 2min,
       .keep_firing = 1min,
       .flap_window = 10min,
       .samples_min = 100,
       .summary = "One response in twenty takes longer than promised."},
      down);
  add(read.response_p99,
      {.name = "ResponsesVerySlow",
       .raise = p95 * 3,
       .clear = p95 * 2,
       .hold = 2min,
       .keep_firing = 1min,
       .flap_window = 10min,
       .samples_min = 100,
       .severity = "critical",
       .summary = "One response in a hundred takes three times as long as promised."},
      down);
  add(read.error_ratio,
      {.name = "ErrorsFrequent",
       .raise = promises.error_ratio,
       .clear = promises.error_ratio / 2,
       .hold = 1min,
       .keep_firing = 1min,
       .samples_min = 100,
       .severity = "critical",
       .summary = "More answers than promised are errors of the server."},
      down);
}

// What users will notice soon.
inline void add_resource_alerts(std::vector<alert_source>& all, alert_readings_by_default& read,
                                const alert_promises& promises) {
  using namespace std::chrono_literals;
  const alert_adder add{all};
  const std::vector<std::string> down = {"HealthFailing"};
  add(read.cache_hit_ratio, {.name = "CacheMisses",
                             .when = alert_when::below,
                             .raise = promises.cache_hit_ratio,
                             .clear = promises.cache_hit_ratio + 0.05,
                             .hold = 5min,
                             .samples_min = 500,
                             .summary = "The cache answers less than it should."});
  add(read.pool_used_ratio,
      {.name = "SessionsExhausted",
       .raise = 0.9,
       .clear = 0.75,
       .hold = 1min,
       .summary = "Nearly all database sessions are in use."},
      down);
  add(read.pool_wait_p95,
      {.name = "SessionsWaitedFor",
       .raise = 0.05,
       .clear = 0.02,
       .hold = 1min,
       .samples_min = 20,
       .severity = "critical",
       .summary = "Callers wait long for a database session."},
      down);
  add(read.queue_age, {.name = "TasksWaitLong",
                       .raise = 60,
                       .clear = 20,
                       .hold = 1min,
                       .summary = "The oldest task waits far too long."});
  add(read.queue_used_ratio, {.name = "TaskQueueFills",
                              .raise = 0.8,
                              .clear = 0.5,
                              .hold = 1min,
                              .severity = "critical",
                              .summary = "The queue is nearly full; after that requests are refused."});
  add(read.dead_jobs, {.name = "JobsGivenUp",
                       .raise = 0,
                       .clear = 0,
                       .keep_firing = 5min,
                       .summary = "Jobs were given up after their last attempt.",
                       .kind = "rate_of_change"});
  add(read.slow_query_change,
      {.name = "StatementsSlower",
       .raise = 3,
       .clear = 2,
       .hold = 5min,
       .samples_min = 50,
       .summary = "A statement takes three times as long as in the past hour.",
       .kind = "rate_of_change"},
      down);
  add(read.loop_lag_p99, {.name = "EventLoopLags",
                          .raise = 0.02,
                          .clear = 0.01,
                          .hold = 2min,
                          .summary = "Something blocks the event loop."});
  add(read.cpu_ratio, {.name = "ProcessorsBusy",
                       .raise = 0.9,
                       .clear = 0.75,
                       .hold = 2min,
                       .summary = "The processors are nearly used up."});
  add(read.memory_ratio, {.name = "MemoryShort",
                          .raise = 0.85,
                          .clear = 0.8,
                          .hold = 2min,
                          .summary = "The memory limit is near."});
  add(read.descriptor_ratio, {.name = "DescriptorsShort",
                              .raise = 0.8,
                              .clear = 0.7,
                              .hold = 2min,
                              .summary = "File descriptors run out; then no connection is accepted."});
  add(read.telemetry_lost, {.name = "TelemetryLost",
                            .raise = 0,
                            .clear = 0,
                            .hold = 5min,
                            .summary = "Metrics, traces or alerts were dropped."});
}

}  // namespace detail

/// Returns: the rules that most services want, with separate values to raise and to clear, and minimum samples where a
/// few requests would mean nothing. docs/operations.md says what to do about each.
[[nodiscard]] inline std::vector<alert_source> default_alerts(alert_readings_by_default read,
                                                              const alert_promises& promises = {}) {
  std::vector<alert_source> all;
  detail::add_response_alerts(all, read, promises);
  detail::add_resource_alerts(all, read, promises);
  return all;
}

}  // namespace hasten

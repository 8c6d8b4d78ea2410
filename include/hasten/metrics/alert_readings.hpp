// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/alert.hpp>
#include <hasten/metrics/health_report.hpp>
#include <hasten/metrics/time_marks.hpp>
#include <hasten/metrics/window.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

/// Readings for alert rules that one number does not give: how fast a budget burns, whether something went silent, whether
/// it changed against its own past.
namespace hasten {

/// How fast a service uses up the errors it may make: a burn rate of 1 spends the budget exactly in the time it is meant
/// for, 14.4 spends two hundredths of a month's in one hour.
///
/// Its owner ticks it about once a second with two numbers that only grow. Remembers a day. The wrong tool for windows
/// beyond that: leave those to who keeps metrics for weeks.
///
/// Thread safety: thread-safe.
///
///     hasten::error_budget budget(0.999);                    // one in a thousand may be bad
///     budget.tick(clock.now(), {.all = requests, .bad = errors_and_slow});
///     auto fast = budget.burn_rate(1h, 5min);                // a reading for a rule that raises at 14.4
class error_budget {
 public:
  struct totals {
    std::uint64_t all = 0;
    std::uint64_t bad = 0;
  };

  /// `objective`: the share that is to be good. Throws: std::invalid_argument unless it is in [0, 1).
  explicit error_budget(double objective) : allowed_(1.0 - objective) {
    if (!(objective >= 0) || !(objective < 1))
      throw std::invalid_argument("error_budget: objective must be 0 to below 1, got " +
                                  std::to_string(objective));
  }

  /// Takes both numbers at `now`.
  void tick(steady_time now, totals sofar) { marks_.tick(now, sofar); }

  /// Returns: the lesser burn rate of the two windows: bad for long enough to matter (`of`), and still bad (`still`).
  [[nodiscard]] alert_reading burn_rate(std::chrono::nanoseconds of, std::chrono::nanoseconds still) const {
    const auto long_one = reading(of);
    const auto short_one = reading(still);
    if (!long_one.value || !short_one.value) return {.value = {}, .samples = long_one.samples};
    return {.value = std::min(*long_one.value, *short_one.value), .samples = long_one.samples};
  }

  /// Returns: the share of bad ones in a window.
  [[nodiscard]] alert_reading bad_ratio(std::chrono::nanoseconds of) const {
    auto found = reading(of);
    if (found.value) *found.value *= allowed_;
    return found;
  }

 private:
  [[nodiscard]] alert_reading reading(std::chrono::nanoseconds of) const {
    const auto span = marks_.last(of);
    if (!span || span->now.all <= span->then.all) return {.value = {}, .samples = 0};
    const std::uint64_t all = span->now.all - span->then.all;
    const std::uint64_t bad = span->now.bad - std::min(span->then.bad, span->now.bad);
    return {.value = static_cast<double>(bad) / static_cast<double>(all) / allowed_, .samples = all};
  }

  double allowed_;
  time_marks<totals> marks_;
};

/// For how long a number that should grow has not: the heartbeat of whatever is to happen again and again.
///
/// Thread safety: thread-safe.
///
///     hasten::silence_watch backups;
///     backups.tick(clock.now(), finished_backups.value());
///     auto silent_seconds = backups.reading();               // a rule that raises at 90000 finds a missed day
class silence_watch {
 public:
  /// Takes the number at `now`, which does not go back.
  void tick(steady_time now, std::uint64_t value) {
    const std::lock_guard lock(mutex_);
    if (!moved_ || value != value_) moved_ = now;
    value_ = value;
    now_ = now;
  }

  /// Returns: the seconds since the number moved last, or since the first tick.
  [[nodiscard]] alert_reading reading() const {
    const std::lock_guard lock(mutex_);
    if (!moved_) return {};
    return {.value = std::chrono::duration<double>(now_ - *moved_).count()};
  }

 private:
  mutable std::mutex mutex_;  // guards all below
  std::optional<steady_time> moved_;
  steady_time now_;
  std::uint64_t value_ = 0;
};

/// Returns: how many times the mean of its own longer past the mean of the recent past is: 3 is a statement that became
/// three times as slow. `samples` is of the recent past. No data while either window is empty.
[[nodiscard]] inline alert_reading change_reading(const window& values, std::chrono::nanoseconds recent,
                                                  std::chrono::nanoseconds baseline) {
  const auto now = values.last(recent).values;
  const auto past = values.last(baseline).values;
  if (now.count() == 0 || past.count() <= now.count() || past.mean() <= 0)
    return {.value = {}, .samples = now.count()};
  return {.value = now.mean() / past.mean(), .samples = now.count()};
}

/// Returns: 2 if the component fails, 1 if it warns, 0 else; no data for one that is not in the report or never ran. An
/// empty name asks for the whole.
[[nodiscard]] inline alert_reading health_reading(const health_report& report,
                                                  std::string_view component = {}) {
  if (component.empty()) return {.value = static_cast<double>(report.status)};
  for (const auto& each : report.components)
    if (each.name == component && each.known) return {.value = static_cast<double>(each.result.status)};
  return {};
}

}  // namespace hasten

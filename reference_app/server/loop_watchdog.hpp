// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace claims_app {

/// Decides whether what ran on an event loop kept its other connections waiting too long, and which of these cases are
/// worth a line in the log. Knows no clock and no loop.
/// Thread safety: single-owner, but for count().
///
///     if (const auto left_out = watchdog.judge(ended - began, ended)) log(route, ended - began, *left_out);
class loop_watchdog {
 public:
  struct options {
    std::chrono::nanoseconds limit = std::chrono::milliseconds(20);  ///< what takes longer is counted
    std::chrono::nanoseconds pause = std::chrono::seconds(1);        ///< at least, between two reports
  };

  explicit loop_watchdog(options chosen) noexcept : options_(chosen) {}

  /// `now` never goes back.
  /// Returns: how many cases were not reported since the last one, if this one is to be; else nothing.
  [[nodiscard]] std::optional<std::uint64_t> judge(std::chrono::nanoseconds took,
                                                   hasten::steady_time now) noexcept {
    if (took <= options_.limit) return std::nullopt;
    const std::uint64_t number = ++count_;
    if (has_reported_ && now < next_report_) return std::nullopt;
    const std::uint64_t left_out = number - reported_ - 1;
    has_reported_ = true;
    next_report_ = now + options_.pause;
    reported_ = number;
    return left_out;
  }

  /// Returns: the cases so far, reported or not.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  options options_;
  std::atomic<std::uint64_t> count_{0};
  std::uint64_t reported_ = 0;  // the number of the last one that was
  hasten::steady_time next_report_;
  bool has_reported_ = false;
};

}  // namespace claims_app

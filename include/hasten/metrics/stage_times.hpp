// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/expects.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

namespace hasten {

/// Where the time of one piece of work goes, stage by stage: a stage lasts until the next begins.
///
/// A plain value of fixed size that reads no clock; stages are numbers, named by whoever owns the list. The
/// wrong tool for stages that overlap: what runs beside the current stage is measured elsewhere and added.
///
/// Thread safety: thread-compatible.
///
///     hasten::stage_times times;
///     times.begin(db, clock.now());
///     times.begin(serialise, clock.now());   // ends db
///     times.end(clock.now());
///     auto in_database = times.spent(db);
class stage_times {
 public:
  static constexpr std::size_t stages_max = 9;

  /// Ends the current stage, if any, and begins `stage`; coming back to a stage adds to it.
  void begin(std::size_t stage, steady_time now) noexcept {
    HASTEN_EXPECTS(stage < stages_max, "stage_times: a stage is less than stages_max");
    end(now);
    current_ = stage;
    since_ = now;
    seen_[stage] = true;
  }

  /// Ends the current stage, if any. A clock that was turned back adds nothing.
  void end(steady_time now) noexcept {
    if (current_ == none) return;
    spent_[current_] += std::max(std::chrono::nanoseconds(now - since_), std::chrono::nanoseconds(0));
    current_ = none;
  }

  /// Adds time that was measured elsewhere; a negative duration adds nothing. The current stage goes on.
  void add(std::size_t stage, std::chrono::nanoseconds duration) noexcept {
    HASTEN_EXPECTS(stage < stages_max, "stage_times: a stage is less than stages_max");
    spent_[stage] += std::max(duration, std::chrono::nanoseconds(0));
    seen_[stage] = true;
  }

  /// Returns: the time in `stage` so far, without that of a stage that has not ended.
  [[nodiscard]] std::chrono::nanoseconds spent(std::size_t stage) const noexcept { return spent_[stage]; }

  /// Returns: whether `stage` was begun or added to.
  [[nodiscard]] bool seen(std::size_t stage) const noexcept { return seen_[stage]; }

 private:
  static constexpr std::size_t none = stages_max;

  std::array<std::chrono::nanoseconds, stages_max> spent_{};
  std::array<bool, stages_max> seen_{};
  std::size_t current_ = none;
  steady_time since_;  // of the current stage
};

}  // namespace hasten

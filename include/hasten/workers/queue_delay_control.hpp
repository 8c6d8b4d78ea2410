// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

namespace hasten {

/// Decides, from the time that tasks waited in a queue, which of them are no longer worth running.
///
/// A queue that is emptied now and then only absorbs a burst, however long some tasks waited in it. One whose
/// shortest wait of a whole interval exceeds the target is a standing queue: everything in it is late and stays
/// late. Then what waited more than twice the target is shed until an interval brings the queue down again, so
/// that the tasks that do run are answered in time. After CoDel ("controlled delay"), which does this for packets.
/// Knows no queue, thread or clock. Wrong tool where every task must run: bound the queue instead.
/// Thread safety: thread-compatible.
///
///     hasten::queue_delay_control control({.target = 5ms, .interval = 100ms});
///     if (!control.admits(now - accepted, now)) refuse(task);
class queue_delay_control {
 public:
  struct options {
    /// The wait that is fine even if it lasts. 1 us..1 min.
    std::chrono::nanoseconds target = std::chrono::milliseconds(5);
    /// How long the shortest wait must stay above the target. target..10 min.
    std::chrono::nanoseconds interval = std::chrono::milliseconds(100);
  };

  /// Throws: std::invalid_argument for an option out of its range.
  explicit queue_delay_control(const options& chosen) : options_(chosen) {
    const auto require_range = [](bool is_good, const char* field_and_range, std::chrono::nanoseconds value) {
      if (is_good) return;
      throw std::invalid_argument("queue_delay_control: " + std::string(field_and_range) + ", got " +
                                  std::to_string(value.count()) + " ns");
    };
    require_range(chosen.target >= std::chrono::microseconds(1) && chosen.target <= std::chrono::minutes(1),
                  "target must be 1000..60000000000 ns", chosen.target);
    require_range(chosen.interval >= chosen.target && chosen.interval <= std::chrono::minutes(10),
                  "interval must be target..600000000000 ns", chosen.interval);
  }

  /// To be asked for each task in the order in which they leave the queue. `now` never goes back.
  /// Returns: false if the task is to be shed.
  [[nodiscard]] bool admits(std::chrono::nanoseconds waited, steady_time now) noexcept {
    if (!has_begun_ || now >= interval_end_) {
      // An interval in which nothing left the queue says nothing about the one that begins.
      const bool is_next = has_begun_ && now < interval_end_ + options_.interval;
      is_overloaded_ = is_next && least_ > options_.target;
      least_ = waited;
      interval_end_ = now + options_.interval;
      has_begun_ = true;
    }
    least_ = std::min(least_, waited);
    return !is_overloaded_ || waited <= 2 * options_.target;
  }

  /// Whether the queue stood above the target for the whole of the last interval.
  [[nodiscard]] bool is_overloaded() const noexcept { return is_overloaded_; }

 private:
  options options_;
  bool has_begun_ = false;
  bool is_overloaded_ = false;
  std::chrono::nanoseconds least_{0};  // of this interval
  steady_time interval_end_;
};

}  // namespace hasten

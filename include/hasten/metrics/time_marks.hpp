// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace hasten {

/// Remembers what a growing quantity was: each second for a minute, each minute for an hour, each hour for a
/// day. What happened in a window is then the quantity now less the quantity at its beginning.
///
/// It has no thread and reads no clock: its owner ticks it, about once a second, with the time and the
/// quantity. Late or missing ticks make no figure wrong, only coarser, because each mark carries its own
/// time. Bounded: at most 147 marks. `T` is copied and destroyed under a lock, so it is small or shared (a
/// number, a shared_ptr).
///
/// Thread safety: thread-safe.
///
///     hasten::time_marks<std::uint64_t> errors;
///     errors.tick(clock.now(), error_counter.value());       // once a second
///     if (auto span = errors.last(5min))
///       double per_second = double(span->now - span->then) /
///       std::chrono::duration<double>(span->covered).count();
template <class T>
class time_marks {
 public:
  struct span {
    T then;                              ///< the quantity at the beginning
    T now;                               ///< at the last tick
    std::chrono::nanoseconds covered{};  ///< the time between the two, which rates are to be divided by
  };

  /// Takes the quantity at `now`. A tick that is not later than the one before is ignored.
  void tick(steady_time now, T quantity) {
    const std::lock_guard lock(mutex_);
    if (latest_ && now <= latest_->at) return;
    for (auto& each : tiers_) {
      // One mark for each step of the clock, so that ticks which come a little early do not double the marks.
      if (!each.marks.empty() && step_of(now, each.step) == step_of(each.marks.back().at, each.step))
        continue;
      each.marks.push_back({now, quantity});
      if (each.marks.size() > each.marks_max) each.marks.pop_front();
    }
    latest_ = mark{now, std::move(quantity)};
  }

  /// Returns: the shortest kept span that is at least `window` long; of a window longer than what is kept,
  /// all that is kept; nothing before the second tick. Blocks on: the marks' lock.
  [[nodiscard]] std::optional<span> last(std::chrono::nanoseconds window) const {
    const std::lock_guard lock(mutex_);
    if (!latest_) return std::nullopt;
    const mark* best = nullptr;  // the latest that is early enough
    const mark* oldest = nullptr;
    for (const auto& each : tiers_)
      for (const mark& candidate : each.marks) {
        if (oldest == nullptr || candidate.at < oldest->at) oldest = &candidate;
        if (candidate.at <= latest_->at - window && (best == nullptr || candidate.at > best->at))
          best = &candidate;
      }
    if (best == nullptr) best = oldest;
    if (best->at == latest_->at) return std::nullopt;
    return span{best->quantity, latest_->quantity, latest_->at - best->at};
  }

  /// Returns: the quantity at the last tick; nothing before the first.
  [[nodiscard]] std::optional<T> latest() const {
    const std::lock_guard lock(mutex_);
    if (!latest_) return std::nullopt;
    return latest_->quantity;
  }

 private:
  struct mark {
    steady_time at;
    T quantity;
  };
  struct tier {
    std::chrono::nanoseconds step;
    std::size_t marks_max;
    std::deque<mark> marks;  // ascending
  };

  static constexpr std::chrono::nanoseconds::rep step_of(steady_time at, std::chrono::nanoseconds step) {
    return at.time_since_epoch() / step;
  }

  mutable std::mutex mutex_;  // guards all below; of T only copies and destructors run under it
  std::optional<mark> latest_;
  // One mark more than steps, for the beginning of the first step.
  std::array<tier, 3> tiers_{{{std::chrono::seconds(1), 61, {}},
                              {std::chrono::minutes(1), 61, {}},
                              {std::chrono::hours(1), 25, {}}}};
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/histogram_snapshot.hpp>
#include <hasten/metrics/packed_snapshot.hpp>
#include <hasten/metrics/time_marks.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

namespace hasten {

/// The recent past of a histogram: p99 of the last ten seconds, minute, five minutes, hour or day.
///
/// Its owner ticks it about once a second with a snapshot; nothing in the histogram is reset, so any number
/// of windows may watch one. It keeps packed snapshots as time_marks does: 60 seconds, 60 minutes, 24 hours,
/// some 100 to 300 KiB for a busy histogram. The wrong tool for the exact minute of a past event: of the past
/// it knows only windows that end at the last tick.
///
/// Thread safety: thread-safe.
///
///     hasten::window recent;
///     recent.tick(clock.now(), latency.snapshot());     // once a second, from whoever owns the loop
///     auto minute = recent.last(1min);
///     std::cout << minute.values.quantile(0.99) << " ns at " << minute.per_second() << " a second\n";
class window {
 public:
  struct view {
    histogram_snapshot values;           ///< what was recorded in the time covered; empty if nothing is known
    std::chrono::nanoseconds covered{};  ///< at least what was asked for, once that much is known

    /// Returns: how many values came in each second of the time covered; 0 if nothing is known.
    [[nodiscard]] double per_second() const noexcept {
      return covered.count() <= 0
                 ? 0.0
                 : static_cast<double>(values.count()) / std::chrono::duration<double>(covered).count();
    }
  };

  /// Takes the histogram's snapshot at `now`. A tick that is not later than the one before is ignored, and so is
  /// a snapshot that does not hold all of the one before, as of two threads that tick at once: the next is only a
  /// second away. Throws: std::bad_alloc. Blocks on: another tick.
  void tick(steady_time now, const histogram_snapshot& cumulative) {
    auto packed = std::make_shared<const packed_snapshot>(cumulative);
    const std::lock_guard lock(ticking_);
    if (const auto latest = marks_.latest(); latest && !cumulative.includes((*latest)->unpack())) return;
    marks_.tick(now, std::move(packed));
  }

  /// Returns: what was recorded in the shortest kept time that is at least `span` long: to the second within
  /// the last minute, to the minute within the last hour; before that much is known, all that is.
  /// Throws: std::bad_alloc.
  [[nodiscard]] view last(std::chrono::nanoseconds span) const {
    const auto found = marks_.last(span);
    if (!found) return {};
    return {difference(found->now->unpack(), found->then->unpack()), found->covered};
  }

  /// Returns: everything since the histogram was made, as of the last tick. Throws: std::bad_alloc.
  [[nodiscard]] histogram_snapshot since_start() const {
    const auto latest = marks_.latest();
    return latest ? (*latest)->unpack() : histogram_snapshot();
  }

 private:
  std::mutex
      ticking_;  // held from the look at the latest mark until the next is made; readers do not need it
  time_marks<std::shared_ptr<const packed_snapshot>> marks_;  // never null; each holds all of those before
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/histogram_snapshot.hpp>
#include <hasten/workers/task_options.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hasten {

/// What drain() achieved.
struct drain_report {
  std::uint64_t finished = 0;   ///< tasks that ended, well or badly, between the call and its return
  std::uint64_t cancelled = 0;  ///< tasks that will never run: queued at the deadline, or not due at the call
  std::uint64_t left = 0;       ///< tasks still running at the deadline; they end in their own time
};

/// One lane of a pool. Times are nanoseconds, of every n-th task (worker_pool's option clock_sampling).
struct lane_stats {
  std::size_t queued = 0;  ///< waiting now
  /// The least time that the oldest of them has waited: exact if every task is timed (clock_sampling = 1);
  /// otherwise what the nearest timed task says, or since when nothing has left the lane as far as stats() saw.
  std::chrono::nanoseconds oldest_age{0};
  histogram_snapshot wait;  ///< from acceptance to start
  histogram_snapshot run;   ///< from start to end, however it ended
};

/// The tasks of one label. Times are nanoseconds, of every task that carried it.
struct label_stats {
  std::string name;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t expired = 0;
  histogram_snapshot wait;
  histogram_snapshot run;
};

/// One look at a pool. Counters are totals since construction; each is exact once the pool is quiet.
struct worker_pool_stats {
  std::size_t threads = 0;
  std::size_t queued = 0;       ///< waiting now, in all lanes
  std::size_t timed = 0;        ///< waiting for their time, in no lane yet
  std::size_t running = 0;      ///< being run now
  std::uint64_t completed = 0;  ///< ran to the end without an exception
  std::uint64_t failed = 0;     ///< ended with an exception, whether a future or on_error took it
  std::uint64_t rejected = 0;   ///< refused because the lane was full or the pool closed
  std::uint64_t expired = 0;    ///< not started by their deadline
  /// Accepted, and dropped without having run: drained, purged, stopped, displaced.
  std::uint64_t cancelled = 0;
  std::uint64_t shed = 0;            ///< accepted, and dropped because the queue stood too long (shed_after)
  std::size_t queue_max = 0;         ///< the bound of each lane
  std::chrono::nanoseconds up{0};    ///< since construction
  std::chrono::nanoseconds busy{0};  ///< what the threads spent awake, together
  bool is_paused = false;
  std::array<lane_stats, task_lane_count> lanes;  ///< by task_lane
  std::vector<label_stats> labels;                ///< in the order in which they were made

  /// Returns: the share of their time that the threads were awake, 0..1. Of an interval: the differences of `busy`
  /// and `up` between two looks.
  [[nodiscard]] double utilisation() const noexcept {
    const double available = static_cast<double>(up.count()) * static_cast<double>(threads);
    return available > 0 ? static_cast<double>(busy.count()) / available : 0.0;
  }

  /// The oldest of all lanes.
  [[nodiscard]] std::chrono::nanoseconds oldest_age() const noexcept {
    std::chrono::nanoseconds oldest{0};
    for (const lane_stats& each : lanes) oldest = std::max(oldest, each.oldest_age);
    return oldest;
  }

  /// All lanes together.
  [[nodiscard]] histogram_snapshot wait() const { return merged(&lane_stats::wait); }
  [[nodiscard]] histogram_snapshot run() const { return merged(&lane_stats::run); }

 private:
  [[nodiscard]] histogram_snapshot merged(histogram_snapshot lane_stats::* part) const {
    histogram_snapshot all;
    for (const lane_stats& each : lanes) all.merge(each.*part);
    return all;
  }
};

}  // namespace hasten

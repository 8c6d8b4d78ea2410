// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/workers/job_store.hpp>
#include <hasten/workers/task_options.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

namespace hasten {

/// No lease is longer; stores take one that seems to be for the writing of a clock that was wrong.
inline constexpr std::chrono::hours job_lease_max{1};

/// What can be asked of a job_runner; see there.
struct job_runner_options {
  /// Who takes the jobs, as people see it in listings, 1..64 characters. Several runners may bear one name.
  std::string name = "runner";
  /// Most jobs taken and not yet settled, 1..100000; 0: four for each thread of the pool. More gives throughput for
  /// short jobs; less leaves long ones to other runners.
  std::size_t in_hand_max = 0;
  /// How long a job is this runner's without a sign of life, 100 ms..1 h; renewed three times as often. A job
  /// whose process died waits that long to be rescued.
  std::chrono::nanoseconds lease = std::chrono::seconds(30);
  /// How often jobs of others are rescued and old ones removed, 10 ms..1 h.
  std::chrono::nanoseconds upkeep = std::chrono::seconds(10);
  job_retention retention = {};
  /// The lane of the pool in which handlers run. In a pool that also serves requests: background.
  task_lane lane = task_lane::normal;
  /// Gets what the store threw, on the runner's thread; must not throw. Empty: it is only counted.
  std::function<void(std::exception_ptr)> on_error = {};
};

namespace detail {

/// Returns: the options with in_hand_max resolved for a pool of `threads`.
/// Throws: std::invalid_argument for one out of its range.
inline job_runner_options checked(job_runner_options chosen, std::size_t threads) {
  const auto refuse = [](const char* field_and_range, auto got) {
    throw std::invalid_argument("job_runner: " + std::string(field_and_range) + ", got " +
                                std::to_string(got));
  };
  if (chosen.name.empty() || chosen.name.size() > 64)
    refuse("name must have 1..64 characters", chosen.name.size());
  if (chosen.in_hand_max > 100'000) refuse("in_hand_max must be 0..100000", chosen.in_hand_max);
  if (chosen.in_hand_max == 0) chosen.in_hand_max = 4 * threads;
  if (chosen.lease < std::chrono::milliseconds(100) || chosen.lease > job_lease_max)
    refuse("lease must be 100000000..3600000000000 ns", chosen.lease.count());
  if (chosen.upkeep < std::chrono::milliseconds(10) || chosen.upkeep > std::chrono::hours(1))
    refuse("upkeep must be 10000000..3600000000000 ns", chosen.upkeep.count());
  for (const auto keep : {chosen.retention.completed, chosen.retention.cancelled, chosen.retention.dead})
    if (keep.count() < 0 || keep > std::chrono::hours(24 * 3660))
      refuse("retention must be 0..316224000000 ms", keep.count());
  return chosen;
}

}  // namespace detail
}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/workers/bounded_queue.hpp>
#include <hasten/workers/detail/pool_task.hpp>
#include <hasten/workers/task_options.hpp>
#include <hasten/workers/thread_budget.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

namespace hasten {

/// What can be asked of a worker_pool; see there.
struct worker_pool_options {
  /// Number of threads, 1..1024; 0 takes thread_budget(): affinity and cgroup quota.
  unsigned threads = 0;
  /// Most tasks waiting in each lane, 1..2^30; the slots (64 bytes each) are allocated up front.
  std::size_t queue_max = 10'000;
  /// Threads are called name-0, name-1, ...; 1..10 characters, so that the operating system shows it whole.
  std::string name = "worker";
  /// Gets what a posted task threw, on the thread that ran it; must not throw. Empty: such a task is counted
  /// in stats().failed and its exception goes no further.
  std::function<void(std::exception_ptr)> on_error = {};
  /// What happens to a task whose lane is full. try_post() never waits: with `block` it refuses at once.
  full_policy on_full = full_policy::reject;
  /// With full_policy::block: the longest wait for room, 0..1 h.
  std::chrono::nanoseconds block_max = std::chrono::seconds(1);
  /// Most background tasks running at once, 1..threads; 0 takes all threads but one, at least one.
  unsigned background_max = 0;
  /// One task in this many is timed for the histograms of its lane: a power of two up to 1024, or 0 for none.
  /// A timed task costs three readings of the clock; choose 1 where tasks are long or rare.
  std::size_t clock_sampling = 32;
  /// Overload protection: if the shortest wait in the high or the normal lane stays above this for a whole
  /// shed_interval, tasks that waited more than twice as long are shed until it falls; their futures get
  /// errc::overloaded (see queue_delay_control). 0 for none, or 1 us..1 min; needs clock_sampling = 1.
  std::chrono::nanoseconds shed_after = std::chrono::nanoseconds(0);
  /// shed_after..10 min; without effect if shed_after is 0.
  std::chrono::nanoseconds shed_interval = std::chrono::milliseconds(100);
  /// Most tasks waiting for their time, 0..1,000,000.
  std::size_t timed_max = 10'000;
  /// Most labels, 0..10,000.
  std::size_t labels_max = 64;
};

namespace detail {

/// Returns: the options with every "0 takes ..." resolved.
/// Throws: std::invalid_argument for one out of its range.
inline worker_pool_options checked(worker_pool_options settings) {
  const auto require_range = [](bool is_good, const char* field_and_range, const auto& value) {
    if (is_good) return;
    throw std::invalid_argument("worker_pool: " + std::string(field_and_range) + ", got " +
                                std::to_string(value));
  };
  require_range(settings.threads <= 1024, "threads must be 0..1024", settings.threads);
  require_range(settings.queue_max >= 1 && settings.queue_max <= bounded_queue<pool_task>::size_max_limit,
                "queue_max must be 1..1073741824", settings.queue_max);
  if (settings.name.empty() || settings.name.size() > 10) {
    throw std::invalid_argument("worker_pool: name must have 1..10 characters, got \"" + settings.name +
                                "\"");
  }
  const auto block_ns = settings.block_max.count();
  require_range(block_ns >= 0 && settings.block_max <= std::chrono::hours(1),
                "block_max must be 0..3600000000000 ns", block_ns);
  require_range(settings.clock_sampling == 0 ||
                    (std::has_single_bit(settings.clock_sampling) && settings.clock_sampling <= 1024),
                "clock_sampling must be 0 or a power of two up to 1024", settings.clock_sampling);
  if (settings.shed_after != std::chrono::nanoseconds(0)) {
    const auto shed_ns = settings.shed_after.count();
    require_range(
        settings.shed_after >= std::chrono::microseconds(1) && settings.shed_after <= std::chrono::minutes(1),
        "shed_after must be 0 or 1000..60000000000 ns", shed_ns);
    require_range(
        settings.shed_interval >= settings.shed_after && settings.shed_interval <= std::chrono::minutes(10),
        "shed_interval must be shed_after..600000000000 ns", settings.shed_interval.count());
    require_range(settings.clock_sampling == 1, "clock_sampling must be 1 with shed_after",
                  settings.clock_sampling);
  }
  require_range(settings.timed_max <= 1'000'000, "timed_max must be 0..1000000", settings.timed_max);
  require_range(settings.labels_max <= 10'000, "labels_max must be 0..10000", settings.labels_max);
  if (settings.threads == 0) settings.threads = std::min(thread_budget(), 1024U);
  require_range(settings.background_max <= settings.threads, "background_max must be 0..threads",
                settings.background_max);
  if (settings.background_max == 0) settings.background_max = std::max(1U, settings.threads - 1);
  return settings;
}

}  // namespace detail

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <algorithm>
#include <chrono>
#include <future>

namespace hasten {

/// Waits for a future of the pool's own tasks and runs other tasks of the pool meanwhile, so that a task that
/// waits for tasks it submitted cannot block the pool, not even with one thread. Works on any thread.
///
/// A task begun here has to end before this returns, however long it takes and past the deadline. What tasks
/// wait for must form a tree (each waits only for what it submitted): a task that waits for one beneath it on
/// the same stack waits for ever.
/// Returns: whether the future is ready.
/// Blocks on: the future and the tasks run meanwhile, until the deadline.
template <class Future, clock_source Clock>
[[nodiscard]] bool wait_helping(basic_worker_pool<Clock>& pool, const Future& future, steady_time deadline) {
  // Nothing wakes a waiter when a task arrives that it could run; so it looks again after this long.
  constexpr auto glance = std::chrono::microseconds(200);
  for (;;) {
    if (future.wait_for(std::chrono::seconds(0)) == std::future_status::ready) return true;
    if (pool.run_one()) continue;
    const steady_time now = steady_clock_source::now();
    if (now >= deadline) return false;
    if (future.wait_until(std::min(deadline, now + glance)) == std::future_status::ready) return true;
  }
}

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/unique_function.hpp>
#include <hasten/workers/bounded_queue.hpp>
#include <hasten/workers/detail/pool_task.hpp>
#include <hasten/workers/task_options.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace hasten::detail {

/// Tasks that are not due yet, at most `size_max`. One thread of the owner's runs hand_over_due(), which sleeps
/// until the earliest is due.
/// Thread safety: thread-safe.
class timed_tasks {
 public:
  /// `hand_over` gets each task when it is due, or with a reason other than run_now when it never will be.
  using hand_over_function = unique_function<void(task_lane, pool_task&, errc)>;

  timed_tasks(std::size_t size_max, hand_over_function hand_over)
      : size_max_(size_max), hand_over_(std::move(hand_over)) {}
  timed_tasks(const timed_tasks&) = delete;
  timed_tasks& operator=(const timed_tasks&) = delete;

  /// Throws: std::bad_alloc.
  push_result add(steady_time due, task_lane lane, pool_task&& item) {
    const std::scoped_lock lock(mutex_);
    if (is_closed_) return push_result::closed;
    if (waiting_.size() >= size_max_) return push_result::full;
    waiting_.push_back({due, ++last_number_, lane, std::move(item)});
    std::push_heap(waiting_.begin(), waiting_.end(), is_later);
    if (waiting_.front().number == last_number_) changed_.notify_one();
    return push_result::pushed;
  }

  [[nodiscard]] std::size_t size() const {
    const std::scoped_lock lock(mutex_);
    return waiting_.size();
  }

  /// Hands over each task when it is due, until close(). For one thread.
  void hand_over_due() noexcept {
    std::unique_lock lock(mutex_);
    while (!is_closed_) {
      if (waiting_.empty()) {
        changed_.wait(lock);  // unbounded on purpose: until there is a task, or the end
        continue;
      }
      const steady_time due = waiting_.front().due;
      if (due > steady_clock_source::now()) {
        changed_.wait_until(lock, due);
        continue;
      }
      std::pop_heap(waiting_.begin(), waiting_.end(), is_later);
      entry next = std::move(waiting_.back());
      waiting_.pop_back();
      lock.unlock();
      hand_over_(next.lane, next.item, run_now);
      next.item.reset();
      lock.lock();
    }
  }

  /// Refuses further tasks and hands over those that wait as never to be run. Idempotent.
  /// Returns: how many.
  std::size_t close() noexcept {
    std::vector<entry> dropped;
    {
      const std::scoped_lock lock(mutex_);
      is_closed_ = true;
      dropped.swap(waiting_);
      changed_.notify_all();
    }
    for (entry& each : dropped) hand_over_(each.lane, each.item, errc::closed);
    return dropped.size();
  }

 private:
  struct entry {
    steady_time due;
    std::uint64_t number;  // order of arrival, for equal times
    task_lane lane;
    pool_task item;
  };

  static bool is_later(const entry& left, const entry& right) noexcept {
    return left.due != right.due ? left.due > right.due : left.number > right.number;
  }

  const std::size_t size_max_;
  hand_over_function hand_over_;  // called without the lock
  mutable std::mutex mutex_;      // guards what follows; no user code under it
  std::condition_variable changed_;
  std::vector<entry> waiting_;  // a heap, the earliest first
  std::uint64_t last_number_ = 0;
  bool is_closed_ = false;
};

}  // namespace hasten::detail

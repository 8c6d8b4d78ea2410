// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

namespace hasten::detail {

/// Where the workers of a pool sleep, and who wakes them.
///
/// A worker is running a task, searching for one, or sleeping. A producer wakes somebody only if somebody
/// sleeps and nobody searches, so a busy pool costs a producer two loads and one burst costs one wake-up.
/// The last searcher that finds a task wakes the next one if there is more, so a burst spreads over the
/// workers one after another. The most recently parked worker wakes first: its caches are the warmest.
///
/// Why no wake-up is lost. All operations named here are sequentially consistent, so they have one order.
///   producer:  P1 the element is claimed in the queue     P2 load sleeping_   P3 load searching_
///   worker:    W1 sleeping_ := n, searching_ -= 1          W2 is the queue empty?   sleep only if it is
/// Take an element whose producer woke nobody.
///   - P2 saw nobody sleeping: then every worker's W1 comes after P2, so its W2 comes after P1 and sees the
///     element: no worker goes to sleep before the element has been taken.
///   - P3 saw a searcher: its searching_ -= 1 comes after P3. If that is its W1, its W2 sees the element. If
///     it found a task (stop_search), it looks at the queue after the decrement; if it was the last searcher
///     and the queue is not empty it wakes the next one, and if it was not the last, the same holds for the
///     last. wake_one() refuses under the same two conditions, so the same argument covers it.
/// "Empty" counts a claimed element that is still being moved in as present (bounded_queue::is_empty), so P1
/// is the claim itself and no fence is needed between P1 and P2: the claim is a read-modify-write.
/// A batch counts as in from when it is in its lane's list, which is before its producer looks for sleepers.
/// tests/workers/detail/parking_models.hpp models this protocol together with each access of the ring and of a
/// batch; its test walks every interleaving, and shows that the walk finds the lost wake-up when W2 is left out
/// or P2 comes before P1.
///
/// Thread safety: thread-safe.
class worker_parking {
 public:
  /// The bed of one worker; lives as long as the parking.
  struct bed {
    std::condition_variable woken;
    bool is_woken = false;  // guarded by mutex_
  };

  explicit worker_parking(std::size_t workers) { sleepers_.reserve(workers); }

  /// A producer calls this after every element that it put in.
  void work_arrived() noexcept {
    if (sleeping_.load() != 0 && searching_.load() == 0) wake_one();
  }

  /// A worker that found nothing calls this before it looks on.
  void start_search() noexcept { searching_.fetch_add(1); }

  /// A searching worker found a task, or leaves.
  template <class HasWork>
  void stop_search(HasWork&& has_work) noexcept {
    if (searching_.fetch_sub(1) == 1 && sleeping_.load() != 0 && has_work()) wake_one();
  }

  /// A searching worker goes to sleep, unless there is work after all; either way it is searching when this
  /// returns. `has_work` must only read atomics.
  /// Returns: whether it slept.
  template <class HasWork>
  bool park(bed& here, HasWork&& has_work) {
    std::unique_lock lock(mutex_);
    here.is_woken = false;
    sleepers_.push_back(&here);
    sleeping_.store(sleepers_.size());
    searching_.fetch_sub(1);
    if (has_work()) {
      sleepers_.pop_back();
      searching_.fetch_add(1);
      sleeping_.store(sleepers_.size());
      return false;
    }
    // Unbounded on purpose: an idle worker sleeps until there is work or the pool closes.
    here.woken.wait(lock, [&here] { return here.is_woken; });
    return true;
  }

  /// For closing: everybody looks up.
  void wake_all() noexcept {
    const std::scoped_lock lock(mutex_);
    while (!sleepers_.empty()) wake_last();
  }

  [[nodiscard]] std::size_t sleeping() const noexcept { return sleeping_.load(); }

 private:
  void wake_one() noexcept {
    bed* woken = nullptr;
    {
      const std::scoped_lock lock(mutex_);
      if (sleepers_.empty() || searching_.load() != 0) return;
      woken = sleepers_.back();
      // Counted on the sleeper's behalf, so that no second wake-up is sent while it is on its way.
      searching_.fetch_add(1);
      sleepers_.pop_back();
      sleeping_.store(sleepers_.size());
      woken->is_woken = true;
    }
    woken->woken.notify_one();
  }

  void wake_last() noexcept {
    bed* const woken = sleepers_.back();
    searching_.fetch_add(1);
    sleepers_.pop_back();
    sleeping_.store(sleepers_.size());
    woken->is_woken = true;
    woken->woken.notify_one();
  }

  // Read by every producer after every element, written only when a worker changes state: one line of its
  // own.
  alignas(64) std::atomic<std::size_t> sleeping_{0};  // == sleepers_.size(), readable without the lock
  std::atomic<std::size_t> searching_{0};             // includes those woken and not yet running
  alignas(64) std::mutex mutex_;                      // guards sleepers_ and every bed; no user code under it
  std::vector<bed*> sleepers_;                        // never grows past the capacity reserved
};

}  // namespace hasten::detail

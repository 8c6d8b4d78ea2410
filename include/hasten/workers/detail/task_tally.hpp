// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/workers/detail/pool_task.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace hasten::detail {

/// What one worker does now and what became of its tasks, such that each task it took is in exactly one place.
///
/// A worker says that it is taking before it takes, and that it runs or is idle afterwards. Taking from a queue is
/// a read-modify-write of the queue's counter, so whoever sees the queue empty because of it sees at least
/// `taking`, and settled() waits for what comes of it: a few instructions, no user code. A task popped in that very
/// moment is therefore counted as running, and never missed between the queue and the worker.
/// Thread safety: thread-safe, with one owner for begin_taking(), took() and ended().
class task_tally {
 public:
  /// For the owner, before each attempt to take a task.
  // Relaxed: published by the exchange on the queue's counter that follows.
  void begin_taking() noexcept { now_.store(taking, std::memory_order_relaxed); }

  /// For the owner, after it. Release: whoever sees that nothing was taken sees all that ended before.
  void took(bool a_task) noexcept { now_.store(a_task ? running : idle, std::memory_order_release); }

  /// For the owner, when the task is over.
  void ended(task_end end) noexcept {
    // Unsettled while the task moves from running to its count, so that no reading has it in both. Relaxed and
    // releases: with the loads in settled(), which sees the first if it sees the second.
    now_.store(taking, std::memory_order_relaxed);
    auto& counter = ends_[static_cast<std::size_t>(end)];
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    now_.store(idle, std::memory_order_release);
  }

  [[nodiscard]] bool is_running() const noexcept { return now_.load() == running; }
  [[nodiscard]] std::uint64_t count(task_end end) const noexcept {
    return ends_[static_cast<std::size_t>(end)].load();
  }

  /// What a worker that can take nothing more has done, and whether it still runs its last task.
  struct reading {
    bool is_running = false;
    std::uint64_t ran = 0;  // completed or failed
  };
  /// Returns: a reading of one moment. To be called when nothing is left to take.
  [[nodiscard]] reading settled() const noexcept {
    for (;;) {
      const std::uint8_t before = now_.load();
      const reading found{before == running, count(task_end::completed) + count(task_end::failed)};
      if (before != taking && now_.load() == before) return found;
      std::this_thread::yield();
    }
  }

 private:
  static constexpr std::uint8_t idle = 0;
  static constexpr std::uint8_t taking = 1;
  static constexpr std::uint8_t running = 2;

  std::atomic<std::uint8_t> now_{idle};
  std::array<std::atomic<std::uint64_t>, task_end_count> ends_{};  // by task_end
};

/// The same for all threads that are no workers of the pool, together: helpers, and callers that run what is too much.
/// Thread safety: thread-safe.
class shared_tally {
 public:
  void begin_taking() noexcept { unsettled_.fetch_add(1); }
  void took(bool a_task) noexcept {
    if (a_task) running_.fetch_add(1);
    unsettled_.fetch_sub(1);
  }
  /// For a task that was taken.
  void ended(task_end end) noexcept {
    unsettled_.fetch_add(1);
    add(end);
    running_.fetch_sub(1);
    unsettled_.fetch_sub(1);
  }
  /// For a task that ended without having been taken.
  void add(task_end end) noexcept { ends_[static_cast<std::size_t>(end)].fetch_add(1); }

  [[nodiscard]] std::size_t running() const noexcept { return running_.load(); }
  [[nodiscard]] std::uint64_t count(task_end end) const noexcept {
    return ends_[static_cast<std::size_t>(end)].load();
  }

  struct reading {
    std::size_t running = 0;
    std::uint64_t ran = 0;  // completed or failed
  };
  /// Returns: a reading of one moment. To be called when nothing is left to take, so that less and less runs.
  [[nodiscard]] reading settled() const noexcept {
    for (;;) {
      const std::size_t before = running_.load();
      if (unsettled_.load() == 0) {
        const reading found{before, count(task_end::completed) + count(task_end::failed)};
        if (unsettled_.load() == 0 && running_.load() == before) return found;
      }
      std::this_thread::yield();
    }
  }

 private:
  std::atomic<std::size_t> unsettled_{0};  // threads that take, or count what they ran
  std::atomic<std::size_t> running_{0};
  std::array<std::atomic<std::uint64_t>, task_end_count> ends_{};  // by task_end
};

}  // namespace hasten::detail

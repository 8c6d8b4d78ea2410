// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>

namespace hasten::detail {

/// One half of a fork_join(), on the stack of the thread that waits for it.
struct fork_job {
  void (*run)(fork_job&) = nullptr;  // must not throw; sets failure
  std::exception_ptr failure;        // written before is_done
  std::atomic<bool> is_done{false};  // set by a thief, as the last thing it does with the job
};

/// The forks of one thread that nobody has begun: the owner pushes and pops at the bottom, others steal the oldest
/// from the top (Chase and Lev, with a fixed size and every deciding step sequentially consistent).
/// tests/workers/detail/fork_deque_test.cpp walks every interleaving of a model of it.
/// Thread safety: thread-safe, with one owner.
class fork_deque {
 public:
  static constexpr std::size_t size_max = 1024;

  /// For the owner. Returns: false if there is no room.
  bool push(fork_job& job) noexcept {
    // Relaxed: only the owner writes the bottom. Any older top only makes the deque look fuller.
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
    if (bottom - top_.load(std::memory_order_relaxed) >= static_cast<std::int64_t>(size_max)) return false;
    slot(bottom).store(&job, std::memory_order_relaxed);  // published by the next
    bottom_.store(bottom + 1);
    return true;
  }

  /// For the owner. Returns: the youngest job, or null if others took all.
  fork_job* pop() noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed) - 1;  // relaxed: the owner's own
    bottom_.store(bottom);
    std::int64_t top = top_.load();
    if (top < bottom) return slot(bottom).load(std::memory_order_relaxed);
    fork_job* last = nullptr;
    // The last one: whoever moves the top has it.
    if (top == bottom && top_.compare_exchange_strong(top, top + 1)) {
      last = slot(bottom).load(std::memory_order_relaxed);
    }
    bottom_.store(bottom + 1);
    return last;
  }

  /// For everybody else. Returns: the oldest job, or null if there is none or somebody else was quicker.
  fork_job* steal() noexcept {
    std::int64_t top = top_.load();
    if (top >= bottom_.load()) return nullptr;
    // May be stale by the time of the exchange, which fails then; relaxed, because the bottom published it.
    fork_job* const oldest = slot(top).load(std::memory_order_relaxed);
    return top_.compare_exchange_strong(top, top + 1) ? oldest : nullptr;
  }

  [[nodiscard]] bool is_empty() const noexcept {
    const std::int64_t top = top_.load();
    return top >= bottom_.load();
  }

 private:
  std::atomic<fork_job*>& slot(std::int64_t at) noexcept {
    return slots_[static_cast<std::size_t>(at) % size_max];
  }

  alignas(64) std::atomic<std::int64_t> top_{0};
  alignas(64) std::atomic<std::int64_t> bottom_{0};
  std::array<std::atomic<fork_job*>, size_max> slots_{};
};

}  // namespace hasten::detail

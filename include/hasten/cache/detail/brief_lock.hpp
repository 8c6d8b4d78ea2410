// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace hasten::detail {

/// A mutex for sections of some tens of nanoseconds: half the price of std::mutex where nobody contends, as
/// it is released by a plain store. Who has to wait for long (the holder was preempted) sleeps in between.
/// Thread safety: thread-safe.
class brief_lock {
 public:
  void lock() noexcept {
    if (!try_lock()) [[unlikely]]
      lock_contended();
  }
  // acquire: partner is the release in unlock()
  [[nodiscard]] bool try_lock() noexcept { return !held_.exchange(true, std::memory_order_acquire); }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  [[gnu::noinline]] void lock_contended() noexcept {
    constexpr int spins = 64;
    constexpr int yields = 128;
    for (int round = 0;; ++round) {
      // relaxed: only worth trying; the exchange decides
      if (!held_.load(std::memory_order_relaxed) && try_lock()) return;
      if (round < spins)
        pause();
      else if (round < yields)
        std::this_thread::yield();
      else
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }

  static void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::atomic<bool> held_ = false;
};

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace hasten::detail {

/// Where producers wait until there is room in a queue, at the cost of one load for each element taken out.
///
/// No room is missed: a consumer first takes its element (a sequentially consistent exchange) and then looks
/// for waiters; a producer first enters itself as a waiter and then looks whether there is room. One of the
/// two sees the other, and the consumer tells under the lock that the producer holds until it sleeps. Once told, the
/// producers are left alone until one of them looks: it first takes the word back, so a consumer that still sees
/// it has taken its element out before that look.
/// Thread safety: thread-safe.
class room_gate {
 public:
  /// Enters a producer for its lifetime.
  class waiter {
   public:
    explicit waiter(room_gate& gate) noexcept : gate_(gate) { gate_.waiters_.fetch_add(1); }
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    ~waiter() { gate_.waiters_.fetch_sub(1); }

    /// `has_room` must only read atomics. Returns: its last answer.
    template <class HasRoom>
    bool wait_until(steady_time until, HasRoom&& has_room) {
      std::unique_lock lock(gate_.mutex_);
      return gate_.told_.wait_until(lock, until, [&] {
        gate_.is_told_.store(false);
        return has_room();
      });
    }

   private:
    room_gate& gate_;
  };

  /// After an element was taken out: tells the waiters if `has_room`, so that a queue that hovers below its
  /// bound does not wake them for every single place.
  template <class HasRoom>
  void tell_if(HasRoom&& has_room) noexcept {
    if (waiters_.load() != 0 && !is_told_.load() && has_room()) tell();
  }

  /// After many elements were taken out, or the queue closed.
  void tell() noexcept {
    if (waiters_.load() == 0) return;
    const std::scoped_lock lock(mutex_);
    is_told_.store(true);
    told_.notify_all();  // waiters may want different queues
  }

 private:
  std::atomic<std::size_t> waiters_{0};
  std::atomic<bool> is_told_{false};  // and nobody has looked since
  std::mutex mutex_;                  // guards nothing but the wait; no user code under it
  std::condition_variable told_;
};

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/workers/detail/fork_deque.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

namespace hasten::detail {

class fork_hub;

/// Where the calling thread keeps its forks.
struct fork_place {
  fork_hub* hub = nullptr;      // of the pool whose forks this thread has in hand
  fork_deque* deque = nullptr;  // its own one there
  std::size_t depth = 0;        // calls of fork_join() on this stack
};

inline fork_place& this_threads_forks() noexcept {
  static thread_local fork_place place;
  return place;
}

/// The forks of one pool: a deque for each worker and a few for threads that come from outside.
/// Thread safety: thread-safe.
class fork_hub {
 public:
  static constexpr std::size_t guests_max = 4;

  explicit fork_hub(std::size_t workers) : workers_(workers), deques_(workers + guests_max) {}

  /// For a worker, once: from now on the calling thread keeps its forks here.
  void settle(std::size_t worker) noexcept { this_threads_forks() = {this, &deques_[worker], 0}; }

  /// Gives a thread from outside a deque for its lifetime, if one is free.
  class guest {
   public:
    explicit guest(fork_hub& hub) noexcept : hub_(hub), former_(this_threads_forks()) {
      for (std::size_t i = 0; i != guests_max && place_ == guests_max; ++i) {
        if (!hub.is_taken_[i].exchange(true)) place_ = i;
      }
      if (place_ != guests_max) this_threads_forks() = {&hub, &hub.deques_[hub.workers_ + place_], 0};
    }
    guest(const guest&) = delete;
    guest& operator=(const guest&) = delete;
    ~guest() {
      if (place_ == guests_max) return;
      this_threads_forks() = former_;
      hub_.is_taken_[place_].store(false);
    }
    [[nodiscard]] bool has_place() const noexcept { return place_ != guests_max; }

   private:
    fork_hub& hub_;
    const fork_place former_;
    std::size_t place_ = guests_max;
  };

  /// Counts a thread that is inside fork_join(), for its lifetime: nobody looks for forks if there is none.
  class visit {
   public:
    visit(fork_hub& hub, fork_place& place) noexcept : hub_(hub), place_(place) {
      if (place_.depth++ == 0) hub_.roots_.fetch_add(1);
    }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() {
      if (--place_.depth == 0) hub_.roots_.fetch_sub(1);
    }

   private:
    fork_hub& hub_;
    fork_place& place_;
  };

  /// Runs one fork of anybody's.
  /// Returns: false if there is none.
  bool run_one() noexcept {
    if (roots_.load() == 0) return false;
    const fork_deque* const own = this_threads_forks().deque;
    for (fork_deque& each : deques_) {
      if (&each == own) continue;
      fork_job* const job = each.steal();
      if (job == nullptr) continue;
      job->run(*job);
      job->is_done.store(true);  // the last touch: its owner may leave its stack frame now
      return true;
    }
    return false;
  }

  [[nodiscard]] bool has_work() const noexcept {
    if (roots_.load() == 0) return false;
    for (const fork_deque& each : deques_) {
      if (!each.is_empty()) return true;
    }
    return false;
  }

  /// Waits until another thread has run the job, and runs other forks meanwhile.
  void wait(const fork_job& job) noexcept {
    constexpr unsigned looks = 1'000;
    for (unsigned look = 0; !job.is_done.load(); ++look) {
      if (run_one()) {
        look = 0;
      } else if (look < looks) {
        std::this_thread::yield();
      } else {
        // Its thief is in a long piece of work, and nothing is left to help with.
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      }
    }
  }

 private:
  const std::size_t workers_;
  alignas(64) std::atomic<std::size_t> roots_{0};  // threads inside fork_join()
  std::atomic<bool> is_taken_[guests_max]{};
  std::vector<fork_deque> deques_;  // workers, then guests
};

}  // namespace hasten::detail

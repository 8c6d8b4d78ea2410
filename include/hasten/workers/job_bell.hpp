// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace hasten {

/// Wakes whoever waits for jobs within this process; what the stores ring when jobs come.
///
/// A ring that comes before its listener waits is not lost: the wait returns at once. Wrong tool between processes.
/// Thread safety: thread-safe.
class job_bell {
 public:
  /// One waiting runner's ear. Thread safety: thread-safe; one thread waits.
  class listener {
   public:
    void wake() {
      {
        const std::lock_guard lock(mutex_);
        if (rung_) return;
        rung_ = true;
      }
      changed_.notify_one();
    }

    /// Returns: whether it was woken; false at the deadline. Blocks on: a ring, until the deadline.
    bool wait_until(steady_time deadline) {
      std::unique_lock lock(mutex_);
      const bool heard = changed_.wait_until(lock, deadline, [this] { return rung_; });
      rung_ = false;
      return heard;
    }

   private:
    std::mutex mutex_;  // guards rung_; nothing is called under it
    std::condition_variable changed_;
    bool rung_ = false;
  };

  /// Returns: a new ear, which hears until it dies.
  [[nodiscard]] std::shared_ptr<listener> listen() {
    auto made = std::make_shared<listener>();
    const std::lock_guard lock(mutex_);
    std::erase_if(listeners_, [](const auto& each) { return each.expired(); });
    listeners_.push_back(made);
    return made;
  }

  void ring() {
    const std::lock_guard lock(mutex_);  // a listener's own lock is only ever taken after this one
    for (const auto& each : listeners_)
      if (const auto alive = each.lock()) alive->wake();
  }

 private:
  std::mutex mutex_;  // guards listeners_
  std::vector<std::weak_ptr<listener>>
      listeners_;  // the living ones, and those that died since the last listen()
};

/// A runner's watch on a bell: a job_watch for stores that live in the process.
/// Thread safety: thread-safe; one thread waits.
class bell_watch {
 public:
  explicit bell_watch(job_bell& bell) : ear_(bell.listen()) {}
  void wait_until(steady_time deadline) { ear_->wait_until(deadline); }
  void wake() { ear_->wake(); }

 private:
  std::shared_ptr<job_bell::listener> ear_;  // never null
};

}  // namespace hasten

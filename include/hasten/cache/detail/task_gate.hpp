// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace hasten::detail {

/// Lets tasks that others run use an object only while it lives: they share the gate and ask it first.
/// Thread safety: thread-safe.
class task_gate {
 public:
  /// Returns: whether the object is still there, and stays until leave().
  [[nodiscard]] bool enter() noexcept {
    const std::scoped_lock lock(mutex_);
    if (closed_) return false;
    ++inside_;
    return true;
  }
  void leave() noexcept {
    {
      const std::scoped_lock lock(mutex_);
      --inside_;
    }
    emptied_.notify_all();
  }

  /// Lets nobody in any more, and waits for those who are: for as long as their work takes.
  void close() noexcept {
    std::unique_lock lock(mutex_);
    closed_ = true;
    emptied_.wait(lock, [this] { return inside_ == 0; });
  }

 private:
  std::mutex mutex_;  // guards all below
  std::condition_variable emptied_;
  bool closed_ = false;
  std::size_t inside_ = 0;
};

}  // namespace hasten::detail

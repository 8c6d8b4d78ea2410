// SPDX-License-Identifier: BSL-1.0
#include "app/ticker.hpp"

#include <exception>
#include <utility>

namespace claims_app {

ticker::ticker(std::chrono::nanoseconds period, std::function<void()> work,
               std::function<void(const std::exception_ptr&)> on_failure)
    : period_(period),
      work_(std::move(work)),
      on_failure_(std::move(on_failure)),
      thread_([this] { run(); }) {}

ticker::~ticker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_one();
  thread_.join();
}

void ticker::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_.wait_for(lock, period_, [this] { return stop_; })) {
    lock.unlock();
    try {
      work_();
    } catch (...) {
      on_failure_(std::current_exception());
    }
    lock.lock();
  }
}

}  // namespace claims_app

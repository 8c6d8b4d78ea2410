// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace claims_app {

/// Calls a function again and again on a thread of its own: for what should happen without a request. The first call
/// comes after one period; one that takes longer than the period delays the next. What it throws goes to `on_failure`,
/// and the next call comes all the same. The destructor waits for a call under way, and for nothing else.
/// Thread safety: single-owner.
///
///     ticker upkeep(std::chrono::seconds(30), [&] { sessions.maintain(); }, log_task_failure);
class ticker {
 public:
  ticker(std::chrono::nanoseconds period, std::function<void()> work,
         std::function<void(const std::exception_ptr&)> on_failure);
  ~ticker();
  ticker(const ticker&) = delete;
  ticker& operator=(const ticker&) = delete;

 private:
  void run();

  const std::chrono::nanoseconds period_;
  const std::function<void()> work_;
  const std::function<void(const std::exception_ptr&)> on_failure_;
  std::mutex mutex_;  // guards the next; the work runs without it
  bool stop_ = false;
  std::condition_variable stopped_;
  std::thread thread_;  // last: it uses all above
};

}  // namespace claims_app

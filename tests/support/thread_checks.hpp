// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <atomic>

/// Collects what threads other than the test's own find: Catch2's assertions may be used by one thread at a time.
/// Declare it before the threads, so that it reports after they are joined. Thread safety: thread-safe.
class thread_checks {
 public:
  thread_checks() = default;
  thread_checks(const thread_checks&) = delete;
  thread_checks& operator=(const thread_checks&) = delete;
  ~thread_checks() { CHECK(failures_ == 0); }

  void operator()(bool holds) noexcept {
    if (!holds) ++failures_;
  }

 private:
  std::atomic<int> failures_ = 0;
};

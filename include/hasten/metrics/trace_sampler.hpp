// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>

namespace hasten {

/// Decides which requests are worth a trace: those whose caller records one, and of the others those that failed, were slow,
/// or were drawn. It decides when a request has ended, for only then is known whether it was slow.
///
/// However many want to be kept, no more than `per_second` are: the caller's wish is a wish, and a server that is slow as a
/// whole is slow for every request. The wrong tool where a collector samples: keep all, and let it choose.
///
/// Thread safety: thread-safe.
///
///     hasten::trace_sampler sampler({.ratio = 0.01, .slow = 500ms});
///     if (sampler.keeps({.sampled_by_caller = trace.sampled(), .failed = status >= 500, .took = took, .draw = random()}))
///       export_span(...);
template <clock_source Clock = steady_clock_source>
class trace_sampler {
 public:
  struct options {
    double ratio = 0.01;  ///< of the rest, 0 to 1
    std::chrono::nanoseconds slow =
        std::chrono::milliseconds(500);  ///< at least as long is slow; not negative
    std::uint64_t per_second = 100;      ///< kept in any one second; 1 to 1,000,000
  };
  struct request {
    bool sampled_by_caller = false;
    bool failed = false;
    std::chrono::nanoseconds took{0};
    std::uint64_t draw =
        0;  ///< random, such as the last eight bytes of the trace's id: all services then draw alike
  };

  trace_sampler() : trace_sampler(options()) {}

  /// Throws: std::invalid_argument for an option out of range.
  explicit trace_sampler(options chosen, Clock clock = {}) : options_(chosen), clock_(std::move(clock)) {
    if (!(chosen.ratio >= 0) || !(chosen.ratio <= 1))
      throw std::invalid_argument("trace_sampler: ratio must be 0..1, got " + std::to_string(chosen.ratio));
    if (chosen.slow.count() < 0)
      throw std::invalid_argument("trace_sampler: slow must not be negative, got " +
                                  std::to_string(chosen.slow.count()) + " ns");
    if (chosen.per_second < 1 || chosen.per_second > 1'000'000)
      throw std::invalid_argument("trace_sampler: per_second must be 1..1000000, got " +
                                  std::to_string(chosen.per_second));
  }

  /// Returns: whether to keep the request. Blocks on: a short lock, only if it is worth keeping.
  [[nodiscard]] bool keeps(const request& what) noexcept {
    const bool drawn = static_cast<double>(what.draw >> 11) < options_.ratio * 9007199254740992.0;  // 2^53
    if (!what.sampled_by_caller && !what.failed && what.took < options_.slow && !drawn) return false;
    const std::lock_guard lock(mutex_);
    const steady_time now = clock_.now();
    if (!began_once_ || now - second_began_ >= std::chrono::seconds(1)) {
      began_once_ = true;
      second_began_ = now;
      kept_ = 0;
    }
    return kept_++ < options_.per_second;
  }

 private:
  const options options_;
  const Clock clock_;
  std::mutex mutex_;  // guards all below
  steady_time second_began_;
  std::uint64_t kept_ = 0;
  bool began_once_ = false;
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/backoff.hpp>

#include <chrono>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

namespace hasten {

/// Whether to try again after a failure, and after how long: a bounded number of attempts within a bounded
/// time, with growing and jittered delays between them.
///
/// It decides and does nothing: no clock, no waiting, no thread. Wrong tool for failures that will not go away
/// (a constraint, a bad statement): do not ask it about those.
/// Thread safety: immutable.
///
///     const hasten::retry_policy policy({.attempts_max = 4, .time_max = 10s});
///     if (const auto delay = policy.next_after(failures, clock.now() - started, random)) {
///       pool.post_at(clock.now() + *delay, again);
///     } else {
///       give_up();
///     }
class retry_policy {
 public:
  struct options {
    /// Attempts in all, the first included, 1..1000; 1 never tries again.
    unsigned attempts_max = 5;
    /// No attempt begins later than this after the first one began; 0 sets no limit.
    std::chrono::nanoseconds time_max = std::chrono::nanoseconds(0);
    /// The delays between attempts.
    backoff::options delays = {};
  };

  retry_policy() : retry_policy(options{}) {}

  /// Throws: std::invalid_argument for an option out of its range.
  explicit retry_policy(const options& chosen)
      : attempts_max_(chosen.attempts_max), time_max_(chosen.time_max), delays_(chosen.delays) {
    if (attempts_max_ < 1 || attempts_max_ > 1000) {
      throw std::invalid_argument("retry_policy: attempts_max must be 1..1000, got " +
                                  std::to_string(attempts_max_));
    }
    if (time_max_.count() < 0) {
      throw std::invalid_argument("retry_policy: time_max must be 0 ns or more, got " +
                                  std::to_string(time_max_.count()));
    }
  }

  /// `failures` attempts have failed, the first of which began `elapsed` ago.
  /// Returns: how long to wait before the next attempt; nothing if there should be none.
  template <std::uniform_random_bit_generator Random>
  [[nodiscard]] std::optional<std::chrono::nanoseconds> next_after(unsigned failures,
                                                                   std::chrono::nanoseconds elapsed,
                                                                   Random& random) const {
    if (failures >= attempts_max_) return std::nullopt;
    const std::chrono::nanoseconds delay = delays_.after(failures, random);
    // Compared by difference, because a sum could overflow.
    if (time_max_.count() != 0 && (elapsed > time_max_ || delay > time_max_ - elapsed)) return std::nullopt;
    return delay;
  }

  [[nodiscard]] unsigned attempts_max() const noexcept { return attempts_max_; }

 private:
  unsigned attempts_max_;
  std::chrono::nanoseconds time_max_;
  backoff delays_;
};

}  // namespace hasten

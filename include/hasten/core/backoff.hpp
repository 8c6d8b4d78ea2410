// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>

namespace hasten {

/// How long to wait before trying again: longer each time, up to a cap, and a little differently for everybody,
/// so that those who failed together do not come back together.
///
/// It only computes: who waits, and on which clock, is the caller's matter. Wrong tool where the other side says
/// when to come back (Retry-After).
/// Thread safety: immutable.
///
///     const hasten::backoff delays({.first = 50ms, .most = 5s});
///     std::mt19937_64 random(std::random_device{}());
///     for (unsigned failures = 1; !connect(); ++failures) wait(delays.after(failures, random));
class backoff {
 public:
  struct options {
    /// The delay after the first failure, before jitter; 1 ns..`most`.
    std::chrono::nanoseconds first = std::chrono::milliseconds(100);
    /// No delay is longer; up to 30 days.
    std::chrono::nanoseconds most = std::chrono::seconds(30);
    /// Each delay is this many times the one before; 1..100.
    double factor = 2.0;
    /// The share of a delay that is drawn at random, 0..1: with 0.5 a delay of 8 s is between 4 s and 8 s.
    double jitter = 0.5;
  };

  backoff() : backoff(options{}) {}

  /// Throws: std::invalid_argument for an option out of its range.
  explicit backoff(options chosen) : options_(chosen) {
    using std::chrono::nanoseconds;
    require(chosen.most >= nanoseconds(1) && chosen.most <= std::chrono::hours(24 * 30),
            "most must be 1..2592000000000000 ns", std::to_string(chosen.most.count()));
    require(chosen.first >= nanoseconds(1) && chosen.first <= chosen.most, "first must be 1 ns..most",
            std::to_string(chosen.first.count()) + " ns");
    // Written so that a NaN is refused as well.
    require(chosen.factor >= 1.0 && chosen.factor <= 100.0, "factor must be 1..100",
            std::to_string(chosen.factor));
    require(chosen.jitter >= 0.0 && chosen.jitter <= 1.0, "jitter must be 0..1",
            std::to_string(chosen.jitter));
  }

  /// Returns: the longest delay after this many failures in a row; none after none.
  [[nodiscard]] std::chrono::nanoseconds longest_after(std::uint64_t failures) const noexcept {
    if (failures == 0) return std::chrono::nanoseconds(0);
    const auto most = static_cast<double>(options_.most.count());
    const double grown = static_cast<double>(options_.first.count()) *
                         std::pow(options_.factor, static_cast<double>(failures - 1));
    if (!(grown < most)) return options_.most;  // beyond the cap, or beyond what a double holds
    return std::min(options_.most, std::chrono::nanoseconds(static_cast<std::int64_t>(grown)));
  }

  /// Returns: a delay after this many failures in a row, drawn with `random`.
  template <std::uniform_random_bit_generator Random>
  [[nodiscard]] std::chrono::nanoseconds after(std::uint64_t failures, Random& random) const {
    const std::chrono::nanoseconds longest = longest_after(failures);
    const auto spread = static_cast<std::int64_t>(static_cast<double>(longest.count()) * options_.jitter);
    std::uniform_int_distribution<std::int64_t> draw(0, std::min(spread, longest.count()));
    return longest - std::chrono::nanoseconds(draw(random));
  }

 private:
  static void require(bool is_good, const char* field_and_range, const std::string& value) {
    if (!is_good) throw std::invalid_argument("backoff: " + std::string(field_and_range) + ", got " + value);
  }

  options options_;
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace hasten {

/// Says of each caller whether it has asked too often: so many times a second on average, with bursts up to a bound.
///
/// Callers are told apart by a 64-bit key, for example a keyed hash of an address. Memory is fixed: where more callers
/// are active than `keys_max`, one that shares its eight places with too many others is forgotten early and may
/// ask a burst more than it should. The wrong tool for a limit over several processes, and for work that has to wait its
/// turn instead of being refused (a queue).
///
/// Thread safety: thread-safe.
///
///     hasten::rate_limiter<> limiter({.per_second = 50, .burst = 100});
///     if (const auto verdict = limiter.ask(key_of(address)); !verdict.allowed) return too_many(verdict.retry_after);
///
/// Source: the generic cell rate algorithm in its virtual scheduling form (ITU-T I.371, annex A), which keeps a single
/// time per caller.
template <clock_source Clock = steady_clock_source>
class rate_limiter {
 public:
  struct options {
    double per_second = 100;  ///< 0.001..1'000'000, of one caller on average
    unsigned burst = 200;     ///< 1..1'000'000, at once after a pause
    std::size_t keys_max =
        65'536;  ///< 8..16'777'216, rounded up to a power of two; 8 bytes and a key of 8 each
  };

  struct verdict {
    bool allowed = false;
    unsigned remaining = 0;                   ///< how many more would be allowed at once
    std::chrono::nanoseconds retry_after{0};  ///< when one would be allowed; zero if allowed
    std::chrono::nanoseconds full_after{0};   ///< when the whole burst is there again
  };

  /// Throws: std::invalid_argument if an option is out of its range.
  explicit rate_limiter(options chosen, Clock clock = {}) : options_(checked(chosen)), clock_(clock) {
    change(options_);
    sets_ = std::vector<places>(std::bit_ceil(options_.keys_max) / ways);
  }

  /// Goes by another rate and burst from now on; what callers have asked so far still counts. `keys_max` stays as it is.
  /// Throws: std::invalid_argument if an option is out of its range; then nothing changes.
  void change(options chosen) {
    chosen.keys_max = options_.keys_max;
    const options accepted = checked(chosen);
    per_second_ = accepted.per_second;
    // A request that sees only one of the two judges itself by a mixture, once.
    interval_ = static_cast<std::int64_t>(1e9 / accepted.per_second);
    burst_ = accepted.burst;
  }

  /// Counts a request of `key` if it is allowed.
  /// Blocks on: another caller of the same place, for nanoseconds. Complexity: constant.
  verdict ask(std::uint64_t key) {
    const steady_time now = clock_.now();
    const std::uint64_t mixed = mix(key);
    const std::size_t set = mixed & (sets_.size() - 1);
    const std::lock_guard lock(locks_[set % locks_.size()]);
    place& found = find(sets_[set], key, now);
    const steady_time begins = std::max(found.due, now);
    const auto debt = begins - now;
    const std::chrono::nanoseconds interval(interval_);
    const std::chrono::nanoseconds tolerance = interval * (burst_ - 1);
    if (debt > tolerance) return said(false, debt, debt - tolerance, tolerance + interval, interval);
    found.due = begins + interval;
    return said(true, debt + interval, std::chrono::nanoseconds(0), tolerance + interval, interval);
  }

  /// Returns: what it goes by now.
  [[nodiscard]] options limits() const noexcept {
    return {.per_second = per_second_, .burst = burst_, .keys_max = options_.keys_max};
  }

 private:
  static constexpr std::size_t ways = 8;

  struct place {
    std::uint64_t key = 0;
    steady_time due{};  // when all that was asked is paid for
  };
  using places = std::array<place, ways>;

  static options checked(const options& given) {
    const auto refuse = [](const char* field, const std::string& value, const char* range) {
      throw std::invalid_argument(std::string("rate_limiter: ") + field + " must be " + range + ", got " +
                                  value);
    };
    if (!(given.per_second >= 0.001 && given.per_second <= 1e6))
      refuse("per_second", std::to_string(given.per_second), "0.001..1000000");
    if (given.burst < 1 || given.burst > 1'000'000)
      refuse("burst", std::to_string(given.burst), "1..1000000");
    if (given.keys_max < ways || given.keys_max > 16'777'216)
      refuse("keys_max", std::to_string(given.keys_max), "8..16777216");
    return given;
  }

  // The finaliser of MurmurHash3 (Appleby): keys may be small numbers.
  static std::uint64_t mix(std::uint64_t key) noexcept {
    key ^= key >> 33;
    key *= 0xff51afd7ed558ccdULL;
    key ^= key >> 33;
    key *= 0xc4ceb9fe1a85ec53ULL;
    return key ^ (key >> 33);
  }

  // The caller's own place, or that of whoever owes least.
  static place& find(places& set, std::uint64_t key, steady_time now) {
    place* least = &set[0];
    for (place& each : set) {
      if (each.key == key && each.due != steady_time{}) return each;
      if (each.due < least->due) least = &each;
    }
    *least = {.key = key, .due = now};
    return *least;
  }

  static verdict said(bool allowed, std::chrono::nanoseconds debt, std::chrono::nanoseconds retry_after,
                      std::chrono::nanoseconds whole, std::chrono::nanoseconds interval) {
    return {.allowed = allowed,
            .remaining = static_cast<unsigned>(std::max((whole - debt) / interval, std::int64_t{0})),
            .retry_after = retry_after,
            .full_after = debt};
  }

  const options options_;
  Clock clock_;
  std::atomic<double> per_second_{1};
  std::atomic<std::int64_t> interval_{1};  // nanoseconds that a request pays
  std::atomic<unsigned> burst_{1};
  std::vector<places> sets_;
  std::array<std::mutex, 64> locks_;
};

}  // namespace hasten

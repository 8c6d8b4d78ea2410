// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/brief_lock.hpp>
#include <hasten/cache/detail/cache_model.hpp>
#include <hasten/core/clock.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace hasten {

/// What a cache of another size would hit, as estimated.
/// Thread safety: immutable.
struct miss_ratio_point {
  std::size_t entries = 0;
  double hit_rate = 0;  ///< 0 to 1
};

/// An estimate by miss_ratio_curve.
/// Thread safety: immutable.
struct miss_ratio_estimate {
  std::vector<miss_ratio_point>
      points;                 ///< at a half, once, twice and four times the size; empty without lookups
  double expired_share = 0;   ///< of all misses, those of entries that were there but whose time was over
  std::uint64_t sampled = 0;  ///< lookups that the estimate rests on; below some thousands it is a guess
};

/// How often a cache would hit if it were smaller or larger, estimated all the time from a sample of its keys.
///
/// Four small models of the cache, under its own eviction policy, see one key in many (chosen by hash, every lookup of
/// it) and are smaller than the real sizes in the same proportion (MiniSim after SHARDS). Misses in the models, scaled
/// up, estimate misses; the model of the true size says how far off they are together, and the others are corrected by
/// that. The memory is that of `memory_max`; the time is nothing for keys outside the sample. The estimate gets better
/// with the number of modelled entries: some points of hit rate at a hundred, under one at a thousand.
///
/// Ends of entries are modelled too: what expires is a miss at every size.
/// Thread safety: thread-safe.
///
///     hasten::miss_ratio_curve curve({.entries_max = 100'000});
///     if (curve.samples(hash)) curve.looked_up(hash, clock.now());     // at every lookup
///     curve.estimate(hits, misses).points[2].hit_rate;                 // at twice the size
class miss_ratio_curve {
 public:
  struct options {
    /// The size of the cache that is watched; 1 to 2^28.
    std::size_t entries_max = 10'000;
    /// Memory for the models, in bytes; 4 KiB to 16 MiB. The more, the better the estimate and the more keys are
    /// followed.
    std::size_t memory_max = 32 * 1024;
    /// How long an entry is served that nobody told the end of; zero: for ever. Not negative.
    std::chrono::nanoseconds ttl = std::chrono::nanoseconds::zero();
  };

  static constexpr std::size_t sizes = 4;

  /// Throws: std::invalid_argument if an option is out of its range.
  explicit miss_ratio_curve(const options& chosen)
      : options_(checked(chosen)), shift_(shift_for(chosen)), models_(make_models()) {}

  /// Whether lookups of keys with this hash are to be told. The hash must be well mixed in its middle bits.
  [[nodiscard]] bool samples(std::uint64_t hash) const noexcept { return (hash & mask()) == 0; }
  /// The bits of a hash that are all zero in the sample.
  [[nodiscard]] std::uint64_t mask() const noexcept {
    return ((std::uint64_t{1} << shift_) - 1) << first_sample_bit;
  }

  /// A lookup, whatever its outcome, of a key that samples() chose. Blocks on: the lock, for a fraction of a microsecond.
  void looked_up(std::uint64_t hash, steady_time now) noexcept {
    const std::scoped_lock lock(mutex_);
    ++sampled_;
    const end at = ticks(now);
    const end until = options_.ttl == options_.ttl.zero() ? model::no_end : ticks(later(now, options_.ttl));
    for (std::size_t i = 0; i < sizes; ++i) {
      const model::seen seen = models_[i].look_up(static_cast<std::uint32_t>(hash), at, until);
      misses_[i] += seen != model::seen::hit;
      if (i == own_size) expired_ += seen == model::seen::expired;
    }
  }

  /// An entry of a key that samples() chose was stored, to be served until `until` (steady_time::max(): for ever).
  /// `loaded`: because it was missed, so a larger cache would not have needed to.
  void stored(std::uint64_t hash, steady_time now, steady_time until, bool loaded) noexcept {
    const std::scoped_lock lock(mutex_);
    for (auto& each : models_)
      each.stored(static_cast<std::uint32_t>(hash), ticks(now),
                  until == steady_time::max() ? model::no_end : ticks(until), loaded);
  }

  /// A key that samples() chose was removed.
  void erased(std::uint64_t hash) noexcept {
    const std::scoped_lock lock(mutex_);
    for (auto& each : models_) each.erase(static_cast<std::uint32_t>(hash));
  }

  /// Every key was removed. Throws: std::bad_alloc; then nothing is changed.
  void cleared() {
    auto fresh = make_models();
    const std::scoped_lock lock(mutex_);
    models_.swap(fresh);
  }

  /// Begins the counts anew; what the models hold stays.
  void reset() noexcept {
    const std::scoped_lock lock(mutex_);
    misses_ = {};
    expired_ = 0;
    sampled_ = 0;
  }

  /// Returns: the estimate for a cache that counted `hits` and `misses` since the last reset.
  [[nodiscard]] miss_ratio_estimate estimate(std::uint64_t hits, std::uint64_t misses) const {
    miss_ratio_estimate result;
    result.points.reserve(sizes);
    const std::scoped_lock lock(mutex_);
    result.sampled = sampled_;
    const std::uint64_t lookups = hits + misses;
    if (lookups == 0 || sampled_ == 0) return result;
    // Lookups of all keys that ought to be in the sample: of its own hot keys there may be one more or less, whose
    // hits say nothing. Only misses are counted, and those are spread over many keys.
    const double expected = static_cast<double>(lookups) / static_cast<double>(std::uint64_t{1} << shift_);
    const double missed = static_cast<double>(misses) / static_cast<double>(lookups);
    const double own = static_cast<double>(misses_[own_size]) / expected;
    double best = 0;
    for (std::size_t i = 0; i < sizes; ++i) {
      const double modelled = static_cast<double>(misses_[i]) / expected;
      const double corrected = own > 0 ? missed * modelled / own : missed;
      best = std::max(best, std::clamp(1 - corrected, 0.0, 1.0));
      result.points.push_back({entries_of(i), best});
    }
    if (misses_[own_size] != 0)
      result.expired_share = static_cast<double>(expired_) / static_cast<double>(misses_[own_size]);
    return result;
  }

  /// Returns: how many entries the model of the true size has: what the error depends on.
  [[nodiscard]] std::size_t modelled_entries() const noexcept { return scaled(own_size); }

  /// Returns: the bytes that all models take.
  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t total = sizeof(*this);
    const std::scoped_lock lock(mutex_);
    for (const auto& each : models_) total += each.bytes();
    return total;
  }

 private:
  using model = detail::cache_model;
  using end = model::end;

  static constexpr std::size_t own_size = 1;        // index of the true size among the models
  static constexpr unsigned first_sample_bit = 32;  // of a hash: neither shard nor place depends on it
  static constexpr unsigned shift_min = 3;          // at most one key in eight, for the time it takes
  static constexpr unsigned shift_max = 16;

  static options checked(const options& chosen) {
    const auto refuse = [](const std::string& sentence) {
      throw std::invalid_argument("miss_ratio_curve: " + sentence);
    };
    if (chosen.entries_max < 1 || chosen.entries_max > std::size_t{1} << 28)
      refuse("entries_max must be 1..2^28, got " + std::to_string(chosen.entries_max));
    if (chosen.memory_max < 4096 || chosen.memory_max > std::size_t{1} << 24)
      refuse("memory_max must be 4096..2^24, got " + std::to_string(chosen.memory_max));
    if (chosen.ttl < chosen.ttl.zero())
      refuse("ttl must not be negative, got " + std::to_string(chosen.ttl.count()) + " ns");
    return chosen;
  }

  /// The largest sample that fits the memory.
  static unsigned shift_for(const options& chosen) noexcept {
    const std::size_t affordable =
        chosen.memory_max / model::bytes_per_entry * 2 / 15;  // a half + 1 + 2 + 4 times
    unsigned shift = shift_min;
    while (shift < shift_max && chosen.entries_max >> shift > affordable) ++shift;
    return shift;
  }

  [[nodiscard]] std::size_t entries_of(std::size_t size) const noexcept {
    return std::max<std::size_t>(1, (options_.entries_max << size) / 2);
  }
  [[nodiscard]] std::uint32_t scaled(std::size_t size) const noexcept {
    const std::size_t unit = std::size_t{1} << shift_;
    return static_cast<std::uint32_t>(
        std::clamp<std::size_t>((entries_of(size) + unit / 2) / unit, 2, 65'534));
  }
  [[nodiscard]] std::array<model, sizes> make_models() const {
    return {model(scaled(0)), model(scaled(1)), model(scaled(2)), model(scaled(3))};
  }

  [[nodiscard]] static steady_time later(steady_time from, std::chrono::nanoseconds by) noexcept {
    return by >= steady_time::max() - from ? steady_time::max() : from + by;
  }
  /// Units of a quarter of a second, even, for some seventeen years.
  [[nodiscard]] static end ticks(steady_time at) noexcept {
    const auto units =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, at.time_since_epoch().count())) >> 27;
    return static_cast<end>(std::min<std::uint64_t>(units * 2, model::no_end));
  }

  const options options_;
  const unsigned shift_;
  mutable detail::brief_lock mutex_;  // guards all below
  std::array<model, sizes> models_;
  std::array<std::uint64_t, sizes> misses_{};
  std::uint64_t expired_ = 0;  // of the misses at the true size
  std::uint64_t sampled_ = 0;
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace hasten {

/// How a memory_cache is made; known to users as memory_cache<…>::options.
/// Thread safety: thread-compatible.
struct memory_cache_options {
  /// The most entries held at any time; 1 to 2^28.
  std::size_t entries_max = 10'000;
  /// How long an entry is served after it was put or loaded; zero: for ever. Not negative.
  std::chrono::nanoseconds ttl = std::chrono::nanoseconds::zero();
  /// How long a caller waits for another caller's load of the same key; more than zero.
  std::chrono::nanoseconds load_wait = std::chrono::seconds(5);
  /// Independent parts, each with a lock: a power of two, 1 to 1024, at most entries_max. Zero: chosen from the
  /// number of cores so that each part has at least 256 entries.
  unsigned shards = 0;
  /// Seed of the hash. Zero: drawn at random, so that nobody can make up keys that collide.
  std::uint64_t seed = 0;
  /// By up to which part of itself `ttl` is shortened, at random for each entry, so that entries made together do
  /// not end together; 0 to 0.5. Does not touch a ttl given with an entry.
  double ttl_jitter = 0;
  /// How long an absent answer is served: an empty optional, where Value is a std::optional. Zero: as `ttl` says.
  std::chrono::nanoseconds ttl_absent = std::chrono::nanoseconds::zero();
  /// For how long after its end an entry still serves get_or_load() when the loader fails. Zero: not at all, the
  /// failure reaches the caller.
  std::chrono::nanoseconds stale_max = std::chrono::nanoseconds::zero();
  /// After such a failure, how long the old value is served before the loader is tried again; more than zero.
  std::chrono::nanoseconds stale_retry = std::chrono::seconds(1);

  /// Throws: std::invalid_argument if an option is out of its range, naming it.
  void validate() const {
    constexpr std::size_t entries_limit = std::size_t{1} << 28;
    if (entries_max < 1 || entries_max > entries_limit)
      refuse("entries_max must be 1..2^28, got " + std::to_string(entries_max));
    refuse_negative("ttl", ttl);
    refuse_negative("ttl_absent", ttl_absent);
    refuse_negative("stale_max", stale_max);
    refuse_unless_positive("load_wait", load_wait);
    refuse_unless_positive("stale_retry", stale_retry);
    if (!(ttl_jitter >= 0 && ttl_jitter <= 0.5))
      refuse("ttl_jitter must be 0..0.5, got " + std::to_string(ttl_jitter));
    if (shards > 1024 || (shards & (shards - 1)) != 0 || shards > entries_max)
      refuse("shards must be 0 or a power of two up to 1024 and entries_max, got " + std::to_string(shards));
  }

 private:
  [[noreturn]] static void refuse(const std::string& sentence) {
    throw std::invalid_argument("memory_cache: " + sentence);
  }
  static void refuse_negative(const char* field, std::chrono::nanoseconds value) {
    if (value < value.zero())
      refuse(std::string(field) + " must not be negative, got " + std::to_string(value.count()) + " ns");
  }
  static void refuse_unless_positive(const char* field, std::chrono::nanoseconds value) {
    if (value <= value.zero())
      refuse(std::string(field) + " must be more than zero, got " + std::to_string(value.count()) + " ns");
  }
};

/// What a loader may return instead of a plain value, to say how long this one is served. Zero: for ever.
/// Thread safety: thread-compatible.
///
///     cache.get_or_load(key, [&] { return hasten::value_for{fetch(key), 10s}; });
template <class Value>
struct value_for {
  Value value;
  std::chrono::nanoseconds ttl;
};
template <class Value, class Duration>
value_for(Value, Duration) -> value_for<Value>;

namespace detail {
template <class T>
inline constexpr bool names_its_ttl = false;
template <class T>
inline constexpr bool names_its_ttl<value_for<T>> = true;
}  // namespace detail

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/cache_tags.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace hasten {

/// What a memory_cache finds out about its keys beyond sums, part of memory_cache_options. All of it is sampled, so that
/// lookups do not slow down; all of it is off unless asked for.
/// Thread safety: thread-compatible.
struct insight_options {
  /// How many of the keys asked for most are followed by name; zero: none. At most 4096.
  std::size_t hot_keys_max = 0;
  /// How many namespaces (what stands before the first colon of a text key) get a row of statistics; zero: none. At most
  /// 1024; later ones share a row.
  std::size_t namespaces_max = 0;
  /// Whether to estimate what the cache would hit at other sizes: takes 1 % of the cache's memory, but 8 KiB at least, which is
  /// more where the cache takes less than 800 KiB, and 256 KiB at most.
  bool miss_ratios = false;
  /// Of how many lookups of a thread one is a sample for keys and namespaces, on average. Zero: as many as cost nothing
  /// that could be measured, all of them where there are few. One: all, exactly.
  std::size_t sample_every = 0;
};

/// How a memory_cache is made; known to users as memory_cache<…>::options.
/// Thread safety: thread-compatible.
struct memory_cache_options {
  /// The most entries held at any time; 1 to 2^28.
  std::size_t entries_max = 10'000;
  /// The most that resize() may later make of entries_max; up to 2^28. Memory for so many is set aside, but most of it is
  /// not touched before it is needed. Zero: entries_max.
  std::size_t entries_limit = 0;
  /// The most that all entries weigh together, at any time, by the weight() of the cache's rules; up to 2^62. A value that
  /// alone weighs more is not kept. Zero: no bound; the only choice without such rules.
  std::uint64_t weight_max = 0;
  /// How long an entry is served after it was put or loaded; zero: for ever. Not negative.
  std::chrono::nanoseconds ttl = std::chrono::nanoseconds::zero();
  /// How long an entry is served after it was last asked for or put, or up to a sixteenth longer; zero: for ever. Not negative,
  /// at most 100 years. Its ttl ends it all the same.
  std::chrono::nanoseconds idle_max = std::chrono::nanoseconds::zero();
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
  /// After this long an entry is due: get_or_load() with an executor has a newer value loaded in the background and serves
  /// the old one meanwhile. Less than `ttl`; taken in proportion where an entry has a ttl of its own. Zero: never.
  std::chrono::nanoseconds soft_ttl = std::chrono::nanoseconds::zero();
  /// Makes entries due by chance, the earlier the slower their loader, so that many processes do not load at the same
  /// moment (XFetch). 1 is usual, zero: not at all; at most 100. Needs get_or_load() with an executor, as soft_ttl does.
  double early_beta = 0;
  /// After such a failure, or one of a load in the background, how long the old value is served before the loader is tried
  /// again; more than zero.
  std::chrono::nanoseconds stale_retry = std::chrono::seconds(1);
  /// What to find out about keys, namespaces and other sizes; nothing.
  insight_options insight = {};

  /// Throws: std::invalid_argument if an option is out of its range, naming it.
  void validate() const {
    if (entries_max < 1 || entries_max > entries_most)
      refuse("entries_max must be 1..2^28, got " + std::to_string(entries_max));
    if (entries_limit != 0 && (entries_limit < entries_max || entries_limit > entries_most))
      refuse("entries_limit must be 0 or entries_max..2^28, got " + std::to_string(entries_limit));
    refuse_above_most(weight_max);
    refuse_negative("ttl", ttl);
    refuse_negative("idle_max", idle_max);
    if (idle_max > std::chrono::years(100))
      refuse("idle_max must be at most 100 years, got " + std::to_string(idle_max.count()) + " ns");
    refuse_negative("ttl_absent", ttl_absent);
    refuse_negative("stale_max", stale_max);
    refuse_unless_positive("load_wait", load_wait);
    refuse_unless_positive("stale_retry", stale_retry);
    if (soft_ttl < soft_ttl.zero() || (soft_ttl != soft_ttl.zero() && soft_ttl >= ttl))
      refuse("soft_ttl must be zero or less than ttl, got " + std::to_string(soft_ttl.count()) + " ns");
    if (!(early_beta >= 0 && early_beta <= 100))
      refuse("early_beta must be 0..100, got " + std::to_string(early_beta));
    if (!(ttl_jitter >= 0 && ttl_jitter <= 0.5))
      refuse("ttl_jitter must be 0..0.5, got " + std::to_string(ttl_jitter));
    if (insight.hot_keys_max > 4096)
      refuse("insight.hot_keys_max must be 0..4096, got " + std::to_string(insight.hot_keys_max));
    if (insight.namespaces_max > 1024)
      refuse("insight.namespaces_max must be 0..1024, got " + std::to_string(insight.namespaces_max));
    if (insight.sample_every > 1'000'000)
      refuse("insight.sample_every must be 0..1000000, got " + std::to_string(insight.sample_every));
    if (shards > 1024 || (shards & (shards - 1)) != 0 || shards > entries_max)
      refuse("shards must be 0 or a power of two up to 1024 and entries_max, got " + std::to_string(shards));
  }

  /// Throws: std::invalid_argument if a cache of these options cannot be resized to the bounds, naming the one.
  void validate_resize(std::size_t entries, std::uint64_t weight) const {
    if (entries != 0 && (entries < shards || entries > entries_limit))
      refuse("resize: entries_max must be 0 or shards..entries_limit (" + std::to_string(shards) + ".." +
             std::to_string(entries_limit) + "), got " + std::to_string(entries));
    if (weight != 0 && weight_max == 0)
      refuse("resize: weight_max must be 0 for a cache made without one, got " + std::to_string(weight));
    refuse_above_most(weight);
  }

 private:
  static constexpr std::size_t entries_most = std::size_t{1} << 28;

  static void refuse_above_most(std::uint64_t weight) {
    if (weight > std::uint64_t{1} << 62)
      refuse("weight_max must be at most 2^62, got " + std::to_string(weight));
  }
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

/// What a loader may return instead of a plain value, to say how long this one is served (zero: for ever) and what it
/// belongs to.
/// Thread safety: thread-compatible.
///
///     cache.get_or_load(key, [&] { return hasten::value_for{fetch(key), 10s}; });
template <class Value>
struct value_for {
  Value value;
  std::chrono::nanoseconds ttl;
  cache_tags tags = {};
};
template <class Value, class Duration>
value_for(Value, Duration) -> value_for<Value>;
template <class Value, class Duration>
value_for(Value, Duration, cache_tags) -> value_for<Value>;

namespace detail {
template <class T>
inline constexpr bool names_its_ttl = false;
template <class T>
inline constexpr bool names_its_ttl<value_for<T>> = true;
}  // namespace detail

}  // namespace hasten

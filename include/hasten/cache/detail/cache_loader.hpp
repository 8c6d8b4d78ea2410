// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/cache_stats.hpp>
#include <hasten/cache/detail/entry_columns.hpp>
#include <hasten/cache/memory_cache_options.hpp>
#include <hasten/cache/single_flight.hpp>
#include <hasten/core/clock.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace hasten::detail {

/// The loads of a memory_cache: one for each key at a time, outside every lock, whose result goes to the store unless
/// the key was invalidated meanwhile.
/// Thread safety: thread-safe.
template <class Key, class Value, class Equal, class Store>
class cache_loader {
 public:
  explicit cache_loader(Store& store)
      : store_(store), flights_(std::make_unique<single_flight<Key, Value, Equal>[]>(store.shard_count())) {}
  cache_loader(const cache_loader&) = delete;
  cache_loader& operator=(const cache_loader&) = delete;
  ~cache_loader() = default;

  /// Loads of `key` that are under way still serve those who wait, but are not kept.
  template <class K>
  void forget(std::uint64_t hash, const K& key) {
    flights_of(hash).forget(key);
  }
  template <class Matches>
  void forget_if(Matches&& matches) {
    for (std::size_t index = 0; index < store_.shard_count(); ++index) flights_[index].forget_if(matches);
  }

  /// Returns: the value that `load` returns to this caller or to one who came first.
  template <class K, class Load>
  Value load_once(std::uint64_t hash, const K& key, Load&& load) {
    auto& flights = flights_of(hash);
    const auto place = flights.join(key);
    if (!place.leads) return flights.await(*place.trip, store_.options().load_wait);
    try {
      // The load that this caller just missed may have been kept before it boarded.
      if (std::optional<Value> kept = store_.peek(hash, key, false)) {
        flights.settle(place.trip, *kept, [] {});
        return *std::move(kept);
      }
      std::optional<entry_terms> terms;
      std::optional<Value> value = load_or_stale(hash, key, std::forward<Load>(load), terms);
      if (terms)
        keep(hash, Key(key), *value, *terms, place.trip);
      else
        flights.settle(place.trip, *value, [] {});
      return *std::move(value);
    } catch (...) {
      flights.fail(place.trip, std::current_exception());
      throw;
    }
  }

  /// Adds what is known of loads to `sum`.
  void add_counts(cache_stats& sum) const noexcept {
    sum.loads = loads_.load();
    sum.load_failures = load_failures_.load();
    sum.stale_served = stale_served_.load();
    sum.load_time = std::chrono::nanoseconds(load_time_.load());
  }
  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(*this) + store_.shard_count() * sizeof(single_flight<Key, Value, Equal>);
  }

 private:
  [[nodiscard]] single_flight<Key, Value, Equal>& flights_of(std::uint64_t hash) noexcept {
    return flights_[store_.shard_of(hash)];
  }

  /// Returns: what `load` returned, with its terms; or the old value that stands in for it, without.
  template <class K, class Load>
  std::optional<Value> load_or_stale(std::uint64_t hash, const K& key, Load&& load,
                                     std::optional<entry_terms>& terms) {
    try {
      auto loaded = timed(std::forward<Load>(load));
      if constexpr (names_its_ttl<decltype(loaded)> && !std::is_same_v<decltype(loaded), Value>) {
        terms = store_.terms_for(loaded.ttl);
        store_.tag(*terms, loaded.tags);
        return std::optional<Value>(std::in_place, std::move(loaded.value));
      } else {
        std::optional<Value> value(std::in_place, std::move(loaded));  // in place: it may be a nullopt
        terms = store_.terms_of(*value);
        return value;
      }
    } catch (...) {
      const memory_cache_options& options = store_.options();
      if (options.stale_max == options.stale_max.zero()) throw;
      std::optional<Value> old = store_.peek(hash, key, true);
      if (!old || !store_.extend(hash, key, options.stale_retry)) throw;
      ++stale_served_;
      return old;
    }
  }

  template <class Load>
  auto timed(Load&& load) {
    const steady_time start = store_.clock().now();
    const auto took = [&] {
      load_time_.fetch_add((store_.clock().now() - start) / std::chrono::nanoseconds(1));
    };
    try {
      auto value = std::forward<Load>(load)();
      took();
      ++loads_;
      return value;
    } catch (...) {
      took();
      ++load_failures_;
      throw;
    }
  }

  void keep(std::uint64_t hash, const Key& key, const Value& value, const entry_terms& terms,
            const typename single_flight<Key, Value, Equal>::flight_ptr& trip) {
    auto entry = store_.prepare(hash, key, value);
    flights_of(hash).settle(trip, value, [&] { store_.keep(entry, hash, terms); });
  }

  Store& store_;
  // One for each shard, whose lock comes after theirs.
  const std::unique_ptr<single_flight<Key, Value, Equal>[]> flights_;
  std::atomic<std::uint64_t> loads_ = 0;
  std::atomic<std::uint64_t> load_failures_ = 0;
  std::atomic<std::uint64_t> stale_served_ = 0;
  std::atomic<std::int64_t> load_time_ = 0;  // nanoseconds
};

}  // namespace hasten::detail

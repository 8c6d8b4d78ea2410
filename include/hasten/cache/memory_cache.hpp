// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/cache_hash.hpp>
#include <hasten/cache/cache_stats.hpp>
#include <hasten/cache/detail/cache_shard.hpp>
#include <hasten/cache/detail/entry_arrays.hpp>
#include <hasten/cache/detail/entry_draft.hpp>
#include <hasten/cache/detail/reader_records.hpp>
#include <hasten/cache/memory_cache_options.hpp>
#include <hasten/cache/single_flight.hpp>
#include <hasten/core/clock.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten {

/// A bounded cache in memory that loads what it lacks, once, however many ask for it at the same time.
///
/// Holds at most `entries_max` entries, always; when full, the entry least worth keeping leaves (a windowed
/// TinyLFU over a clock: scans and loops do not flush what is asked for often). A lookup that hits takes no
/// lock and, once the entry is hot, writes nothing that other threads read. The wrong tool where every entry
/// must stay (a map), where the data is as quick to get as a lookup, or where processes must share it.
///
/// Small trivially copyable values are copied out. Others are looked at in place by visit(), or copied by
/// get(); one that is taken out while it is looked at is destroyed by a later call that changes the cache.
/// Loaders, visitors, and the copying and destruction of keys and values run outside every lock and may use
/// the cache; Hash and Equal may not.
///
/// Thread safety: thread-safe.
///
///     hasten::memory_cache<std::string, double> scores({.entries_max = 50'000, .ttl = 1h});
///     double score = scores.get_or_load("claim:42", [&] { return compute_score(42); });
///     scores.erase("claim:42");            // a load already under way will not bring the old value back
///     log("hit rate {}", scores.stats().hit_rate());
template <class Key, class Value, class Hash = cache_hash<Key>, class Equal = std::equal_to<>,
          clock_source Clock = steady_clock_source>
class memory_cache {
 public:
  using options = memory_cache_options;

  /// Throws: std::invalid_argument if an option is out of its range.
  explicit memory_cache(options chosen, Clock clock = {})
      : options_(validated(chosen)),
        clock_(std::move(clock)),
        hash_{seed_of(options_)},
        entries_(options_.shards, quota(0), quota(0) + shard::spare,
                 options_.stale_max != options_.stale_max.zero()) {
    parts_.reserve(options_.shards);
    for (std::size_t index = 0; index < options_.shards; ++index)
      parts_.push_back(std::make_unique<part>(entries_, index, quota(index), hash_, readers_));
  }
  memory_cache() : memory_cache(options{}) {}
  memory_cache(const memory_cache&) = delete;
  memory_cache& operator=(const memory_cache&) = delete;
  ~memory_cache() = default;

  /// Returns: a copy of the value, or nothing if there is none or its time is over.
  /// Throws: what copying a Value throws. Blocks on: nothing.
  template <class K = Key>
  [[nodiscard]] std::optional<Value> get(const K& key) {
    std::optional<Value> result;
    visit(key, [&](const Value& value) { result.emplace(value); });
    return result;
  }

  /// Calls `look(const Value&)` on the value, without copying it unless it is small and trivially copyable.
  /// `look` may use the cache, visits included up to eight deep; the reference ends with the call.
  /// Returns: whether there was a value. Throws: what `look` throws. Blocks on: nothing.
  template <class K = Key, class Look>
  bool visit(const K& key, Look&& look) {
    decltype(auto) wanted = lookup_key(key);
    const std::uint64_t hash = hash_(wanted);
    return look_up(hash, wanted, std::forward<Look>(look));
  }

  /// Stores a value under the cache's own ttl, in place of the one there was. A load under way does not replace it.
  /// Throws: what moving or copying a Key or Value throws; std::bad_alloc. Blocks on: the shard lock.
  void put(Key key, Value value) {
    const detail::entry_ends until = own_ends(value);
    store(std::move(key), std::move(value), until);
  }

  /// Stores a value to be served for `ttl`; zero: for ever.
  /// Throws: std::invalid_argument if `ttl` is negative; else as put(key, value).
  void put(Key key, Value value, std::chrono::nanoseconds ttl) {
    const detail::entry_ends until = ends_after(ttl);
    store(std::move(key), std::move(value), until);
  }

  /// Returns the value of `key`, from the cache or else from `load()`, whose result is kept. Of all callers
  /// that miss the same key at the same time one loads; the others wait for its result. `load` returns a Value, or a
  /// value_for<Value> with a ttl of its own. If it throws and an old value may stand in (`stale_max`), that is returned.
  /// Throws: what `load` threw, to everybody who waited, and nothing is kept; hasten::error(timeout) to those
  /// who waited longer than `load_wait`; hasten::error(recursive_load) if `load` asks for the same key.
  /// Blocks on: nothing on a hit; else the loader of the same key.
  template <class K = Key, class Load>
  [[nodiscard]] Value get_or_load(const K& key, Load&& load) {
    decltype(auto) wanted = lookup_key(key);
    const std::uint64_t hash = hash_(wanted);
    std::optional<Value> result;
    if (look_up(hash, wanted, [&](const Value& value) { result.emplace(value); })) return *std::move(result);
    return load_once(hash, wanted, std::forward<Load>(load));
  }

  /// As get_or_load(), for a caller who has just missed `key` with get() or visit(): the two together count as one
  /// lookup. For looking on a thread that must not block and loading on another.
  template <class K = Key, class Load>
  Value load(const K& key, Load&& loader) {
    decltype(auto) wanted = lookup_key(key);
    return load_once(hash_(wanted), wanted, std::forward<Load>(loader));
  }

  /// Removes an entry. A load of it that is under way still serves those who wait, but is not kept.
  /// Returns: whether there was an entry. Blocks on: the shard lock.
  template <class K = Key>
  bool erase(const K& key) {
    decltype(auto) wanted = lookup_key(key);
    const std::uint64_t hash = hash_(wanted);
    part& home = part_of(hash);
    home.flights.forget(wanted);
    const bool removed = home.entries.erase(local(hash), wanted);
    home.entries.sweep(true);
    return removed;
  }

  /// Removes every entry whose key begins with `prefix`; loads under way as in erase(). Entries put meanwhile
  /// may stay. Returns: how many were removed. Blocks on: the shard locks, a few entries at a time.
  /// Complexity: linear in entries_max.
  std::size_t erase_prefix(std::string_view prefix)
    requires std::convertible_to<const Key&, std::string_view>
  {
    return erase_where([&](std::string_view key) { return key.starts_with(prefix); });
  }

  /// Removes every entry; otherwise as erase_prefix().
  void clear() {
    erase_where([](const auto&) { return true; });
  }

  /// Returns: how many entries there are, those included that are expired but not removed yet.
  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t total = 0;
    for (const auto& each : parts_) total += each->entries.size();
    return total;
  }

  /// Returns: what happened since the start or the last reset. Complexity: linear in shards and threads.
  [[nodiscard]] cache_stats stats() const {
    const std::scoped_lock lock(stats_mutex_);
    cache_stats now = totals();
    now.hits -= baseline_.hits;
    now.misses -= baseline_.misses;
    now.loads -= baseline_.loads;
    now.load_failures -= baseline_.load_failures;
    now.stale_served -= baseline_.stale_served;
    now.load_time -= baseline_.load_time;
    now.evictions_size -= baseline_.evictions_size;
    now.evictions_expired -= baseline_.evictions_expired;
    now.removals -= baseline_.removals;
    now.replaced -= baseline_.replaced;
    now.dropped -= baseline_.dropped;
    return now;
  }

  /// Returns: the bytes that the cache itself takes, keys and values included, but not what they point to.
  [[nodiscard]] std::size_t memory() const noexcept {
    std::size_t total = sizeof(*this) + entries_.bytes();
    for (const auto& each : parts_) total += sizeof(part) - sizeof(shard) + each->entries.bytes();
    return total;
  }

  /// Begins all counts anew; the entries stay.
  void reset_stats() {
    const std::scoped_lock lock(stats_mutex_);
    baseline_ = totals();
  }

 private:
  using hasher = detail::seeded_hash<Key, Hash>;
  using shard = detail::cache_shard<Key, Value, Equal, hasher>;
  using arrays = typename shard::arrays;

  struct part {
    part(arrays& all, std::size_t index, std::uint32_t quota, hasher hash, detail::reader_records& readers)
        : entries(all, index, quota, hash, readers) {}
    shard entries;
    single_flight<Key, Value, Equal> flights;  // locked before `entries`, never after
  };

  static options validated(options chosen) {
    chosen.validate();
    if (chosen.shards == 0) {
      const std::size_t wanted = std::size_t{4} * std::max(1U, std::thread::hardware_concurrency());
      const std::size_t filled = std::max<std::size_t>(1, chosen.entries_max / 256);
      chosen.shards = static_cast<unsigned>(
          std::bit_floor(std::clamp<std::size_t>(wanted, 1, std::min<std::size_t>(filled, 1024))));
    }
    return chosen;
  }

  static std::uint64_t seed_of(const options& chosen) {
    if (chosen.seed != 0) return chosen.seed;
    std::random_device source;
    return std::uint64_t{source()} << 32 | source();
  }

  /// What `key` is looked up as: itself where Hash and Equal take it, a string_view for texts, else a Key.
  template <class K>
  static decltype(auto) lookup_key(const K& key) {
    if constexpr (std::is_same_v<K, Key>)
      return (key);
    else if constexpr (std::convertible_to<const Key&, std::string_view> &&
                       std::convertible_to<const K&, std::string_view>)
      return std::string_view(key);
    else if constexpr (requires { typename Hash::is_transparent; })
      return (key);
    else
      return static_cast<Key>(key);
  }

  [[nodiscard]] static std::uint32_t local(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash);
  }
  [[nodiscard]] part& part_of(std::uint64_t hash) const noexcept { return *parts_[entries_.shard_of(hash)]; }
  /// The share of a shard: entries_max in equal parts, the remainder spread over the first ones.
  [[nodiscard]] std::uint32_t quota(std::size_t index) const noexcept {
    const std::size_t count = options_.shards;
    return static_cast<std::uint32_t>(options_.entries_max / count +
                                      (index < options_.entries_max % count ? 1 : 0));
  }

  [[nodiscard]] auto now_function() const noexcept {
    return [this]() noexcept -> detail::entry_end { return clock_.now().time_since_epoch().count(); };
  }
  [[nodiscard]] static detail::entry_end later(detail::entry_end from, std::chrono::nanoseconds by) noexcept {
    return by.count() >= detail::never - from ? detail::never : from + by.count();
  }

  [[nodiscard]] detail::entry_ends ends_after(std::chrono::nanoseconds ttl) {
    if (ttl < ttl.zero())
      throw std::invalid_argument("memory_cache: ttl must not be negative, got " +
                                  std::to_string(ttl.count()) + " ns");
    if (ttl == ttl.zero()) return {};
    entries_.make_room_for_ends();
    const detail::entry_end served = later(now_function()(), ttl);
    return {served, later(served, options_.stale_max)};
  }

  /// The ends of a value that was given none: by the options.
  [[nodiscard]] detail::entry_ends own_ends(const Value& value) {
    if constexpr (requires { value.has_value(); })
      if (options_.ttl_absent != options_.ttl_absent.zero() && !value.has_value())
        return ends_after(options_.ttl_absent);
    if (options_.ttl_jitter == 0 || options_.ttl == options_.ttl.zero()) return ends_after(options_.ttl);
    // relaxed: any number will do, as long as they differ
    const std::uint64_t draw =
        detail::fold(draws_.fetch_add(1, std::memory_order_relaxed) ^ hash_.seed, detail::odd_bits[1]);
    const double share = static_cast<double>(draw >> 11) * 0x1p-53 * options_.ttl_jitter;
    const auto less = std::chrono::nanoseconds(
        static_cast<std::int64_t>(static_cast<double>(options_.ttl.count()) * share));
    return ends_after(options_.ttl - less);
  }

  void store(Key key, Value value, detail::entry_ends until) {
    const std::uint64_t hash = hash_(key);
    part& home = part_of(hash);
    home.flights.forget(key);
    if constexpr (shard::copies) {
      home.entries.put(local(hash), key, value, until, now_function());
    } else {
      detail::entry_draft entry(home.entries, key, std::move(value));
      entry.store(local(hash), key, until, now_function());
    }
  }

  template <class K, class Look>
  bool look_up(std::uint64_t hash, const K& key, Look&& look) {
    const detail::reader_records::lease reader(readers_);
    const detail::found outcome = read(*reader, hash, key, now_function(), [&](const Value& value) {
      reader->count_hit();
      look(value);
    });
    if (outcome == detail::found::hit) [[likely]]
      return true;
    reader->count_miss();
    if (outcome == detail::found::expired) remove_expired(hash, key);
    return false;
  }

  /// Looks up without counting.
  template <class K, class Now, class Use>
  detail::found read([[maybe_unused]] detail::reader_record& reader, std::uint64_t hash, const K& key,
                     Now now, Use&& use) {
    if constexpr (shard::copies) {
      auto result = entries_.read_copy(hash, key, now);
      if (result.outcome == detail::found::torn) [[unlikely]]
        result = read_disturbed(hash, key, now);
      if (result.outcome == detail::found::hit) [[likely]]
        use(result.value.get());
      return result.outcome;
    } else {
      detail::pin guard(reader, readers_.light());
      return entries_.read_pinned(hash, key, guard, now, use);
    }
  }

  template <class K, class Now>
  [[gnu::noinline]] typename arrays::copy_found read_disturbed(std::uint64_t hash, const K& key, Now now) {
    constexpr int patience = 4;
    const auto attempt = [&] { return entries_.read_copy(hash, key, now); };
    for (int i = 0; i < patience; ++i)
      if (const auto result = attempt(); result.outcome != detail::found::torn) return result;
    return part_of(hash).entries.undisturbed(attempt);
  }

  template <class K>
  [[gnu::noinline]] void remove_expired(std::uint64_t hash, const K& key) {
    part& home = part_of(hash);
    home.entries.erase_expired(local(hash), key, now_function());
    home.entries.sweep(false);
  }

  template <class K, class Load>
  Value load_once(std::uint64_t hash, const K& key, Load&& load) {
    part& home = part_of(hash);
    const auto place = home.flights.join(key);
    if (!place.leads) return home.flights.await(*place.trip, options_.load_wait);
    try {
      // The load that this caller just missed may have been kept before it boarded.
      if (std::optional<Value> kept = look_again(hash, key, false)) {
        home.flights.settle(place.trip, *kept, [] {});
        return *std::move(kept);
      }
      std::optional<detail::entry_ends> until;
      std::optional<Value> value = load_or_stale(hash, key, std::forward<Load>(load), until);
      if (until)
        keep(hash, Key(key), *value, *until, place.trip);
      else
        home.flights.settle(place.trip, *value, [] {});
      return *std::move(value);
    } catch (...) {
      home.flights.fail(place.trip, std::current_exception());
      throw;
    }
  }

  /// Returns: what `load` returned, with its ends in `until`; or the old value that stands in for it, without.
  template <class K, class Load>
  std::optional<Value> load_or_stale(std::uint64_t hash, const K& key, Load&& load,
                                     std::optional<detail::entry_ends>& until) {
    try {
      auto loaded = timed(std::forward<Load>(load));
      if constexpr (detail::names_its_ttl<decltype(loaded)> && !std::is_same_v<decltype(loaded), Value>) {
        until = ends_after(loaded.ttl);
        return std::optional<Value>(std::in_place, std::move(loaded.value));
      } else {
        std::optional<Value> value(std::in_place, std::move(loaded));  // in place: it may be a nullopt
        until = own_ends(*value);
        return value;
      }
    } catch (...) {
      if (options_.stale_max == options_.stale_max.zero()) throw;
      std::optional<Value> old = look_again(hash, key, true);
      const auto now = now_function();
      if (!old || !part_of(hash).entries.extend(local(hash), key, later(now(), options_.stale_retry), now))
        throw;
      ++stale_served_;
      return old;
    }
  }

  /// Looks up without counting; with `stale`, an entry that is over but kept will do.
  template <class K>
  std::optional<Value> look_again(std::uint64_t hash, const K& key, bool stale) {
    std::optional<Value> value;
    const detail::reader_records::lease reader(readers_);
    // An entry's time is not over yet if the time is long past.
    const auto now = [this, stale] { return now_function()() - (stale ? options_.stale_max.count() : 0); };
    read(*reader, hash, key, now, [&](const Value& found) { value.emplace(found); });
    return value;
  }

  template <class Load>
  auto timed(Load&& load) {
    const steady_time start = clock_.now();
    const auto took = [&] { load_time_.fetch_add((clock_.now() - start) / std::chrono::nanoseconds(1)); };
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

  void keep(std::uint64_t hash, const Key& key, const Value& value, detail::entry_ends until,
            const typename single_flight<Key, Value, Equal>::flight_ptr& trip) {
    part& home = part_of(hash);
    if constexpr (shard::copies) {
      home.flights.settle(trip, value, [&] {
        home.entries.template put<true>(local(hash), key, value, until, now_function());
      });
    } else {
      detail::entry_draft entry(home.entries, key, value);
      home.flights.settle(trip, value,
                          [&] { entry.template store<true>(local(hash), key, until, now_function()); });
    }
  }

  template <class Matches>
  std::size_t erase_where(Matches&& matches) {
    std::size_t removed = 0;
    for (const auto& each : parts_) each->flights.forget_if(matches);
    for (const auto& each : parts_) removed += each->entries.erase_if(matches);
    return removed;
  }

  [[nodiscard]] cache_stats totals() const {
    cache_stats sum;
    readers_.each([&](const detail::reader_record& reader) {
      sum.hits += reader.hits.load();
      sum.misses += reader.misses.load();
    });
    for (const auto& each : parts_) {
      const detail::shard_counts counts = each->entries.counts();
      sum.evictions_size += counts.evictions_size;
      sum.evictions_expired += counts.evictions_expired;
      sum.removals += counts.removals;
      sum.replaced += counts.replaced;
      sum.dropped += counts.dropped;
    }
    sum.loads = loads_.load();
    sum.load_failures = load_failures_.load();
    sum.stale_served = stale_served_.load();
    sum.load_time = std::chrono::nanoseconds(load_time_.load());
    sum.size = size();
    sum.entries_max = options_.entries_max;
    return sum;
  }

  const options options_;
  const Clock clock_;
  const hasher hash_;
  arrays entries_;
  mutable detail::reader_records readers_;
  std::vector<std::unique_ptr<part>> parts_;  // one for each shard
  std::atomic<std::uint64_t> loads_ = 0;
  std::atomic<std::uint64_t> load_failures_ = 0;
  std::atomic<std::uint64_t> stale_served_ = 0;
  std::atomic<std::uint64_t> draws_ = 0;     // of jitter
  std::atomic<std::int64_t> load_time_ = 0;  // nanoseconds
  mutable std::mutex stats_mutex_;           // guards baseline_
  cache_stats baseline_;                     // the totals at the last reset
};

}  // namespace hasten

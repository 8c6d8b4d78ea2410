// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/advice.hpp>
#include <hasten/cache/cache_hash.hpp>
#include <hasten/cache/cache_rules.hpp>
#include <hasten/cache/cache_stats.hpp>
#include <hasten/cache/cache_tags.hpp>
#include <hasten/cache/detail/cache_loader.hpp>
#include <hasten/cache/detail/cache_store.hpp>
#include <hasten/cache/hot_keys.hpp>
#include <hasten/cache/load_executor.hpp>
#include <hasten/cache/load_outcome.hpp>
#include <hasten/cache/memory_cache_options.hpp>
#include <hasten/cache/miss_ratio_curve.hpp>
#include <hasten/cache/namespace_stats.hpp>
#include <hasten/cache/removal.hpp>
#include <hasten/core/clock.hpp>
#include <hasten/metrics/histogram_snapshot.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <string_view>
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
          clock_source Clock = steady_clock_source, class Rules = no_rules>
class memory_cache {
 public:
  using key_type = Key;
  using value_type = Value;
  using options = memory_cache_options;

  /// Throws: std::invalid_argument if an option is out of its range.
  explicit memory_cache(options chosen, Clock clock = {}, Rules rules = {})
      : store_(chosen, std::move(clock), std::move(rules)), loader_(store_, store_.keys()) {}
  /// As above, for a cache that tells `listener` of every entry that leaves it. Whoever takes entries out runs it, and so
  /// waits for it. The entries left when the cache is destroyed are not told of.
  memory_cache(options chosen, removal_listener<Key, Value> listener, Clock clock = {}, Rules rules = {})
      : memory_cache(chosen, std::move(clock), std::move(rules)) {
    store_.hook().set(std::move(listener));
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
    decltype(auto) wanted = store::lookup_key(key);
    return is_hit(store_.look_up(store_.hash(wanted), wanted, std::forward<Look>(look)));
  }

  /// Stores a value under the cache's own ttl, in place of the one there was. A load under way does not replace it.
  /// Throws: what moving or copying a Key or Value throws; std::bad_alloc. Blocks on: the shard lock.
  void put(Key key, Value value) {
    const std::uint64_t hash = store_.hash(key);
    if (store_.puts_plainly(hash)) {
      loader_.forget(hash, key);
      store_.put_plain(hash, key, value);
      return;
    }
    const detail::entry_terms terms = store_.terms_of(value);
    replace(key, std::move(value), terms);
  }

  /// Stores a value to be served for `ttl`; zero: for ever.
  /// Throws: std::invalid_argument if `ttl` is negative; else as put(key, value).
  void put(Key key, Value value, std::chrono::nanoseconds ttl) {
    const detail::entry_terms terms = store_.terms_for(ttl);
    replace(key, std::move(value), terms);
  }

  /// Stores a value to be served for `ttl` (zero: for ever), or else under the cache's own, until one of its tags is erased.
  /// Throws: as put(key, value, ttl).
  void put(Key key, Value value, std::chrono::nanoseconds ttl, const cache_tags& tags) {
    detail::entry_terms terms = store_.terms_for(ttl);
    store_.tag(terms, tags);
    replace(key, std::move(value), terms);
  }
  void put(Key key, Value value, const cache_tags& tags) {
    detail::entry_terms terms = store_.terms_of(value);
    store_.tag(terms, tags);
    replace(key, std::move(value), terms);
  }

  /// Returns the value of `key`, from the cache or else from `load()`, whose result is kept. Of all callers
  /// that miss the same key at the same time one loads; the others wait for its result. `load` returns a Value, or a
  /// value_for<Value> with a ttl of its own. If it throws and an old value may stand in (`stale_max`), that is returned.
  /// Throws: what `load` threw, to everybody who waited, and nothing is kept; hasten::error(timeout) to those
  /// who waited longer than `load_wait`; hasten::error(recursive_load) if `load` asks for the same key.
  /// Blocks on: nothing on a hit; else the loader of the same key.
  template <class K = Key, class Load>
  [[nodiscard]] Value get_or_load(const K& key, Load&& load) {
    decltype(auto) wanted = store::lookup_key(key);
    const std::uint64_t hash = store_.hash(wanted);
    std::optional<Value> result;
    if (is_hit(store_.look_up(hash, wanted, [&](const Value& value) { result.emplace(value); })))
      return *std::move(result);
    return loader_.load_once(hash, wanted, std::forward<Load>(load));
  }

  /// As get_or_load(), but an entry that is due (`soft_ttl`, `early_beta`) is returned at once while `executor` has `load`
  /// fetch a newer value. `executor` is a load_executor: it takes a hasten::unique_function<void()> and runs it, now or
  /// later, on any thread. At most one such load is under way for each key; after one has failed, none begins for `stale_retry`.
  /// Lifetime: `load` is copied or moved into the task, so it has to own what it uses. If the cache goes first, loads not
  /// begun yet are dropped.
  template <class K = Key, class Load, class Executor>
    requires load_executor<std::remove_reference_t<Executor>>
  [[nodiscard]] Value get_or_load(const K& key, Load&& load, Executor&& executor) {
    decltype(auto) wanted = store::lookup_key(key);
    const std::uint64_t hash = store_.hash(wanted);
    std::optional<Value> result;
    const detail::found outcome =
        store_.look_up(hash, wanted, [&](const Value& value) { result.emplace(value); });
    if (outcome == detail::found::due) loader_.renew_later(hash, wanted, std::forward<Load>(load), executor);
    return result ? *std::move(result) : loader_.load_once(hash, wanted, std::forward<Load>(load));
  }

  /// As get_or_load(), without waiting: a value that is there is passed to `done(load_outcome<Value>)` at once; else
  /// `executor` (as above) runs `load`, and `done` is called by whoever ends that load or the one already under way. An
  /// executor that refuses the task, by an exception, or drops it, is a load that failed. What `done` throws ends the
  /// program. These loads have no deadline here.
  /// Lifetime: `load` and `done` have to own what they use. Blocks on: nothing.
  template <class K = Key, class Load, class Executor, class Done>
    requires load_executor<std::remove_reference_t<Executor>>
  void get_or_load_async(const K& key, Load&& load, Executor&& executor, Done&& done) {
    decltype(auto) wanted = store::lookup_key(key);
    const std::uint64_t hash = store_.hash(wanted);
    std::optional<Value> result;
    if (is_hit(store_.look_up(hash, wanted, [&](const Value& value) { result.emplace(value); }))) {
      std::forward<Done>(done)(load_outcome<Value>{std::move(result)});
      return;
    }
    loader_.load_later(
        hash, wanted, std::forward<Load>(load), executor,
        [done = std::forward<Done>(done)](const typename loads::flights::flight& trip) mutable {
          done(loads::outcome_of(trip));
        });
  }

  /// As above. Returns: a future of the value; it throws what the load threw.
  template <class K = Key, class Load, class Executor>
    requires load_executor<std::remove_reference_t<Executor>>
  [[nodiscard]] std::future<Value> get_or_load_async(const K& key, Load&& load, Executor&& executor) {
    std::promise<Value> promise;
    std::future<Value> result = promise.get_future();
    get_or_load_async(key, std::forward<Load>(load), executor,
                      [promise = std::move(promise)](load_outcome<Value> outcome) mutable {
                        if (outcome.value)
                          promise.set_value(*std::move(outcome.value));
                        else
                          promise.set_exception(outcome.failure);
                      });
    return result;
  }

  /// Returns: what get() returns for each of `keys`, in their order.
  template <std::ranges::random_access_range Keys>
  [[nodiscard]] std::vector<std::optional<Value>> get_all(const Keys& keys) {
    std::vector<std::optional<Value>> values(std::ranges::size(keys));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = get(keys[i]);
    return values;
  }

  /// As get_all(), then has the missing ones loaded by one call of `load(std::span<const Key>)`, which returns a
  /// std::vector of std::optional<Value> or std::optional<value_for<Value>> in the order of what it was given; what it has no value for is not kept and stays
  /// empty. Keys that others load already are waited for instead; for those that others load with get_or_load() meanwhile
  /// and `load` has no value for, the others try for themselves.
  /// Throws: what `load` threw, unless old values may stand in for all it was asked for; hasten::error as get_or_load().
  template <std::ranges::random_access_range Keys, class Load>
  [[nodiscard]] std::vector<std::optional<Value>> get_or_load_all(const Keys& keys, Load&& load) {
    std::vector<std::optional<Value>> values = get_all(keys);
    std::vector<std::size_t> missing;
    std::vector<std::pair<std::size_t, std::size_t>> repeated;  // a place and the first one of the same key
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i]) continue;
      const auto same = [&](std::size_t other) { return Equal{}(keys[other], keys[i]); };
      if (const auto first = std::find_if(missing.begin(), missing.end(), same); first != missing.end())
        repeated.emplace_back(i, *first);
      else
        missing.push_back(i);
    }
    if (!missing.empty()) loader_.load_all(keys, missing, values, std::forward<Load>(load));
    for (const auto& [place, first] : repeated) values[place] = values[first];
    return values;
  }

  /// As get_or_load(), for a caller who has just missed `key` with get() or visit(): the two together count as one
  /// lookup. For looking on a thread that must not block and loading on another.
  template <class K = Key, class Load>
  Value load(const K& key, Load&& loader) {
    decltype(auto) wanted = store::lookup_key(key);
    return loader_.load_once(store_.hash(wanted), wanted, std::forward<Load>(loader));
  }

  /// Removes an entry. A load of it that is under way still serves those who wait, but is not kept.
  /// Returns: whether there was an entry. Blocks on: the shard lock.
  template <class K = Key>
  bool erase(const K& key) {
    decltype(auto) wanted = store::lookup_key(key);
    const std::uint64_t hash = store_.hash(wanted);
    loader_.forget(hash, wanted);
    return store_.erase(hash, wanted);
  }

  /// Removes every entry whose key begins with `prefix`; loads under way as in erase(). Entries put meanwhile
  /// may stay. Returns: how many were removed. Blocks on: the shard locks, a few entries at a time.
  /// Complexity: linear in entries_max.
  std::size_t erase_prefix(std::string_view prefix)
    requires std::convertible_to<const Key&, std::string_view>
  {
    const auto matches = [&](std::string_view key, const auto&...) { return key.starts_with(prefix); };
    loader_.forget_if(matches);  // loads first: one that ends in between is then taken out with the entries
    return store_.erase_if(matches);
  }

  /// Removes every entry for which `matches(const Key&, const Value&)`, which runs outside every lock. Entries put
  /// meanwhile may stay; no load under way is kept. Returns: how many were removed. Throws: what `matches` throws.
  /// Blocks on: the shard locks, briefly. Complexity: linear in entries_max.
  template <class Matches>
  std::size_t erase_if(Matches&& matches) {
    loader_.forget_if([](const auto&) { return true; });
    return store_.erase_if(std::forward<Matches>(matches));
  }

  /// Removes every entry that has this tag, and perhaps some of another (cache_tags); no load under way is kept. Those
  /// removed count in size() and weigh until they are met, make room or are taken out by tidy().
  /// Throws: std::bad_alloc. Blocks on: nothing.
  void erase_tag(std::string_view tag) {
    loader_.forget_if([](const auto&) { return true; });
    store_.erase_tag(tag);
  }

  /// Removes every entry; no load under way is kept. Values are destroyed now, up to some hundreds in each shard, or by
  /// later calls that change the cache; until then they weigh.
  /// Throws: std::bad_alloc, the first time. Blocks on: the shard locks. Complexity: linear in the shards, not in the
  /// entries.
  void clear() {
    loader_.forget_if([](const auto&) { return true; });
    store_.clear();
    store_.keys().cleared();
  }

  /// Takes out every entry that is expired, or was left behind by clear() or erase_tag(), now. Not needed for correctness, and hardly for
  /// memory where the cache is written to: each write takes out a few. For caches that are filled and then only read.
  /// Blocks on: the shard locks, a few entries at a time. Complexity: linear in the entries removed; in
  /// entries_max once a tag was erased.
  void tidy() { store_.tidy(); }

  /// Changes the bounds, and evicts what is then too much; zero leaves a bound as it is. May run beside everything else.
  /// When it returns, the new bounds hold.
  /// Throws: std::invalid_argument if `entries_max` exceeds the option entries_limit or is below the number of shards,
  /// or if there was no weight_max. Blocks on: the shard locks, a few entries at a time, and another resize().
  /// Complexity: linear in the entries evicted.
  void resize(std::size_t entries_max, std::uint64_t weight_max = 0) {
    store_.resize(entries_max, weight_max);
  }

  /// Returns: how many entries there are, those included that are expired but not removed yet.
  [[nodiscard]] std::size_t size() const noexcept { return store_.size(); }

  /// Returns: what happened since the start or the last reset. Complexity: linear in shards and threads.
  [[nodiscard]] cache_stats stats() const {
    const std::scoped_lock lock(stats_mutex_);
    return totals().since(baseline_);
  }

  /// Returns: the bytes that the cache itself takes, keys and values included, but not what they point to.
  [[nodiscard]] std::size_t memory() const noexcept {
    return sizeof(*this) - sizeof(store_) + store_.bytes() + loader_.bytes() - sizeof(loader_);
  }

  /// Begins all counts anew; the entries stay.
  void reset_stats() {
    const std::scoped_lock lock(stats_mutex_);
    baseline_ = totals();
    times_baseline_ = loader_.load_times();
    store_.keys().reset();
  }

  /// Calls `look(const Key&, const Value&, std::chrono::nanoseconds left)` for every entry that is served; `left` is how long
  /// it still is, zero: for ever. Counts nothing. `look` runs outside every lock, may use the cache and throw; entries that
  /// come or go meanwhile may be missed. Complexity: linear in entries_max.
  template <class Look>
  void each(Look&& look) {
    const steady_time now = store_.clock().now();
    store_.each([&](const Key& key, const Value& value) {
      const auto terms = store_.terms(store_.hash(key), key);
      if (!terms) return;  // gone meanwhile
      const auto left = std::chrono::nanoseconds(terms->served - now.time_since_epoch().count());
      if (terms->served == detail::never)
        look(key, value, std::chrono::nanoseconds::zero());
      else if (left > left.zero())
        look(key, value, left);
    });
  }

  /// Returns: the `n` keys that the policy would keep longest, the best first. By what it knows of them just now, which is
  /// coarse. Complexity: linear in entries_max.
  [[nodiscard]] std::vector<Key> hottest(std::size_t n) { return store_.ranked(n, true); }
  /// Returns: the `n` keys that the policy holds in least esteem, the least first; otherwise as hottest().
  [[nodiscard]] std::vector<Key> coldest(std::size_t n) { return store_.ranked(n, false); }

  /// Returns: how long loads took since the start or the last reset, failed ones included.
  [[nodiscard]] histogram_snapshot load_times() const {
    const std::scoped_lock lock(stats_mutex_);
    return difference(loader_.load_times(), times_baseline_);
  }

  /// Returns: the `n` keys asked for most since the start or the last reset, the first of all first. Estimates, see
  /// key_count; nothing without `insight.hot_keys_max`.
  [[nodiscard]] std::vector<key_count<Key>> hot_keys(std::size_t n) const { return store_.keys().hottest(n); }

  /// Returns: what is known of lookups of one key; nothing if it is not among those asked for most.
  template <class K = Key>
  [[nodiscard]] std::optional<key_count<Key>> stats(const K& key) const {
    decltype(auto) wanted = store::lookup_key(key);
    return store_.keys().of(wanted);
  }

  /// Begins the count of one key anew. Returns: whether it was counted.
  template <class K = Key>
  bool reset_stats(const K& key) {
    decltype(auto) wanted = store::lookup_key(key);
    return store_.keys().reset(wanted);
  }

  /// Returns: statistics by namespace; lookups are estimates unless `insight.sample_every` is 1, loads are exact.
  [[nodiscard]] std::vector<namespace_count> namespaces() const { return store_.keys().namespaces(); }

  /// Returns: what the cache would hit at other sizes; nothing without `insight.miss_ratios`.
  [[nodiscard]] miss_ratio_estimate miss_ratios() const {
    const cache_stats now = stats();
    return store_.keys().miss_ratios(now.hits, now.misses);
  }

  /// Returns: what the figures suggest to do about this cache.
  [[nodiscard]] std::vector<cache_advice> advice() const { return advise(stats(), miss_ratios()); }

 private:
  using store = detail::cache_store<Key, Value, Hash, Equal, Clock, Rules>;
  using loads = detail::cache_loader<Key, Value, Equal, store, typename store::insight>;

  void replace(const Key& key, Value&& value, const detail::entry_terms& terms) {
    const std::uint64_t hash = store_.hash(key);
    loader_.forget(hash, key);
    store_.put(hash, key, std::move(value), terms);
  }

  [[nodiscard]] cache_stats totals() const {
    cache_stats sum;
    store_.add_counts(sum);
    loader_.add_counts(sum);
    return sum;
  }

  store store_;
  loads loader_;
  mutable std::mutex stats_mutex_;     // guards the baselines
  cache_stats baseline_;               // the totals at the last reset
  histogram_snapshot times_baseline_;  // likewise
};

}  // namespace hasten

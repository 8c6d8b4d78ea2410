// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/cache_hash.hpp>
#include <hasten/cache/cache_rules.hpp>
#include <hasten/cache/cache_stats.hpp>
#include <hasten/cache/cache_tags.hpp>
#include <hasten/cache/detail/cache_insight.hpp>
#include <hasten/cache/detail/cache_shard.hpp>
#include <hasten/cache/detail/entry_arrays.hpp>
#include <hasten/cache/detail/entry_draft.hpp>
#include <hasten/cache/detail/reader_records.hpp>
#include <hasten/cache/detail/removal_hook.hpp>
#include <hasten/cache/detail/weight_budget.hpp>
#include <hasten/cache/memory_cache_options.hpp>
#include <hasten/cache/refresh_policy.hpp>
#include <hasten/core/clock.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
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

namespace hasten::detail {

/// The entries of a memory_cache without its loaders: finds, stores, removes and counts them.
///
/// Keys come with their hash(), and as what lookup_key() makes of them.
/// Thread safety: thread-safe.
template <class Key, class Value, class Hash, class Equal, class Clock, class Rules>
class cache_store {
 public:
  using hasher = seeded_hash<Key, Hash>;
  using shard = cache_shard<Key, Value, Equal, hasher, weighs<Rules, Key, Value>>;
  using arrays = typename shard::arrays;
  using draft = entry_draft<shard>;
  using insight = cache_insight<Key, Hash, Equal>;

  cache_store(const memory_cache_options& chosen, Clock clock, Rules rules)
      : options_(validated(chosen)),
        renewal_({.ttl = chosen.ttl, .soft_ttl = chosen.soft_ttl, .early_beta = chosen.early_beta}),
        clock_(std::move(clock)),
        rules_(std::move(rules)),
        hash_{seed_of(options_)},
        entries_max_(options_.entries_max),
        budget_(options_.weight_max),
        entries_(options_.shards, quota(0, options_.entries_limit),
                 quota(0, options_.entries_limit) + shard::spare, options_.idle_max),
        insight_(options_, entries_.bytes()),
        readers_(insight_.samples_lookups()) {
    if (entries_.ends_idle()) entries_.columns().ensure(column::idle);
    if constexpr (weighed) entries_.columns().ensure(column::weight);
    const typename shard::surroundings all{entries_, readers_, hook_, budget_, hash_};
    shards_.reserve(options_.shards);
    for (std::size_t index = 0; index < options_.shards; ++index)
      shards_.push_back(std::make_unique<shard>(all, index, quota(index, options_.entries_max),
                                                quota(0, options_.entries_limit)));
  }
  cache_store(const cache_store&) = delete;
  cache_store& operator=(const cache_store&) = delete;
  ~cache_store() = default;

  [[nodiscard]] const memory_cache_options& options() const noexcept { return options_; }
  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
  [[nodiscard]] insight& keys() noexcept { return insight_; }
  [[nodiscard]] const insight& keys() const noexcept { return insight_; }
  [[nodiscard]] removal_hook<Key, Value>& hook() noexcept { return hook_; }
  [[nodiscard]] const removal_hook<Key, Value>& hook() const noexcept { return hook_; }

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
  template <class K>
  [[nodiscard]] std::uint64_t hash(const K& key) const {
    return hash_(key);
  }
  [[nodiscard]] std::size_t shard_count() const noexcept { return shards_.size(); }
  [[nodiscard]] std::size_t shard_of(std::uint64_t hash) const noexcept { return entries_.shard_of(hash); }

  /// Calls `look(const Value&)` on a hit, and counts. `look` runs outside every lock.
  template <class K, class Look>
  found look_up(std::uint64_t hash, const K& key, Look&& look) {
    const reader_records::lease reader(readers_);
    bool drawn = false;
    const found outcome = read(*reader, hash, key, now_function(), [&](const Value& value) {
      drawn = reader->count_hit();
      look(value);
    });
    if (!is_hit(outcome)) [[unlikely]]
      drawn = reader->count_miss();
    if (drawn || insight_.follows(hash)) [[unlikely]]
      insight_.looked_up(*reader, hash, key, is_hit(outcome), drawn, clock_);
    if (outcome == found::expired) [[unlikely]]
      remove_expired(hash, key);
    return outcome;
  }

  /// Looks up without counting; with `stale`, an entry that is over but kept will do.
  template <class K>
  std::optional<Value> peek(std::uint64_t hash, const K& key, bool stale) {
    std::optional<Value> value;
    const reader_records::lease reader(readers_);
    // An entry's time is not over yet if the time is long past.
    const auto now = [this, stale] { return now_function()() - (stale ? options_.stale_max.count() : 0); };
    read(*reader, hash, key, now, [&](const Value& found) { value.emplace(found); });
    return value;
  }

  /// Returns: what is known of an entry that is served or kept. Blocks on: the shard lock.
  template <class K>
  [[nodiscard]] std::optional<entry_terms> terms(std::uint64_t hash, const K& key) {
    return home(hash).terms(local(hash), key, now_function());
  }

  /// Stores an entry in place of the one there was.
  template <class V>
  void put(std::uint64_t hash, const Key& key, V&& value, const entry_terms& terms) {
    note_stored(hash, terms, false);
    draft entry = prepare(hash, key, std::forward<V>(value));
    store<false>(entry, hash, terms);
  }

  /// Whether put_plain() will do: no entry has terms unless it is given some, nobody is told of what is replaced, and the
  /// models do not follow this key.
  [[nodiscard]] bool puts_plainly(std::uint64_t hash) const noexcept {
    return plain_puts && endless_ && !hook_.listening() && !insight_.follows(hash);
  }
  void put_plain(std::uint64_t hash, const Key& key, const Value& value) {
    if constexpr (plain_puts) home(hash).put_plain(local(hash), key, value, now_function());
  }

  /// Makes an entry ready to be stored by keep(), which may then run under a lock.
  template <class V>
  [[nodiscard]] draft prepare(std::uint64_t hash, const Key& key, V&& value) {
    std::uint64_t weight = 0;
    if constexpr (weighed)
      weight = std::min<std::uint64_t>(rules_.weight(key, std::as_const(value)), weight_budget::unbounded);
    return draft(home(hash), key, std::forward<V>(value), static_cast<std::int64_t>(weight));
  }
  /// Stores a value that was loaded, unless there is one that is served: it must be newer.
  void keep(draft& entry, std::uint64_t hash, const entry_terms& terms) {
    note_stored(hash, terms, true);
    store<true>(entry, hash, terms);
  }

  /// Stores a value that was loaded to take the place of the one that is served.
  void renew(draft& entry, std::uint64_t hash, const entry_terms& terms) {
    note_stored(hash, terms, false);
    store<false>(entry, hash, terms);
  }

  /// Removes everything. Complexity: linear in the shards.
  void clear() {
    entries_.columns().ensure(column::born);
    for (const auto& each : shards_) {
      each->clear();
      each->sweep(true);
    }
  }
  void erase_tag(std::string_view name) {
    if (entries_.columns().has(column::tags)) entries_.invalidated().erase_tag(name);
  }
  /// `matches(const Key&, const Value&)` runs outside every lock.
  template <class Matches>
  std::size_t erase_if(Matches&& matches) {
    std::size_t removed = 0;
    walk(options_.stale_max, [&](const Key& key, const Value& value) {
      if (!matches(key, value)) return;
      const std::uint64_t hash = this->hash(key);
      insight_.erased(hash);
      removed += home(hash).erase(local(hash), key) ? 1U : 0U;
    });
    for (const auto& each : shards_) each->sweep(true);
    return removed;
  }

  /// Calls `look(const Key&, const Value&)` for every entry that is served, outside every lock and without counting.
  template <class Look>
  void each(Look&& look) {
    walk({}, std::forward<Look>(look));
  }

  /// Takes out all that is of no more use.
  void tidy() {
    constexpr unsigned batch = 32;
    for (const auto& each : shards_)
      for (bool more = true; more; each->sweep(true)) more = each->tidy(batch, now_function()());
    if (!entries_.invalidated().any_tag()) return;
    for (const auto& each : shards_)
      for (std::uint32_t left = each->buckets(); left != 0; each->sweep(true)) left = each->reap(left, batch);
  }

  /// Returns: the `n` keys of the entries that are served with the most heat, or the least.
  [[nodiscard]] std::vector<Key> ranked(std::size_t n, bool hottest) {
    std::vector<std::pair<unsigned, Key>> all;
    each([&](const Key& key, const Value&) {
      if (const auto known = terms(hash(key), key)) all.emplace_back(known->heat, key);
    });
    n = std::min(n, all.size());
    std::partial_sort(
        all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(),
        [hottest](const auto& a, const auto& b) { return hottest ? a.first > b.first : a.first < b.first; });
    std::vector<Key> keys;
    keys.reserve(n);
    for (std::size_t i = 0; i < n; ++i) keys.push_back(std::move(all[i].second));
    return keys;
  }

  /// Sets the bounds, and evicts what is too much; zero leaves a bound as it is.
  void resize(std::size_t entries_max, std::uint64_t weight_max) {
    options_.validate_resize(entries_max, weight_max);
    const std::scoped_lock lock(resizing_);
    if (entries_max != 0) {
      entries_max_.store(entries_max);
      for (std::size_t index = 0; index < shards_.size(); ++index)
        shards_[index]->resize(quota(index, entries_max), now_function());
    }
    if (weight_max == 0) return;
    budget_.set_max(weight_max);
    for (std::size_t index = 0; budget_.exceeded(); index = (index + 1) % shards_.size()) {
      constexpr std::uint32_t batch = 16;
      shards_[index]->evict(batch, now_function());
      shards_[index]->sweep(true);
    }
  }

  /// Serves an entry that is over but kept for `more`. Returns: whether there is one to serve.
  template <class K>
  bool extend(std::uint64_t hash, const K& key, std::chrono::nanoseconds more) {
    const auto now = now_function();
    return home(hash).extend(local(hash), key, later(now(), more), now);
  }

  template <class K>
  bool erase(std::uint64_t hash, const K& key) {
    insight_.erased(hash);
    const bool removed = home(hash).erase(local(hash), key);
    home(hash).sweep(true);
    return removed;
  }

  /// Returns: the terms of an entry that is served for `ttl` from now on; zero: for ever. Its load took `took`.
  /// Throws: std::invalid_argument if `ttl` is negative.
  [[nodiscard]] entry_terms terms_for(std::chrono::nanoseconds ttl, std::chrono::nanoseconds took = {}) {
    if (ttl < ttl.zero())
      throw std::invalid_argument("memory_cache: ttl must not be negative, got " +
                                  std::to_string(ttl.count()) + " ns");
    entry_terms terms;
    if (ttl == ttl.zero() && !entries_.ends_idle()) return terms;
    terms.made = now_function()();
    terms.idle = entries_.idle_end(terms.made);
    if (ttl == ttl.zero()) return terms;
    // The other one first: who sees an end sees how long it is kept.
    if (options_.stale_max != options_.stale_max.zero()) entries_.columns().ensure(column::kept);
    entries_.columns().ensure(column::served);
    terms.served = later(terms.made, ttl);
    terms.kept = later(terms.served, options_.stale_max);
    if (renewal_.renews_ahead() && terms.served != never) {
      entries_.columns().ensure(column::refresh);
      terms.refresh = terms.served - renewal_.lead(ttl, took, random_share()).count();
    }
    return terms;
  }

  /// Adds tags to terms. Throws: std::bad_alloc.
  void tag(entry_terms& terms, const cache_tags& tags) {
    if (tags.empty()) return;
    entries_.columns().ensure(column::born);
    entries_.columns().ensure(column::tags);
    terms.tags = tags.packed();
  }

  /// Returns: the terms of a value that was given none: by the options.
  [[nodiscard]] entry_terms terms_of(const Value& value, std::chrono::nanoseconds took = {}) {
    if constexpr (tells_ttl<Rules, Value>) return terms_for(rules_.ttl(value), took);
    if constexpr (requires { value.has_value(); })
      if (options_.ttl_absent != options_.ttl_absent.zero() && !value.has_value())
        return terms_for(options_.ttl_absent, took);
    if (options_.ttl == options_.ttl.zero() && !entries_.ends_idle()) return {};
    if (options_.ttl_jitter == 0 || options_.ttl == options_.ttl.zero()) return terms_for(options_.ttl, took);
    const auto less = std::chrono::nanoseconds(static_cast<std::int64_t>(
        static_cast<double>(options_.ttl.count()) * (1 - random_share()) * options_.ttl_jitter));
    return terms_for(options_.ttl - less, took);
  }

  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t total = 0;
    for (const auto& each : shards_) total += each->size();
    return total;
  }
  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t total = sizeof(*this) + entries_.bytes() + insight_.bytes();
    for (const auto& each : shards_) total += each->bytes();
    return total;
  }

  /// Adds what the entries know to `sum`: lookups, removals, sizes.
  void add_counts(cache_stats& sum) const {
    readers_.each([&](const reader_record& reader) {
      sum.hits += reader.hits.load();
      sum.misses += reader.misses.load();
    });
    for (const auto& each : shards_) {
      const shard_counts counts = each->counts();
      sum.evictions_size += counts.evictions_size;
      sum.evictions_expired += counts.evictions_expired;
      sum.removals += counts.removals;
      sum.replaced += counts.replaced;
      sum.dropped += counts.dropped;
      sum.refused += counts.refused;
    }
    sum.listener_failures = hook_.failures();
    sum.size = size();
    sum.entries_max = entries_max_.load();
    sum.weight = budget_.held();
    sum.weight_max = budget_.max() == weight_budget::unbounded ? 0 : budget_.max();
  }

 private:
  static constexpr bool weighed = weighs<Rules, Key, Value>;
  static constexpr bool plain_puts = shard::copies && !weighed && !tells_ttl<Rules, Value>;

  static memory_cache_options validated(memory_cache_options chosen) {
    chosen.validate();
    if (!weighed && chosen.weight_max != 0)
      throw std::invalid_argument("memory_cache: weight_max must be 0 without rules that weigh, got " +
                                  std::to_string(chosen.weight_max));
    chosen.entries_limit = std::max(chosen.entries_limit, chosen.entries_max);
    if (chosen.shards == 0) {
      const std::size_t wanted = std::size_t{4} * std::max(1U, std::thread::hardware_concurrency());
      const std::size_t filled = std::max<std::size_t>(1, chosen.entries_max / 256);
      chosen.shards = static_cast<unsigned>(
          std::bit_floor(std::clamp<std::size_t>(wanted, 1, std::min<std::size_t>(filled, 1024))));
    }
    return chosen;
  }
  static std::uint64_t seed_of(const memory_cache_options& chosen) {
    if (chosen.seed != 0) return chosen.seed;
    std::random_device source;
    return std::uint64_t{source()} << 32 | source();
  }

  [[nodiscard]] static std::uint32_t local(std::uint64_t hash) noexcept {
    return static_cast<std::uint32_t>(hash);
  }
  [[nodiscard]] shard& home(std::uint64_t hash) const noexcept { return *shards_[entries_.shard_of(hash)]; }
  /// The share of a shard: the whole in equal parts, the remainder spread over the first ones.
  [[nodiscard]] std::uint32_t quota(std::size_t index, std::size_t whole) const noexcept {
    const std::size_t count = options_.shards;
    return static_cast<std::uint32_t>(whole / count + (index < whole % count ? 1 : 0));
  }

  /// Looks at every entry that was served `ago` or still is.
  template <class Look>
  void walk(std::chrono::nanoseconds ago, Look&& look) {
    const reader_records::lease reader(readers_);
    pin guard(*reader, readers_.light());
    const auto then = [&] { return now_function()() - ago.count(); };
    for (std::size_t part = 0; part < shards_.size(); ++part)
      // Down from the last: entries move from a bucket to the one before only.
      for (std::uint32_t index = entries_.table(part).count(); index-- != 0;)
        entries_.each(part, index, guard, then, look,
                      [&](const auto& work) { return shards_[part]->undisturbed(work); });
  }

  template <bool Loaded>
  void store(draft& entry, std::uint64_t hash, const entry_terms& terms) {
    if constexpr (weighed) {
      // Somebody else may take the room that was made; who loses it this often may as well do without.
      constexpr int attempts_max = 1000;
      for (int i = 0; i < attempts_max && static_cast<std::uint64_t>(entry.weight()) <= budget_.max(); ++i) {
        if (entry.template store<Loaded>(local(hash), terms, now_function()) != stored::crowded) return;
        make_room_beside(entries_.shard_of(hash));
      }
      home(hash).refuse(local(hash), entry.key());
    } else {
      static_cast<void>(entry.template store<Loaded>(local(hash), terms, now_function()));
    }
  }

  /// Evicts a few entries of the next shard that has any. What they leave is swept up later: this may run under a lock.
  void make_room_beside(std::size_t crowded) {
    constexpr std::uint32_t batch = 8;
    for (std::size_t step = 1; step <= shards_.size(); ++step)
      if (shards_[(crowded + step) % shards_.size()]->evict(batch, now_function()) != 0) return;
  }

  void note_stored(std::uint64_t hash, const entry_terms& terms, bool loaded) noexcept {
    if (insight_.follows(hash)) [[unlikely]]
      insight_.stored(hash, clock_.now(), steady_time(steady_time::duration(terms.served)), loaded);
  }

  [[nodiscard]] auto now_function() const noexcept {
    return [this]() noexcept -> entry_end { return clock_.now().time_since_epoch().count(); };
  }
  /// Returns: a number evenly spread over (0, 1].
  [[nodiscard]] double random_share() noexcept {
    // relaxed: any number will do, as long as they differ
    const std::uint64_t draw = fold(draws_.fetch_add(1, std::memory_order_relaxed) ^ hash_.seed, odd_bits[1]);
    return 1 - static_cast<double>(draw >> 11) * 0x1p-53;
  }
  [[nodiscard]] static entry_end later(entry_end from, std::chrono::nanoseconds by) noexcept {
    return by.count() >= never - from ? never : from + by.count();
  }

  template <class K, class Now, class Use>
  found read([[maybe_unused]] reader_record& reader, std::uint64_t hash, const K& key, Now now, Use&& use) {
    if constexpr (shard::copies) {
      auto result = entries_.read_copy(hash, key, now);
      if (result.outcome == found::torn) [[unlikely]]
        result = read_disturbed(hash, key, now);
      if (is_hit(result.outcome)) [[likely]]
        use(result.value.get());
      return result.outcome;
    } else {
      pin guard(reader, readers_.light());
      return entries_.read_pinned(hash, key, guard, now, use);
    }
  }

  template <class K, class Now>
  [[gnu::noinline]] typename arrays::copy_found read_disturbed(std::uint64_t hash, const K& key, Now now) {
    constexpr int patience = 4;
    const auto attempt = [&] { return entries_.read_copy(hash, key, now); };
    for (int i = 0; i < patience; ++i)
      if (const auto result = attempt(); result.outcome != found::torn) return result;
    return home(hash).undisturbed(attempt);
  }

  template <class K>
  [[gnu::noinline]] void remove_expired(std::uint64_t hash, const K& key) {
    home(hash).erase_expired(local(hash), key, now_function());
    home(hash).sweep(false);
  }

  const memory_cache_options options_;
  const refresh_policy renewal_;
  const Clock clock_;
  const Rules rules_;
  const bool endless_ = options_.ttl == options_.ttl.zero() && options_.ttl_absent == options_.ttl.zero() &&
                        options_.idle_max == options_.ttl.zero();
  const hasher hash_;
  std::atomic<std::size_t> entries_max_;
  weight_budget budget_;
  std::mutex resizing_;  // held while the bounds change; before those of the shards
  arrays entries_;
  insight insight_;
  mutable reader_records readers_;
  removal_hook<Key, Value> hook_;
  std::vector<std::unique_ptr<shard>> shards_;
  std::atomic<std::uint64_t> draws_ = 0;  // of random_share()
};

}  // namespace hasten::detail

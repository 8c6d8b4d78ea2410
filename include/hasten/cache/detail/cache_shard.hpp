// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/arrival.hpp>
#include <hasten/cache/detail/brief_lock.hpp>
#include <hasten/cache/detail/bucket_table.hpp>
#include <hasten/cache/detail/entry_arrays.hpp>
#include <hasten/cache/detail/eviction_policy.hpp>
#include <hasten/cache/detail/reader_records.hpp>
#include <hasten/cache/detail/removal_hook.hpp>
#include <hasten/cache/detail/shard_counts.hpp>
#include <hasten/cache/detail/slot_pool.hpp>
#include <hasten/cache/detail/timer_wheel.hpp>
#include <hasten/cache/detail/weight_budget.hpp>
#include <hasten/cache/removal.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace hasten::detail {

/// The writing side of a part of a memory_cache: the lock and the policy over a range of the entry arrays. Entries
/// have a weight if they are `Weighed`.
/// Thread safety: thread-safe.
template <class Key, class Value, class Equal, class Hasher, bool Weighed>
class cache_shard {
 public:
  using key_type = Key;
  using value_type = Value;
  using arrays = entry_arrays<Key, Value, Equal>;
  static constexpr bool copies = arrays::copies;
  // Slots beyond the quota hold entries that are being built, or are gone but still looked at or told of.
  static constexpr std::uint32_t spare = 64;

  /// What the shards of a cache have in common.
  struct surroundings {
    arrays& entries;
    reader_records& readers;
    removal_hook<Key, Value>& hook;
    weight_budget& budget;
    Hasher hasher;
  };

  cache_shard(const surroundings& all, std::size_t index, std::uint32_t quota, std::uint32_t quota_max)
      : index_(index),
        quota_(quota),
        base_(all.entries.first_slot(index)),
        hasher_(all.hasher),
        entries_(all.entries),
        budget_(all.budget),
        table_(all.entries.table(index)),
        marks_(all.entries.marks(index)),
        policy_(quota, quota_max, entries_.slots_per_shard(), marks_,
                static_cast<std::uint32_t>(fold(hasher_.seed + index, odd_bits[2]))),
        hashes_(Hasher::cheap ? nullptr
                              : std::make_unique_for_overwrite<std::uint32_t[]>(entries_.slots_per_shard())),
        slots_(all, base_, policy_, mutex_) {}
  cache_shard(const cache_shard&) = delete;
  cache_shard& operator=(const cache_shard&) = delete;

  ~cache_shard() {
    delete wheel_.load();
    if constexpr (!copies)
      for (std::uint32_t index = 0; index < table_.count(); ++index)
        table_.at(index).each([&](unsigned, std::uint32_t slot) { entries_.cells().destroy(base_ + slot); });
  }

  /// Runs `work` while no writer is at work: for readers that found the entries torn again and again.
  template <class Work>
  auto undisturbed(Work&& work) const {
    const std::scoped_lock lock(mutex_);
    return work();
  }

  /// Whether put() stores entries in slots of their own, taken outside the lock; else it writes over the old ones.
  [[nodiscard]] bool needs_slot() const noexcept { return !copies || slots_.listening(); }

  /// Builds an entry outside the lock. Returns: its slot, or no_slot when all spare ones are looked at.
  /// Throws: what copying or moving the key and value throws.
  template <class V>
  [[nodiscard]] std::uint32_t prepare(const Key& key, V&& value) {
    const std::uint32_t slot = slots_.reserve();
    if (slot == no_slot) return no_slot;
    try {
      entries_.cells().construct(base_ + slot, key, std::forward<V>(value));
    } catch (...) {
      slots_.give_back(slot);
      throw;
    }
    return slot;
  }

  /// Puts back a prepared entry that is not wanted.
  void discard(std::uint32_t slot) noexcept {
    if (slot == no_slot) return;
    if constexpr (!copies) entries_.cells().destroy(base_ + slot);
    slots_.give_back(slot);
  }

  /// Adds or overwrites an entry: one made by prepare(), or `value` if that needs no slot. With neither, removes what
  /// is there: better no value than an outdated one. A value that was `Loaded` overwrites none that is served: there
  /// was none when its load began, so the one there now is newer. The caller sweeps, outside every lock.
  template <bool Loaded = false, class Now>
  stored put(std::uint32_t hash, const arrival<Key, Value>& entry, const entry_terms& terms, Now&& now) {
    const std::scoped_lock lock(mutex_);
    return put_locked<Loaded>(hash, entry, terms, now);
  }

  /// put() of a value without terms: of present keys in a few instructions.
  template <class Now>
  void put_plain(std::uint32_t hash, const Key& key, const Value& value, Now&& now)
    requires(copies && !Weighed)
  {
    static constexpr entry_terms none;
    const std::scoped_lock lock(mutex_);
    if (!entries_.columns().any()) [[likely]] {
      if (const std::uint32_t slot = entries_.overwrite(table_, base_, hash, key, value); slot != no_slot) {
        marks_[slot].raise();
        ++counts_.replaced;
        return;
      }
    }
    put_locked<false>(hash, {key, std::addressof(value)}, none, now);
  }

  /// Removes what a value that is too heavy would have replaced. The caller sweeps.
  template <class K>
  void refuse(std::uint32_t hash, const K& key) {
    const std::scoped_lock lock(mutex_);
    ++counts_.refused;
    if (const spot old = locate(hash, key); old.slot != no_slot) unlink(hash, old, removal_cause::replaced);
  }

  /// Evicts up to `count` entries, for the sake of another shard or of a bound that was lowered. The caller sweeps,
  /// outside every lock. Returns: how many.
  template <class Now>
  std::uint32_t evict(std::uint32_t count, Now&& now) {
    const std::scoped_lock lock(mutex_);
    std::uint32_t done = 0;
    for (; done < count && policy_.size() != 0; ++done) evict_one(now);
    note_size();
    return done;
  }

  /// Sets how many entries there may be. Complexity: linear in those that have to go.
  template <class Now>
  void resize(std::uint32_t quota, Now&& now) {
    constexpr std::uint32_t batch = 32;
    for (bool done = false; !done; sweep(true)) {
      const std::scoped_lock lock(mutex_);
      quota_ = quota;
      policy_.resize(quota);
      for (std::uint32_t i = 0; i < batch && policy_.size() > quota_; ++i) evict_one(now);
      note_size();
      done = policy_.size() <= quota_;
    }
  }

  /// Returns: whether there was an entry. The caller sweeps.
  template <class K>
  bool erase(std::uint32_t hash, const K& key) {
    const std::scoped_lock lock(mutex_);
    upkeep(0);
    const spot old = locate(hash, key);
    if (old.slot == no_slot) return false;
    const bool there = !entries_.dead(base_ + old.slot);
    unlink(hash, old, removal_cause::erased);
    ++counts_.removals;
    return there;
  }

  /// Removes an entry that a reader found expired, if it still is. Does not wait. The caller sweeps.
  template <class K, class Now>
  void erase_expired(std::uint32_t hash, const K& key, Now&& now) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    upkeep(now());
    const spot old = locate(hash, key);
    if (old.slot == no_slot || !entries_.over(base_ + old.slot, now)) return;
    unlink(hash, old, note_gone(old.slot, removal_cause::expired, now));
  }

  /// Serves an entry that is over again until `until`, but no longer than it is kept. Returns: whether there is one
  /// to serve.
  template <class K, class Now>
  bool extend(std::uint32_t hash, const K& key, entry_end until, Now&& now) {
    const std::scoped_lock lock(mutex_);
    const spot old = locate(hash, key);
    if (old.slot == no_slot || entries_.over(base_ + old.slot, now)) return false;
    const std::size_t slot = base_ + old.slot;
    if (!served(old.slot, now))
      entries_.columns().set_end(column::served, slot,
                                 std::min(until, entries_.columns().end(column::kept, slot)));
    return true;
  }

  /// Returns: what is known of an entry that is served or kept.
  template <class K, class Now>
  [[nodiscard]] std::optional<entry_terms> terms(std::uint32_t hash, const K& key, Now&& now) {
    const std::scoped_lock lock(mutex_);
    const spot here = locate(hash, key);
    if (here.slot == no_slot || entries_.over(base_ + here.slot, now)) return std::nullopt;
    entry_terms known = entries_.columns().terms(base_ + here.slot);
    known.heat = policy_.heat(here.slot, hash);
    return known;
  }

  /// Removes up to `budget` entries that are of no more use. The caller sweeps. Returns: whether there may be more.
  bool tidy(unsigned budget, entry_end moment) {
    const std::scoped_lock lock(mutex_);
    purge(budget);
    return expire(moment, budget) || dead_ != 0;
  }

  [[nodiscard]] std::uint32_t buckets() const noexcept { return table_.count(); }
  /// Removes the entries that are gone of the `count` buckets before `end`, in this order, see purge(). The caller sweeps.
  /// Returns: where to go on; 0: nowhere.
  std::uint32_t reap(std::uint32_t end, std::uint32_t count) {
    const std::scoped_lock lock(mutex_);
    for (; end != 0 && count != 0; --count) {
      --end;
      table_.each(end, [&](const spot& old) {
        if (!entries_.dead(base_ + old.slot)) return;
        ++counts_.removals;
        unlink(hash_of(old.slot), old, removal_cause::erased);
      });
    }
    return end;
  }

  /// To be called before an entry with an end is put, outside every lock. Throws: std::bad_alloc.
  void ready_timers() {
    if (wheel_.load() != nullptr) return;
    auto fresh = std::make_unique<timer_wheel>(entries_.slots_per_shard());
    timer_wheel* none = nullptr;
    if (wheel_.compare_exchange_strong(none, fresh.get())) static_cast<void>(fresh.release());
  }

  /// Removes every entry, at once for readers; what they leave is taken out by and by. The caller sweeps.
  /// Complexity: constant.
  void clear() {
    constexpr std::uint32_t buckets_now = 64;
    const std::scoped_lock lock(mutex_);
    if (policy_.size() == 0) return;
    entries_.invalidated().clear(index_);
    dead_ = policy_.size();
    purged_ = 0;
    purge(buckets_now);
    note_size();
  }

  /// As slot_pool::sweep(): outside every lock.
  void sweep(bool eager) noexcept { slots_.sweep(eager); }

  [[nodiscard]] std::size_t size() const noexcept { return size_.load(); }

  [[nodiscard]] shard_counts counts() const {
    const std::scoped_lock lock(mutex_);
    return counts_;
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    return policy_.bytes() + (Hasher::cheap ? 0 : entries_.slots_per_shard() * sizeof(std::uint32_t)) +
           sizeof(*this) + (wheel_.load() == nullptr ? 0 : wheel_.load()->bytes());
  }

 private:
  using table_type = typename arrays::table_type;
  using spot = typename table_type::position;

  // All below up to the data: only under mutex_.

  template <bool Loaded, class Now>
  [[gnu::noinline]] stored put_locked(std::uint32_t hash, const arrival<Key, Value>& entry,
                                      const entry_terms& terms, Now&& now) {
    const auto& [key, value, slot, weight] = entry;
    std::uint32_t fresh = slot;
    upkeep(terms.made);
    spot old = locate(hash, key);
    if (Loaded && old.slot != no_slot && served(old.slot, now)) return stored::no;
    if (value == nullptr && fresh == no_slot) {
      if (old.slot != no_slot) unlink(hash, old, removal_cause::replaced);
      ++counts_.dropped;
      return stored::no;
    }
    if constexpr (Weighed)
      if (!reserve_weight(hash, old, weight, now)) return stored::crowded;
    if (old.slot == no_slot) {
      make_room(now);
      if (fresh == no_slot) {
        fresh = slots_.take();
        if constexpr (copies) entries_.cells().construct(base_ + fresh, key, *value);
      }
      if (entries_.columns().any()) set_terms(fresh, terms, weight);
      link(hash, fresh);
    } else if (fresh == no_slot) {
      note_gone(old.slot, removal_cause::replaced, now);
      if (dead_ != 0) revive(old.slot);
      const bucket_change editing(*old.where);
      if constexpr (copies) entries_.cells().assign(base_ + old.slot, *value);
      if (entries_.columns().any()) set_terms(old.slot, terms, weight);
      marks_[old.slot].raise();
    } else {
      if (entries_.columns().any()) set_terms(fresh, terms, weight);
      supplant(hash, old, fresh, now);
    }
    return stored::yes;
  }

  [[nodiscard]] std::uint32_t hash_of(std::uint32_t slot) const noexcept {
    if constexpr (Hasher::cheap)
      return static_cast<std::uint32_t>(hasher_(entries_.cells().key(base_ + slot)));
    else
      return hashes_[slot];
  }

  template <class K>
  [[nodiscard]] spot locate(std::uint32_t hash, const K& key) const {
    const auto equal = [&](std::uint32_t slot) { return Equal{}(entries_.cells().key(base_ + slot), key); };
    return table_.locate(hash, equal);
  }

  /// A little of the work that clear() and the time left, each time the shard is changed. `moment` is 0 where nobody has
  /// looked at the clock.
  [[gnu::always_inline]] void upkeep(entry_end moment, unsigned budget = 4) {
    if (dead_ != 0) purge(budget);
    if (moment != 0) expire(moment, budget);
  }
  /// Takes out up to `budget` entries whose time is over. Returns: whether there may be more.
  [[gnu::noinline]] bool expire(entry_end moment, unsigned budget) {
    timer_wheel* const wheel = wheel_.load();
    if (wheel == nullptr) return false;
    return wheel->advance(moment, budget, [&](std::uint32_t slot) {
      const auto now = [&] { return moment; };
      if (!entries_.past(base_ + slot, now))
        return wheel->schedule(
            slot, entries_.columns().kept_until(base_ + slot));  // put off, or on the way to a finer wheel
      const std::uint32_t hash = hash_of(slot);
      unlink(hash, table_.find(hash, slot), note_gone(slot, removal_cause::expired, now));
    });
  }
  // Down from the last bucket: entries move from a bucket to the one before only.
  [[gnu::noinline]] void purge(std::uint32_t buckets) {
    for (; buckets != 0 && dead_ != 0 && purged_ < table_.count(); --buckets, ++purged_)
      table_.each(table_.count() - 1 - purged_, [&](const spot& old) {
        if (!cleared(old.slot)) return;
        ++counts_.removals;
        unlink(hash_of(old.slot), old, removal_cause::erased);
      });
  }
  [[nodiscard]] bool cleared(std::uint32_t slot) const noexcept {
    return entries_.invalidated().cleared(index_, entries_.columns().number(column::born, base_ + slot));
  }
  /// Of an entry that clear() counted as dead, when it leaves or is written anew.
  void revive(std::uint32_t slot) noexcept {
    if (!cleared(slot)) return;
    if (--dead_ == 0) entries_.invalidated().forget_cleared(index_);
    note_size();
  }

  void forget(std::uint32_t slot) noexcept {
    if (dead_ != 0) [[unlikely]]
      revive(slot);
    if (timer_wheel* const wheel = wheel_.load()) wheel->cancel(slot);
  }

  void set_terms(std::uint32_t slot, const entry_terms& terms,
                 [[maybe_unused]] std::int64_t weight) noexcept {
    entry_columns& columns = entries_.columns();
    columns.set_terms(base_ + slot, terms, entries_.invalidated().moment());
    if constexpr (Weighed) columns.set(column::weight, base_ + slot, weight);
    timer_wheel* const wheel = wheel_.load();
    if (wheel == nullptr) return;
    wheel->cancel(slot);
    if (terms.ends()) wheel->schedule(slot, entries_.columns().kept_until(base_ + slot));
  }

  /// Puts the entry at `fresh` in the place of an older one of its key.
  template <class Now>
  void supplant(std::uint32_t hash, const spot& old, std::uint32_t fresh, Now&& now) noexcept {
    const removal_cause cause = note_gone(old.slot, removal_cause::replaced, now);
    forget(old.slot);
    policy_.replace(old.slot, fresh);
    marks_[fresh].raise();
    if constexpr (!Hasher::cheap) hashes_[fresh] = hash;
    table_.replace(old, fresh);
    slots_.retire(old.slot, cause);
  }

  /// Takes `weight` from the budget, less that of the entry it replaces; if the new one is the heavier, the old one goes
  /// at once. Evicts a few entries if need be. Returns: whether it succeeded.
  template <class Now>
  bool reserve_weight(std::uint32_t hash, spot& old, std::int64_t weight, Now&& now) {
    std::int64_t more = weight;
    if (old.slot != no_slot) {
      more -= weight_of(old.slot);
      if (more <= 0) {
        budget_.give_back(static_cast<std::uint64_t>(-more));
        return true;
      }
      if (budget_.take(static_cast<std::uint64_t>(more))) return true;
      unlink(hash, old, note_gone(old.slot, removal_cause::replaced, now));
      old.slot = no_slot;
    }
    constexpr int evictions_max = 16;  // the other shards shall give way as well
    for (int i = 0; !budget_.take(static_cast<std::uint64_t>(weight)); ++i) {
      if (i == evictions_max || policy_.size() == 0) return false;
      policy_.resize(policy_.size());  // the weight is the bound now, not the number
      evict_one(now);
      note_size();
    }
    return true;
  }

  [[nodiscard]] std::int64_t weight_of(std::uint32_t slot) const noexcept {
    return entries_.columns().number(column::weight, base_ + slot);
  }

  template <class Now>
  void make_room(Now&& now) {
    constexpr int evictions_max = 2;  // of several only while a bound that was lowered is being enforced
    for (int i = 0; i < evictions_max && policy_.size() >= quota_; ++i) {
      if constexpr (Weighed) policy_.resize(quota_);
      evict_one(now);
    }
  }

  template <class Now>
  void evict_one(Now&& now) {
    const std::uint32_t slot =
        policy_.evict([&](std::uint32_t candidate) { return entries_.over(base_ + candidate, now); },
                      [&](std::uint32_t entry) { return hash_of(entry); });
    const removal_cause cause = note_gone(slot, removal_cause::size, now);
    const std::uint32_t hash = hash_of(slot);
    table_.remove(hash, table_.find(hash, slot), [this](std::uint32_t entry) { return hash_of(entry); });
    retire(slot, cause);
  }

  void link(std::uint32_t hash, std::uint32_t slot) {
    if constexpr (!Hasher::cheap) hashes_[slot] = hash;
    policy_.insert(slot, hash, [&](std::uint32_t entry) { return hash_of(entry); });
    table_.insert(hash, slot);
    note_size();
  }

  void unlink(std::uint32_t hash, const spot& old, removal_cause cause) noexcept {
    policy_.remove(old.slot);
    table_.remove(hash, old, [this](std::uint32_t entry) { return hash_of(entry); });
    retire(old.slot, cause);
    note_size();
  }

  void retire(std::uint32_t slot, removal_cause cause) noexcept {
    forget(slot);
    if constexpr (Weighed) budget_.give_back(static_cast<std::uint64_t>(weight_of(slot)));
    slots_.retire(slot, cause);
  }

  // release: partner is size(); a full fence would buy nothing but order with other caches
  void note_size() noexcept { size_.store(policy_.size() - dead_, std::memory_order_release); }

  /// Counts an entry that leaves. Returns: why it does: `cause`, unless it was of no use before.
  template <class Now>
  removal_cause note_gone(std::uint32_t slot, removal_cause cause, Now&& now) noexcept {
    cause = entries_.why_gone(base_ + slot, cause, now);
    counts_.count(cause);
    return cause;
  }

  /// Whether a reader would get the entry.
  template <class Now>
  [[nodiscard]] bool served(std::uint32_t slot, Now&& now) const noexcept {
    return entries_.is_served(base_ + slot, entries_.invalidated().look(index_), now);
  }
  mutable brief_lock mutex_;  // guards all writing below; of user code only Hash and Equal run under it
  const std::size_t index_;
  std::uint32_t quota_;
  const std::size_t base_;  // of this shard's slots in the arrays
  const Hasher hasher_;
  arrays& entries_;
  weight_budget& budget_;
  table_type table_;
  mark* const marks_;
  eviction_policy policy_;
  std::unique_ptr<std::uint32_t[]> hashes_;  // by slot; null where hashing again is cheap
  slot_pool<Key, Value, arrays, brief_lock> slots_;
  shard_counts counts_;
  std::atomic<timer_wheel*> wheel_ = nullptr;  // made with the first entry that has an end
  std::uint32_t dead_ = 0;                     // entries that clear() has left behind
  std::uint32_t purged_ = 0;                   // the last so many buckets have none of them
  std::atomic<std::uint32_t> size_ = 0;
};

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/brief_lock.hpp>
#include <hasten/cache/detail/bucket_table.hpp>
#include <hasten/cache/detail/entry_arrays.hpp>
#include <hasten/cache/detail/eviction_policy.hpp>
#include <hasten/cache/detail/reader_records.hpp>
#include <hasten/cache/detail/removal_hook.hpp>
#include <hasten/cache/removal.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace hasten::detail {

/// What the writers of a shard count, under its lock.
struct shard_counts {
  std::uint64_t evictions_size = 0;
  std::uint64_t evictions_expired = 0;
  std::uint64_t removals = 0;
  std::uint64_t replaced = 0;
  std::uint64_t dropped = 0;
};

/// The writing side of a part of a memory_cache: the lock and the policy over a range of the entry arrays.
///
/// Values that cannot be copied word by word live in slots that are destroyed outside the lock, once no
/// thread has them pinned: an entry taken out goes to `limbo_`, and whoever took it out sweeps. Where somebody listens
/// to removals, it goes through `departed_` first.
/// Thread safety: thread-safe.
template <class Key, class Value, class Equal, class Hasher>
class cache_shard {
 public:
  using key_type = Key;
  using value_type = Value;
  using arrays = entry_arrays<Key, Value, Equal>;
  static constexpr bool copies = arrays::copies;
  // Slots beyond the quota hold entries that are being built, or are gone but still looked at or told of.
  static constexpr std::uint32_t spare = 64;

  cache_shard(arrays& entries, std::size_t index, std::uint32_t quota, Hasher hasher, reader_records& readers,
              removal_hook<Key, Value>& hook)
      : quota_(quota),
        slots_(entries.slots_per_shard()),
        base_(entries.first_slot(index)),
        hasher_(hasher),
        readers_(readers),
        hook_(hook),
        entries_(entries),
        table_(entries.table(index)),
        marks_(entries.marks(index)),
        policy_(quota, slots_, marks_, static_cast<std::uint32_t>(fold(hasher.seed + index, odd_bits[2]))),
        hashes_(Hasher::cheap ? nullptr : std::make_unique_for_overwrite<std::uint32_t[]>(slots_)) {}
  cache_shard(const cache_shard&) = delete;
  cache_shard& operator=(const cache_shard&) = delete;

  ~cache_shard() {
    if constexpr (!copies) {
      for (std::uint32_t index = 0; index < table_.count(); ++index)
        each_slot(table_.at(index),
                  [&](unsigned, std::uint32_t slot) { entries_.cells().destroy(base_ + slot); });
      for (const std::uint32_t first : {limbo_.load(), departed_.load()})
        for (std::uint32_t slot = first; slot != no_slot; slot = policy_.chain(slot))
          entries_.cells().destroy(base_ + slot);
    }
  }

  /// Runs `work` while no writer is at work: for readers that found the entries torn again and again.
  template <class Work>
  auto undisturbed(Work&& work) const {
    const std::scoped_lock lock(mutex_);
    return work();
  }

  /// Builds an entry outside the lock. Returns: its slot, or no_slot when all spare ones are looked at.
  /// Throws: what copying or moving the key and value throws.
  template <class V>
  [[nodiscard]] std::uint32_t prepare(const Key& key, V&& value)
    requires(!copies)
  {
    const std::uint32_t slot = reserve();
    if (slot == no_slot) return no_slot;
    try {
      entries_.cells().construct(base_ + slot, key, std::forward<V>(value));
    } catch (...) {
      push(cleaned_, slot);
      throw;
    }
    return slot;
  }

  /// Puts back a prepared entry that is not wanted.
  void discard(std::uint32_t slot) noexcept
    requires(!copies)
  {
    if (slot == no_slot) return;
    entries_.cells().destroy(base_ + slot);
    push(cleaned_, slot);
  }

  /// Adds or overwrites an entry of copied cells. A value that was `Loaded` overwrites none that is served: there was
  /// none when its load began, so the one there now is newer. The caller sweeps.
  template <bool Loaded = false, class Now>
  void put(std::uint32_t hash, const Key& key, const Value& value, const entry_terms& terms, Now&& now)
    requires(copies)
  {
    while (!try_put<Loaded>(hash, key, value, terms, now)) sweep(true);  // each sweep frees a slot
  }

  /// Adds or overwrites with an entry made by prepare(); the caller sweeps afterwards, outside every lock.
  /// With no_slot, removes what is there: better no value than an outdated one. `Loaded` as for put().
  /// Returns: whether it took the entry.
  template <bool Loaded = false, class Now>
  bool put_prepared(std::uint32_t hash, const Key& key, std::uint32_t fresh, const entry_terms& terms,
                    Now&& now)
    requires(!copies)
  {
    const std::scoped_lock lock(mutex_);
    const spot old = locate(hash, key);
    if (Loaded && old.slot != no_slot && served(old.slot, now)) return false;
    if (fresh == no_slot) {
      ++counts_.dropped;
      if (old.slot != no_slot) unlink(hash, old, removal_cause::replaced);
      return false;
    }
    entries_.columns().set_terms(base_ + fresh, terms);
    if (old.slot == no_slot) {
      make_room(now);
      link(hash, fresh);
      return true;
    }
    supplant(hash, old, fresh, now);
    return true;
  }

  /// Returns: whether there was an entry. The caller sweeps.
  template <class K>
  bool erase(std::uint32_t hash, const K& key) {
    const std::scoped_lock lock(mutex_);
    const spot old = locate(hash, key);
    if (old.slot == no_slot) return false;
    unlink(hash, old, removal_cause::erased);
    ++counts_.removals;
    return true;
  }

  /// Removes an entry that a reader found expired, if it still is. Does not wait. The caller sweeps.
  template <class K, class Now>
  void erase_expired(std::uint32_t hash, const K& key, Now&& now) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    const spot old = locate(hash, key);
    if (old.slot == no_slot || !over(old.slot, now)) return;
    unlink(hash, old, removal_cause::expired);
    ++counts_.evictions_expired;
  }

  /// Serves an entry that is over again until `served`, but no longer than it is kept. Returns: whether there is one
  /// to serve.
  template <class K, class Now>
  bool extend(std::uint32_t hash, const K& key, entry_end until, Now&& now) {
    const std::scoped_lock lock(mutex_);
    const spot old = locate(hash, key);
    if (old.slot == no_slot || over(old.slot, now)) return false;
    const std::size_t slot = base_ + old.slot;
    if (!served(old.slot, now))
      entries_.columns().set_end(column::served, slot,
                                 std::min(until, entries_.columns().end(column::kept, slot)));
    return true;
  }

  /// Returns: what is known of an entry that is served or kept.
  template <class K, class Now>
  [[nodiscard]] std::optional<entry_terms> terms(std::uint32_t hash, const K& key, Now&& now) const {
    const std::scoped_lock lock(mutex_);
    const spot here = locate(hash, key);
    if (here.slot == no_slot || over(here.slot, now)) return std::nullopt;
    return entries_.columns().terms(base_ + here.slot);
  }

  /// Removes every entry whose key `matches`, which runs under the lock, some buckets at a time. The lock is
  /// free in between. Returns: how many. Complexity: linear in the capacity.
  template <class Matches>
  std::size_t erase_if(Matches&& matches) {
    constexpr std::uint32_t stride = 32;
    std::size_t removed = 0;
    for (std::uint32_t first = 0; first < table_.count(); first += stride) {
      {
        const std::scoped_lock lock(mutex_);
        const std::uint32_t last = std::min(first + stride, table_.count());
        for (std::uint32_t index = first; index < last; ++index)
          each_slot(table_.at(index), [&](unsigned place, std::uint32_t slot) {
            if (!matches(entries_.cells().key(base_ + slot))) return;
            unlink(hash_of(slot), {{&table_.at(index), place}, slot}, removal_cause::erased);
            ++counts_.removals;
            ++removed;
          });
      }
      sweep(true);
    }
    return removed;
  }

  /// Tells of what was taken out, and destroys what is not looked at any more. Runs the listener and destructors of
  /// Key and Value: call it outside every lock. Unless `eager`, leaves a few for later where other threads read, as asking them is
  /// dear.
  void sweep(bool eager) noexcept {
    if (hook_.listening()) [[unlikely]]
      tell_departed();
    if constexpr (!copies) {
      constexpr std::uint32_t batch = spare / 2;
      if (limbo_.load() == no_slot) return;
      if (!eager && limbo_count_.load() < batch && !readers_.alone()) return;
      std::uint32_t slot = limbo_.exchange(no_slot);
      // Only now: of an entry that another thread takes out after these two looks, they say nothing, and it
      // would be destroyed under a reader whose pin is not visible yet.
      if (!readers_.alone()) readers_.order_pins();
      std::uint32_t destroyed = 0;
      while (slot != no_slot) {
        const std::uint32_t next = policy_.chain(slot);
        if (pinned(slot)) {
          push(limbo_, slot);
        } else {
          entries_.cells().destroy(base_ + slot);
          push(cleaned_, slot);
          ++destroyed;
        }
        slot = next;
      }
      limbo_count_.fetch_sub(destroyed);
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_.load(); }

  [[nodiscard]] shard_counts counts() const {
    const std::scoped_lock lock(mutex_);
    return counts_;
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    return policy_.bytes() + (Hasher::cheap ? 0 : slots_ * sizeof(std::uint32_t)) + sizeof(*this);
  }

 private:
  struct spot {
    bucket_table::position place;
    std::uint32_t slot;
  };

  // All below up to the data: only under mutex_, unless it says otherwise.

  template <class Visit>
  static void each_slot(bucket& at, Visit&& visit) {
    for (unsigned index = 0; index < bucket::width; ++index)
      if (at.tag_at(index) != 0) visit(index, at.slots[index].load());
  }

  [[nodiscard]] std::uint32_t hash_of(std::uint32_t slot) const noexcept {
    if constexpr (Hasher::cheap)
      return static_cast<std::uint32_t>(hasher_(entries_.cells().key(base_ + slot)));
    else
      return hashes_[slot];
  }

  template <class K>
  [[nodiscard]] spot locate(std::uint32_t hash, const K& key) const {
    spot result{{}, no_slot};
    bucket& home = table_.home(hash);
    if (const unsigned index = home.first_low_like(bucket::tag(hash)); index != bucket::width) {
      const std::uint32_t slot = home.slots[index].load(std::memory_order_relaxed);  // as below
      if (Equal{}(entries_.cells().key(base_ + slot), key)) return {{&home, index}, slot};
    }
    table_.search(hash, [&](bucket& at, unsigned index) {
      // relaxed: the lock is held. The tag may be of an empty place.
      const std::uint32_t slot = at.slots[index].load(std::memory_order_relaxed);
      if (at.tag_at(index) == 0 || !Equal{}(entries_.cells().key(base_ + slot), key)) return false;
      result = {{&at, index}, slot};
      return true;
    });
    return result;
  }

  template <bool Loaded, class Now>
  bool try_put(std::uint32_t hash, const Key& key, const Value& value, const entry_terms& terms, Now&& now) {
    const std::scoped_lock lock(mutex_);
    const spot old = locate(hash, key);
    if (old.slot != no_slot) {
      if (Loaded && served(old.slot, now)) return true;
      if (!hook_.listening()) [[likely]] {
        note_replaced(old.slot, now);
        const bucket_change editing(*old.place.where);
        entries_.cells().assign(base_ + old.slot, value);
        entries_.columns().set_terms(base_ + old.slot, terms);
        marks_[old.slot].raise();
        return true;
      }
    } else {
      make_room(now);
    }
    const std::uint32_t slot = take_free();
    if (slot == no_slot) return false;
    entries_.cells().construct(base_ + slot, key, value);
    entries_.columns().set_terms(base_ + slot, terms);
    if (old.slot == no_slot)
      link(hash, slot);
    else
      supplant(hash, old, slot, now);
    return true;
  }

  /// Puts the entry at `fresh` in the place of an older one of its key.
  template <class Now>
  void supplant(std::uint32_t hash, const spot& old, std::uint32_t fresh, Now&& now) noexcept {
    const removal_cause cause = note_replaced(old.slot, now);
    policy_.replace(old.slot, fresh);
    marks_[fresh].raise();
    if constexpr (!Hasher::cheap) hashes_[fresh] = hash;
    if constexpr (copies)
      bucket_change(*old.place.where).set(old.place.index, bucket::tag(hash), fresh);
    else
      old.place.where->slots[old.place.index].store(fresh);  // seq_cst: partner is the pinning reader
    retire(old.slot, cause);
  }

  template <class Now>
  void make_room(Now&& now) {
    if (policy_.size() < quota_) return;
    const std::uint32_t slot = policy_.evict([&](std::uint32_t candidate) { return over(candidate, now); },
                                             [&](std::uint32_t entry) { return hash_of(entry); });
    const bool expired = over(slot, now);
    ++(expired ? counts_.evictions_expired : counts_.evictions_size);
    const std::uint32_t hash = hash_of(slot);
    table_.remove(hash, table_.find(hash, slot));
    retire(slot, expired ? removal_cause::expired : removal_cause::size);
  }

  void link(std::uint32_t hash, std::uint32_t slot) {
    if constexpr (!Hasher::cheap) hashes_[slot] = hash;
    policy_.insert(slot, hash, [&](std::uint32_t entry) { return hash_of(entry); });
    table_.insert(hash, slot);
    note_size();
  }

  void unlink(std::uint32_t hash, const spot& old, removal_cause cause) noexcept {
    policy_.remove(old.slot);
    table_.remove(hash, old.place);
    retire(old.slot, cause);
    note_size();
  }

  // release: partner is size(); a full fence would buy nothing but order with other caches
  void note_size() noexcept { size_.store(policy_.size(), std::memory_order_release); }

  void retire(std::uint32_t slot, removal_cause cause) noexcept {
    if (hook_.listening()) [[unlikely]] {
      policy_.note(slot) = static_cast<std::uint32_t>(cause);
      policy_.chain(slot) = departed_.load();
      departed_.store(slot);
    } else if constexpr (copies) {
      policy_.chain(slot) = free_;
      free_ = slot;
    } else {
      push(limbo_, slot);
      ++limbo_count_;
    }
  }

  [[nodiscard]] std::uint32_t take_free() noexcept {
    if (free_ != no_slot) return std::exchange(free_, policy_.chain(free_));
    if (fresh_ < slots_) return fresh_++;
    if constexpr (!copies) free_ = cleaned_.exchange(no_slot);
    return free_ == no_slot ? no_slot : std::exchange(free_, policy_.chain(free_));
  }

  template <class Now>
  removal_cause note_replaced(std::uint32_t slot, Now&& now) noexcept {
    const bool expired = over(slot, now);
    ++(expired ? counts_.evictions_expired : counts_.replaced);
    return expired ? removal_cause::expired : removal_cause::replaced;
  }

  /// Whether a reader would get the entry.
  template <class Now>
  [[nodiscard]] bool served(std::uint32_t slot, Now&& now) const noexcept {
    return !is_past(entries_.columns().end(column::served, base_ + slot), now);
  }
  /// Whether the entry is of no more use, not even to stand in for a loader that fails.
  template <class Now>
  [[nodiscard]] bool over(std::uint32_t slot, Now&& now) const noexcept {
    const column last = entries_.columns().has(column::kept) ? column::kept : column::served;
    return is_past(entries_.columns().end(last, base_ + slot), now);
  }
  template <class Now>
  [[nodiscard]] static bool is_past(entry_end until, Now&& now) noexcept {
    return until != never && until <= now();
  }

  // Outside the lock. One at a time: a listener that takes its time holds up one slot, not all.
  void tell_departed() noexcept {
    while (departed_.load() != no_slot) {
      std::unique_lock lock(mutex_);
      const std::uint32_t slot = departed_.load();
      if (slot == no_slot) return;
      departed_.store(policy_.chain(slot));
      const auto cause = static_cast<removal_cause>(policy_.note(slot));
      if constexpr (copies) {
        const Key key = entries_.cells().key(base_ + slot);
        const Value value = entries_.cells().value(base_ + slot);
        policy_.chain(slot) = std::exchange(free_, slot);
        lock.unlock();
        hook_.tell(key, value, cause);
      } else {
        lock.unlock();
        const auto& cell = entries_.cells().at(base_ + slot);
        hook_.tell(cell.key, cell.value, cause);
        push(limbo_, slot);
        ++limbo_count_;
      }
    }
  }

  // Outside the lock.
  [[nodiscard]] std::uint32_t reserve() {
    for (int attempt = 0; attempt < 2; ++attempt) {
      {
        const std::scoped_lock lock(mutex_);
        if (const std::uint32_t slot = take_free(); slot != no_slot) return slot;
      }
      sweep(true);
    }
    return no_slot;
  }

  // Outside the lock too: chains belong to whoever took them whole.
  void push(std::atomic<std::uint32_t>& chain, std::uint32_t slot) noexcept {
    std::uint32_t head = chain.load();
    do policy_.chain(slot) = head;
    while (!chain.compare_exchange_weak(head, slot));
  }

  // Outside the lock, after order_pins().
  [[nodiscard]] bool pinned(std::uint32_t slot) const noexcept {
    const void* const object = &entries_.cells().at(base_ + slot);
    bool held = false;
    // seq_cst: partner is pin::hold, before the reader looks the slot up again
    readers_.each([&](const reader_record& reader) {
      for (const auto& pin : reader.pins) held |= pin.load() == object;
    });
    return held;
  }

  mutable brief_lock mutex_;  // guards all writing below; of user code only Hash and Equal run under it
  const std::uint32_t quota_;
  const std::uint32_t slots_;
  const std::size_t base_;  // of this shard's slots in the arrays
  const Hasher hasher_;
  reader_records& readers_;
  removal_hook<Key, Value>& hook_;
  arrays& entries_;
  bucket_table table_;
  mark* const marks_;
  eviction_policy policy_;
  std::unique_ptr<std::uint32_t[]> hashes_;  // by slot; null where hashing again is cheap
  std::uint32_t free_ = no_slot;             // chain of slots ready for use
  std::uint32_t fresh_ = 0;                  // slots from here on were never used
  shard_counts counts_;
  std::atomic<std::uint32_t> size_ = 0;
  std::atomic<std::uint32_t> departed_ =
      no_slot;  // chain of slots taken out, to be told of; changed under mutex_
  std::atomic<std::uint32_t> limbo_ = no_slot;    // chain of slots taken out, perhaps still looked at
  std::atomic<std::uint32_t> limbo_count_ = 0;    // about as many
  std::atomic<std::uint32_t> cleaned_ = no_slot;  // chain of slots whose objects are destroyed
};

}  // namespace hasten::detail

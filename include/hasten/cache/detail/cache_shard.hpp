// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/bucket_table.hpp>
#include <hasten/cache/detail/cells.hpp>
#include <hasten/cache/detail/eviction_policy.hpp>
#include <hasten/cache/detail/reader_records.hpp>
#include <hasten/core/clock.hpp>

#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace hasten::detail {

/// When an entry stops being served, as steady_time ticks; `never` for entries without an end.
using deadline = std::int64_t;
inline constexpr deadline never = std::numeric_limits<deadline>::max();

enum class found : std::uint8_t { hit, absent, expired, torn };

/// What the writers of a shard count, under its lock.
struct shard_counts {
  std::uint64_t evictions_size = 0;
  std::uint64_t evictions_expired = 0;
  std::uint64_t removals = 0;
  std::uint64_t replaced = 0;
  std::uint64_t dropped = 0;
};

/// A part of a memory_cache: its own lock, table, entries and policy. Lookups take no lock; all else does.
///
/// Values that cannot be copied word by word live in slots that are destroyed outside the lock, once no
/// thread has them pinned: an entry taken out goes to `limbo_`, and whoever took it out sweeps.
/// Thread safety: thread-safe
template <class Key, class Value, class Equal>
class cache_shard {
 public:
  static constexpr bool copies = copied_out<Key, Value>;
  using cells = std::conditional_t<copies, copied_cells<Key, Value>, pinned_cells<Key, Value>>;

  cache_shard(std::uint32_t quota, std::uint32_t seed, reader_records& readers)
      : quota_(quota),
        slots_(quota + spare),
        readers_(readers),
        table_(quota),
        policy_(quota, slots_, seed),
        cells_(slots_) {}
  cache_shard(const cache_shard&) = delete;
  cache_shard& operator=(const cache_shard&) = delete;

  ~cache_shard() {
    if constexpr (!copies) {
      for (std::uint32_t index = 0; index < table_.buckets(); ++index)
        each_slot(table_.at(index), [&](std::uint32_t slot) { cells_.destroy(slot); });
      for (std::uint32_t slot = limbo_.load(); slot != no_slot; slot = policy_.chain(slot))
        cells_.destroy(slot);
    }
    delete[] deadlines_.load();
  }

  /// Looks `key` up and, on a hit, calls `use(const Value&)` outside every lock. `now()` is only asked where
  /// the entry has an end.
  template <class K, class Now, class Use>
  found read(std::uint32_t hash, const K& key, reader_record& reader, Now&& now, Use&& use) {
    if constexpr (copies) {
      word_copy<Value> value;
      const found outcome = copy_out(hash, key, now, value);
      if (outcome == found::hit) use(value.get());
      return outcome;
    } else {
      return read_pinned(hash, key, reader, now, use);
    }
  }

  /// Builds an entry outside the lock. Throws: what copying or moving the key and value throws.
  template <class V>
  [[nodiscard]] std::uint32_t prepare(const Key& key, V&& value) {
    static_assert(!copies);
    const std::uint32_t slot = reserve();
    if (slot == no_slot) return no_slot;
    try {
      cells_.construct(slot, key, std::forward<V>(value));
    } catch (...) {
      push(cleaned_, slot);
      throw;
    }
    return slot;
  }

  /// Puts back a prepared entry that is not wanted.
  void discard(std::uint32_t slot) noexcept {
    if (slot == no_slot) return;
    cells_.destroy(slot);
    push(cleaned_, slot);
  }

  /// Adds or overwrites an entry of copied cells. The caller sweeps nothing: there is nothing to destroy.
  template <class Now>
  void put(std::uint32_t hash, const Key& key, const Value& value, deadline until, Now&& now)
    requires(copies)
  {
    const std::scoped_lock lock(mutex_);
    std::atomic<deadline>* const ends = ends_for(until);
    if (const std::uint32_t slot = locate(hash, key); slot != no_slot) {
      note_replaced(slot, now);
      const bucket_table::change editing(*table_.find(hash, slot).where);
      cells_.construct(slot, key, value);
      set_end(ends, slot, until);
      policy_.hit(slot);
      return;
    }
    make_room(now);
    const std::uint32_t slot = take_free();
    cells_.construct(slot, key, value);
    set_end(ends, slot, until);
    link(hash, slot);
  }

  /// Adds or overwrites with an entry made by prepare(); the caller sweeps afterwards, outside every lock.
  /// With no_slot, removes what is there: better no value than an outdated one.
  template <class Now>
  void put(std::uint32_t hash, const Key& key, std::uint32_t fresh, deadline until, Now&& now)
    requires(!copies)
  {
    const std::scoped_lock lock(mutex_);
    const std::uint32_t old = locate(hash, key);
    if (fresh == no_slot) {
      ++counts_.dropped;
      if (old != no_slot) unlink(old);
      return;
    }
    std::atomic<deadline>* const ends = ends_for(until);
    set_end(ends, fresh, until);
    if (old != no_slot) {
      note_replaced(old, now);
      const bucket_table::position place = table_.find(hash, old);
      policy_.replace(old, fresh);
      policy_.hit(fresh);
      place.where->slots[place.index].store(fresh);  // seq_cst: partner is read_pinned()
      retire(old);
      return;
    }
    make_room(now);
    link(hash, fresh);
  }

  /// Returns: whether there was an entry. The caller sweeps.
  template <class K>
  bool erase(std::uint32_t hash, const K& key) {
    const std::scoped_lock lock(mutex_);
    const std::uint32_t slot = locate(hash, key);
    if (slot == no_slot) return false;
    unlink(slot);
    ++counts_.removals;
    return true;
  }

  /// Removes an entry that a reader found expired, if it still is. Does not wait. The caller sweeps.
  template <class K, class Now>
  void erase_expired(std::uint32_t hash, const K& key, Now&& now) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    const std::uint32_t slot = locate(hash, key);
    if (slot == no_slot || !over(slot, now)) return;
    unlink(slot);
    ++counts_.evictions_expired;
  }

  /// Removes every entry whose key `matches`, which runs under the lock, some buckets at a time. The lock is
  /// free in between. Returns: how many. Complexity: linear in the capacity.
  template <class Matches>
  std::size_t erase_if(Matches&& matches) {
    constexpr std::uint32_t stride = 32;
    std::size_t removed = 0;
    for (std::uint32_t first = 0; first < table_.buckets(); first += stride) {
      {
        const std::scoped_lock lock(mutex_);
        const std::uint32_t last = std::min(first + stride, table_.buckets());
        for (std::uint32_t index = first; index < last; ++index)
          each_slot(table_.at(index), [&](std::uint32_t slot) {
            if (!matches(key_of(slot))) return;
            unlink(slot);
            ++counts_.removals;
            ++removed;
          });
      }
      sweep();
    }
    return removed;
  }

  /// Destroys what was taken out and is not looked at any more. Runs destructors of Key and Value: call it
  /// outside every lock.
  void sweep() noexcept {
    if constexpr (!copies) {
      if (limbo_.load() == no_slot) return;
      for (std::uint32_t slot = limbo_.exchange(no_slot); slot != no_slot;) {
        const std::uint32_t next = policy_.chain(slot);
        if (pinned(slot)) {
          push(limbo_, slot);
        } else {
          cells_.destroy(slot);
          push(cleaned_, slot);
        }
        slot = next;
      }
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_.load(); }

  [[nodiscard]] shard_counts counts() const {
    const std::scoped_lock lock(mutex_);
    return counts_;
  }

 private:
  // Slots beyond the quota hold entries that are being built, or are gone but still looked at.
  static constexpr std::uint32_t spare = copies ? 0 : 64;

  template <class Visit>
  static void each_slot(bucket_table::bucket& at, Visit&& visit) {
    for (unsigned left = at.taken(); left != 0; left &= left - 1)
      visit(at.slots[static_cast<unsigned>(std::countr_zero(left))].load());
  }

  template <class K, class Now>
  found copy_out(std::uint32_t hash, const K& key, Now&& now, word_copy<Value>& value) {
    for (int attempt = 0; attempt < 4; ++attempt)
      if (const found outcome = try_copy(hash, key, now, value); outcome != found::torn) return outcome;
    const std::scoped_lock lock(mutex_);  // writers are many: queue up among them
    return try_copy(hash, key, now, value);
  }

  template <class K, class Now>
  found try_copy(std::uint32_t hash, const K& key, Now&& now, word_copy<Value>& value) {
    const std::uint8_t tag = bucket_table::tag(hash);
    bucket_table::bucket* at = &table_.home(hash);
    for (std::uint32_t steps = table_.buckets(); steps != 0; --steps, at = &table_.after(*at)) {
      // acquire: begins the lookup; partner: change::~change
      const std::uint32_t version = at->state.load(std::memory_order_acquire);
      // relaxed: every read of the lookup is acquire, so this one comes after them
      const auto changed = [&] { return at->state.load(std::memory_order_relaxed) != version; };
      if ((version & 1) != 0) return found::torn;
      for (unsigned left = at->matches(tag); left != 0; left &= left - 1) {
        // acquire: partner is bucket_table::set, after the cell was written
        const std::uint32_t slot =
            at->slots[static_cast<unsigned>(std::countr_zero(left))].load(std::memory_order_acquire);
        if (slot == no_slot) return found::torn;
        word_copy<Key> stored;
        stored.load(cells_.key_words(slot));
        // Half a new key and half an old one must not reach Equal, unless any bits will do.
        if constexpr (!std::is_scalar_v<Key> || sizeof(Key) > 8)
          if (changed()) return found::torn;
        if (!Equal{}(stored.get(), key)) continue;
        value.load(cells_.value_words(slot));
        const deadline until = end_of(slot);
        if (changed()) return found::torn;
        if (until != never && until <= now()) return found::expired;
        policy_.hit(slot);
        return found::hit;
      }
      if (changed()) return found::torn;
      if ((version & bucket_table::passed_mask) == 0) break;
    }
    return found::absent;
  }

  template <class K, class Now, class Use>
  found read_pinned(std::uint32_t hash, const K& key, reader_record& reader, Now&& now, Use&& use) {
    const std::uint8_t tag = bucket_table::tag(hash);
    bucket_table::bucket* at = &table_.home(hash);
    pin guard(reader);
    for (std::uint32_t steps = table_.buckets(); steps != 0; --steps, at = &table_.after(*at)) {
      for (unsigned left = at->matches(tag); left != 0; left &= left - 1) {
        auto& place = at->slots[static_cast<unsigned>(std::countr_zero(left))];
        std::uint32_t slot = place.load();
        for (std::uint32_t seen = no_slot; slot != no_slot && slot != seen; slot = place.load()) {
          guard.hold(&cells_.at(slot));
          seen = slot;
        }
        if (slot == no_slot || !Equal{}(cells_.at(slot).key, key)) continue;
        const deadline until = end_of(slot);
        if (until != never && until <= now()) return found::expired;
        policy_.hit(slot);
        use(cells_.at(slot).value);
        return found::hit;
      }
      // acquire: partner is change::~change
      if ((at->state.load(std::memory_order_acquire) & bucket_table::passed_mask) == 0) break;
    }
    return found::absent;
  }

  // All below up to the data: only under mutex_, unless it says otherwise.

  [[nodiscard]] decltype(auto) key_of(std::uint32_t slot) const noexcept {
    if constexpr (copies) {
      word_copy<Key> key;
      key.load(cells_.key_words(slot));
      return key.get();
    } else {
      return (cells_.at(slot).key);
    }
  }

  template <class K>
  [[nodiscard]] std::uint32_t locate(std::uint32_t hash, const K& key) {
    bucket_table::bucket* at = &table_.home(hash);
    for (std::uint32_t steps = table_.buckets(); steps != 0; --steps, at = &table_.after(*at)) {
      for (unsigned left = at->matches(bucket_table::tag(hash)); left != 0; left &= left - 1) {
        const std::uint32_t slot = at->slots[static_cast<unsigned>(std::countr_zero(left))].load();
        if (Equal{}(key_of(slot), key)) return slot;
      }
      if ((at->state.load() & bucket_table::passed_mask) == 0) break;
    }
    return no_slot;
  }

  template <class Now>
  void make_room(Now&& now) noexcept {
    if (policy_.size() < quota_) return;
    const std::uint32_t slot = policy_.evict([&](std::uint32_t candidate) { return over(candidate, now); });
    ++(over(slot, now) ? counts_.evictions_expired : counts_.evictions_size);
    table_.remove(policy_.hash_of(slot), slot);
    retire(slot);
  }

  void link(std::uint32_t hash, std::uint32_t slot) noexcept {
    policy_.insert(slot, hash);
    table_.insert(hash, slot);
    size_.store(policy_.size());
  }

  void unlink(std::uint32_t slot) noexcept {
    policy_.remove(slot);
    table_.remove(policy_.hash_of(slot), slot);
    retire(slot);
    size_.store(policy_.size());
  }

  void retire(std::uint32_t slot) noexcept {
    if constexpr (copies) {
      policy_.chain(slot) = free_;
      free_ = slot;
    } else {
      push(limbo_, slot);
    }
  }

  [[nodiscard]] std::uint32_t take_free() noexcept {
    if (free_ == no_slot) free_ = cleaned_.exchange(no_slot);
    if (free_ != no_slot) return std::exchange(free_, policy_.chain(free_));
    return fresh_ < slots_ ? fresh_++ : no_slot;
  }

  template <class Now>
  void note_replaced(std::uint32_t slot, Now&& now) noexcept {
    ++(over(slot, now) ? counts_.evictions_expired : counts_.replaced);
  }

  template <class Now>
  [[nodiscard]] bool over(std::uint32_t slot, Now&& now) const noexcept {
    const deadline until = end_of(slot);
    return until != never && until <= now();
  }

  /// Returns: where the ends of entries are kept, made on the first entry that has one; null if none has.
  [[nodiscard]] std::atomic<deadline>* ends_for(deadline until) {
    std::atomic<deadline>* ends = deadlines_.load();
    if (ends == nullptr && until != never) {
      ends = new std::atomic<deadline>[slots_];
      for (std::uint32_t slot = 0; slot < slots_; ++slot) ends[slot].store(never, std::memory_order_relaxed);
      deadlines_.store(ends);
    }
    return ends;
  }

  static void set_end(std::atomic<deadline>* ends, std::uint32_t slot, deadline until) noexcept {
    // release: as every word of a cell; partner: end_of()
    if (ends != nullptr) ends[slot].store(until, std::memory_order_release);
  }

  // Outside the lock too.
  [[nodiscard]] deadline end_of(std::uint32_t slot) const noexcept {
    // acquire: partners are ends_for() and set_end()
    const std::atomic<deadline>* const ends = deadlines_.load(std::memory_order_acquire);
    return ends == nullptr ? never : ends[slot].load(std::memory_order_acquire);
  }

  // Outside the lock. Returns: a slot to build an entry in, or no_slot when all spare ones are looked at.
  [[nodiscard]] std::uint32_t reserve() {
    for (int attempt = 0; attempt < 2; ++attempt) {
      {
        const std::scoped_lock lock(mutex_);
        if (const std::uint32_t slot = take_free(); slot != no_slot) return slot;
      }
      sweep();
    }
    return no_slot;
  }

  // Outside the lock too: chains belong to whoever took them whole.
  void push(std::atomic<std::uint32_t>& chain, std::uint32_t slot) noexcept {
    std::uint32_t head = chain.load();
    do policy_.chain(slot) = head;
    while (!chain.compare_exchange_weak(head, slot));
  }

  // Outside the lock.
  [[nodiscard]] bool pinned(std::uint32_t slot) const noexcept {
    const void* const object = &cells_.at(slot);
    bool held = false;
    readers_.each([&](const reader_record& reader) {
      // seq_cst: partner is pin::hold, before the reader looks the slot up again
      for (const auto& pin : reader.pins) held |= pin.load() == object;
    });
    return held;
  }

  const std::uint32_t quota_;
  const std::uint32_t slots_;
  reader_records& readers_;
  mutable std::mutex mutex_;  // guards all below, lookups apart; only Equal, of user code, runs under it
  bucket_table table_;
  eviction_policy policy_;
  cells cells_;
  std::uint32_t free_ = no_slot;  // chain of slots ready for use
  std::uint32_t fresh_ = 0;       // slots from here on were never used
  shard_counts counts_;
  std::atomic<std::uint32_t> size_ = 0;
  std::atomic<std::atomic<deadline>*> deadlines_ = nullptr;
  std::atomic<std::uint32_t> limbo_ = no_slot;    // chain of slots taken out, perhaps still looked at
  std::atomic<std::uint32_t> cleaned_ = no_slot;  // chain of slots whose objects are destroyed
};

}  // namespace hasten::detail

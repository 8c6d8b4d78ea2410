// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/cache_hash.hpp>
#include <hasten/cache/detail/bucket_table.hpp>
#include <hasten/cache/detail/cells.hpp>
#include <hasten/cache/detail/entry_columns.hpp>
#include <hasten/cache/detail/invalidations.hpp>
#include <hasten/cache/detail/mark.hpp>
#include <hasten/cache/detail/reader_records.hpp>
#include <hasten/cache/removal.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace hasten::detail {

/// What a lookup found. A hit that is `due` is served, but somebody should fetch a newer value.
enum class found : std::uint8_t { hit, due, absent, expired, torn };
[[nodiscard]] constexpr bool is_hit(found outcome) noexcept { return outcome <= found::due; }

/// The hash of a cache: from its top bits the shard, from its low half everything within the shard.
template <class Key, class Hash>
struct seeded_hash {
  std::uint64_t seed;

  template <class K>
  [[nodiscard]] std::uint64_t operator()(const K& key) const {
    if constexpr (requires { Hash{}(key, seed); })
      return Hash{}(key, seed);
    else
      return fold(Hash{}(key) ^ seed, odd_bits[0]);
  }
  /// Whether hashing a key again costs less than keeping its hash.
  static constexpr bool cheap =
      std::is_same_v<Hash, cache_hash<Key>> && (std::is_integral_v<Key> || std::is_enum_v<Key>);
};

/// How many entries of a shard moved up, on a cache line of its own.
struct alignas(64) move_count {
  std::atomic<std::uint32_t> count = 0;
};

/// Where the entries of all shards are, each shard in a range of its own: one place for all, so that a lookup
/// finds its way by arithmetic and touches no memory but the bucket, the entry and its mark.
/// Lookups need no lock; who changes a range holds the lock of its shard.
template <class Key, class Value, class Equal>
class entry_arrays {
 public:
  static constexpr bool copies = copied_out<Key, Value>;
  using cells_type = std::conditional_t<copies, copied_cells<Key, Value>, pinned_cells<Key, Value>>;
  using table_type = bucket_table<!copies>;

  entry_arrays(std::size_t shards, std::uint32_t quota_max, std::uint32_t slots_per_shard,
               std::chrono::nanoseconds idle_max)
      : shift_(63 - static_cast<unsigned>(std::countr_zero(shards))),
        buckets_per_shard_(table_type::count_for(quota_max)),
        slots_per_shard_(slots_per_shard),
        buckets_(std::make_unique<bucket[]>(shards * buckets_per_shard_)),
        moves_(std::make_unique<move_count[]>(shards)),
        marks_(std::make_unique<mark[]>(shards * slots_per_shard_)),
        slots_(shards * slots_per_shard_),
        idle_max_(idle_max.count()),
        invalidations_(shards),
        columns_(slots_),
        cells_(slots_) {}
  entry_arrays(const entry_arrays&) = delete;
  entry_arrays& operator=(const entry_arrays&) = delete;
  ~entry_arrays() = default;

  [[nodiscard]] std::size_t shard_of(std::uint64_t hash) const noexcept { return (hash >> 1) >> shift_; }
  [[nodiscard]] table_type table(std::size_t shard) const noexcept {
    return {&buckets_[shard * buckets_per_shard_], buckets_per_shard_, moves_[shard].count};
  }
  [[nodiscard]] std::size_t first_slot(std::size_t shard) const noexcept { return shard * slots_per_shard_; }
  [[nodiscard]] mark* marks(std::size_t shard) const noexcept { return &marks_[first_slot(shard)]; }
  [[nodiscard]] std::uint32_t slots_per_shard() const noexcept { return slots_per_shard_; }
  [[nodiscard]] cells_type& cells() noexcept { return cells_; }
  [[nodiscard]] const cells_type& cells() const noexcept { return cells_; }

  /// What a lookup of copied cells found, and the value if it is a hit.
  struct copy_found {
    found outcome;
    word_copy<Value> value;
  };

  /// Looks `key` up. `now()` is only asked where the entry has an end. Returns: torn when a writer was at
  /// work; the shard's lock keeps writers off.
  template <class K, class Now>
  [[nodiscard]] copy_found read_copy(std::uint64_t hash, const K& key, Now&& now) const
    requires(copies)
  {
    const std::size_t shard = shard_of(hash);
    const bool plain = is_plain();
    const bucket& at = table(shard).home(static_cast<std::uint32_t>(hash));
    // acquire: begins the lookup; partner: bucket_change
    const std::uint32_t version = at.state.load(std::memory_order_acquire);
    // Most keys that are there are the first like them at home; all else is left to read_copy_further().
    const unsigned index = at.first_low_like(bucket::tag(static_cast<std::uint32_t>(hash)));
    if (plain && index != bucket::width && (version & bucket::changing) == 0) [[likely]] {
      copy_found result;
      const spot where{version, index, first_slot(shard)};
      const std::size_t slot = copy_key(at, where, key, result.value);
      // relaxed: every read of the lookup is acquire, so this one comes after them
      if (slot < nowhere_least && at.state.load(std::memory_order_relaxed) == version) [[likely]] {
        marks_[slot].raise();
        result.outcome = found::hit;
        return result;
      }
    }
    return read_copy_further(hash, key, now);
  }

  /// Looks `key` up among objects and, on a hit, calls `use(const Value&)` while `guard` keeps it alive.
  template <class K, class Now, class Use>
  found read_pinned(std::uint64_t hash, const K& key, pin& guard, Now&& now, Use&& use) const
    requires(!copies)
  {
    const std::size_t shard = shard_of(hash);
    const std::size_t base = first_slot(shard);
    const bool plain = is_plain();
    const invalidations::view seen = invalidations_.look(shard);
    const table_type table = this->table(shard);
    const auto local = static_cast<std::uint32_t>(hash);
    const bucket& home = table.home(local);
    // As in read_copy(): most keys that are there are the first like them at home.
    if (const unsigned index = home.first_low_like(bucket::tag(local)); index != bucket::width) [[likely]]
      if (const std::size_t slot = pin_equal(home.slots[index], base, key, guard); slot != nowhere) [[likely]]
        return plain ? use_at(slot, found::hit, use) : use_at(slot, judge(slot, seen, now), use);
    std::size_t slot = nowhere;
    for (std::uint32_t moves = table.moves();;) {
      table.search(local, [&](bucket& at, unsigned index) {
        slot = pin_equal(at.slots[index], base, key, guard);
        return slot != nowhere;
      });
      if (slot != nowhere) return use_at(slot, judge(slot, seen, now), use);
      if (const std::uint32_t before = std::exchange(moves, table.moves()); moves == before)
        return found::absent;
    }
  }

  /// Returns: until when an entry is served that is asked for at `moment`, and then no more.
  [[nodiscard]] entry_end idle_end(entry_end moment) const noexcept {
    return idle_max_ == 0 ? never : moment + idle_max_ + idle_max_ / 16;
  }
  [[nodiscard]] bool ends_idle() const noexcept { return idle_max_ != 0; }

  [[nodiscard]] entry_columns& columns() noexcept { return columns_; }
  [[nodiscard]] const entry_columns& columns() const noexcept { return columns_; }
  [[nodiscard]] detail::invalidations& invalidated() noexcept { return invalidations_; }

  /// Whether every entry that is found is served. To be asked before the entry is found.
  [[nodiscard]] bool is_plain() const noexcept {
    return (static_cast<unsigned>(columns_.any_end()) | static_cast<unsigned>(invalidations_.any())) == 0;
  }

  /// Whether an entry is gone though it is still there. To be asked by who holds the lock.
  [[nodiscard]] bool dead(std::size_t slot) const noexcept {
    return invalidations_.any() && dead(slot, invalidations_.look(slot / slots_per_shard_));
  }

  /// Whether an entry is of no more use, not even to stand in for a loader that fails. To be asked by who holds the lock.
  template <class Now>
  [[nodiscard]] bool over(std::size_t slot, Now&& now) const noexcept {
    return past(slot, now) || dead(slot);
  }
  template <class Now>
  [[nodiscard]] bool past(std::size_t slot, Now&& now) const noexcept {
    const entry_end last = columns_.kept_until(slot);
    return last != never && last <= now();
  }

  /// Returns: why an entry leaves: `cause`, unless it was of no use before.
  template <class Now>
  [[nodiscard]] removal_cause why_gone(std::size_t slot, removal_cause cause, Now&& now) const noexcept {
    if (is_plain()) [[likely]]
      return cause;
    if (dead(slot)) return removal_cause::erased;
    return past(slot, now) ? removal_cause::expired : cause;
  }

  /// Writes over the value of `key` if its entry is the first like it at home. Needs the lock of the shard whose `table`
  /// and first slot are given. Returns: its slot in the shard, or no_slot.
  std::uint32_t overwrite(const table_type& table, std::size_t base, std::uint32_t hash, const Key& key,
                          const Value& value) noexcept
    requires(copies)
  {
    bucket& home = table.home(hash);
    const unsigned index = home.first_low_like(bucket::tag(hash));
    if (index == bucket::width) return no_slot;
    const std::uint32_t slot =
        home.slots[index].load(std::memory_order_relaxed) & ~bucket::away;  // relaxed: under the lock
    if (!Equal{}(cells_.key(base + slot), key)) return no_slot;
    const bucket_change editing(home);
    cells_.assign(base + slot, value);
    return slot;
  }

  /// Whether an entry is served; for those who look at it for reasons of their own.
  template <class Now>
  [[nodiscard]] bool is_served(std::size_t slot, const invalidations::view& seen, Now&& now) const noexcept {
    if (dead(slot, seen)) return false;
    const entry_end end = columns_.served_until(slot);
    return end == never || end > now();
  }

  /// Looks at every entry that is served in one bucket of a shard: `look(const Key&, const Value&)`, outside every lock.
  /// `undisturbed(work)` runs work while no writer is at work. Entries that come or go meanwhile may be missed.
  template <class Now, class Look, class Undisturbed>
  void each(std::size_t shard, std::uint32_t index, [[maybe_unused]] pin& guard, Now&& now, Look&& look,
            [[maybe_unused]] Undisturbed&& undisturbed) const {
    const invalidations::view seen = invalidations_.look(shard);
    const bucket& at = table(shard).at(index);
    for (unsigned place = 0; place < bucket::width; ++place) {
      if (at.tag_at(place) == 0) continue;
      if constexpr (copies) {
        copied_entry entry;
        const auto copy = [&] { return copy_entry(at, place, first_slot(shard), entry); };
        constexpr int patience = 4;
        bool whole = false;
        for (int i = 0; i < patience && !whole; ++i) whole = copy();
        if (!whole) undisturbed(copy);
        if (entry.slot != nowhere && is_served(entry.slot, seen, now))
          look(entry.key.get(), entry.value.get());
      } else {
        const std::size_t slot = pin_any(at.slots[place], first_slot(shard), guard);
        if (slot != nowhere && is_served(slot, seen, now)) look(cells_.at(slot).key, cells_.at(slot).value);
      }
    }
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    const std::size_t shards = slots_ / slots_per_shard_;
    return shards * (buckets_per_shard_ * sizeof(bucket) + sizeof(move_count)) +
           slots_ * (sizeof(mark) + cells_type::cell_bytes) + columns_.bytes();
  }

 private:
  [[nodiscard]] bool dead(std::size_t slot, const invalidations::view& seen) const noexcept {
    return seen.any() && invalidations::dead(seen, columns_.number(column::born, slot),
                                             columns_.number(column::tags, slot));
  }

  /// Returns: hit, due or expired, and notes that somebody asked. An entry without an end is not worth a look at the clock.
  template <class Now>
  [[nodiscard, gnu::noinline]] found judge(std::size_t slot, const invalidations::view& seen,
                                           Now&& now) const noexcept {
    if (dead(slot, seen)) [[unlikely]]
      return found::expired;
    const entry_end served = columns_.end(column::served, slot);
    if (served == never && idle_max_ == 0) [[likely]]
      return found::hit;
    const entry_end moment = now();
    if (served <= moment) return found::expired;
    if (idle_max_ != 0 && !touch(slot, moment)) return found::expired;
    return columns_.end(column::refresh, slot) <= moment ? found::due : found::hit;
  }
  /// Puts off the end of an idle entry, a little further than it has to be: so most hits write nothing. If the slot
  /// got another entry meanwhile, that one has only just been put, and its end is about the same.
  [[nodiscard]] bool touch(std::size_t slot, entry_end moment) const noexcept {
    const entry_end idle = columns_.end(column::idle, slot);
    if (idle <= moment) return false;
    if (idle < moment + idle_max_) columns_.set_end(column::idle, slot, idle_end(moment));
    return true;
  }

  static constexpr std::size_t nowhere = ~std::size_t{0};
  static constexpr std::size_t torn_key = nowhere - 1;
  static constexpr std::size_t nowhere_least = torn_key;

  /// Pins the entry that `place` leads to. Returns: its slot, or nowhere.
  [[nodiscard]] std::size_t pin_any(const std::atomic<std::uint32_t>& place, std::size_t base,
                                    pin& guard) const {
    // seq_cst: partner is bucket_change::set; what is still there after the pin cannot be destroyed any more
    std::uint32_t slot = place.load();
    for (std::uint32_t seen = no_slot; slot != no_slot && slot != seen; slot = place.load()) {
      guard.hold(&cells_.at(base + (slot & ~bucket::away)));
      seen = slot;
    }
    return slot == no_slot ? nowhere : base + (slot & ~bucket::away);
  }

  /// The same, if the entry is of `key`.
  template <class K>
  [[nodiscard]] std::size_t pin_equal(const std::atomic<std::uint32_t>& place, std::size_t base, const K& key,
                                      pin& guard) const {
    const std::size_t slot = pin_any(place, base, guard);
    return slot != nowhere && Equal{}(cells_.key(slot), key) ? slot : nowhere;
  }

  template <class Use>
  found use_at(std::size_t slot, found outcome, Use&& use) const {
    if (!is_hit(outcome)) return outcome;
    marks_[slot].raise();
    use(cells_.at(slot).value);
    return outcome;
  }

  struct copied_entry {
    std::size_t slot = nowhere;
    word_copy<Key> key;
    word_copy<Value> value;
  };
  /// Copies whatever entry is at a place. Returns: whether no writer was at work.
  [[nodiscard]] bool copy_entry(const bucket& at, unsigned place, std::size_t base, copied_entry& entry) const
    requires(copies)
  {
    const std::uint32_t version = at.state.load();
    const std::uint32_t slot = at.slots[place].load();
    entry.slot = nowhere;
    if (slot != no_slot) {
      const std::size_t where = base + (slot & ~bucket::away);
      entry.key.load(cells_.key_words(where));
      entry.value.load(cells_.value_words(where));
      entry.slot = where;
    }
    return (version & bucket::changing) == 0 && at.state.load() == version;
  }

  struct spot {
    std::uint32_t version;
    unsigned index;
    std::size_t base;
    invalidations::view seen = {};
  };

  /// Copies the value of one entry out. Returns: its slot; nowhere if it is of another key; torn_key if it cannot be told.
  /// What it returns holds only if the bucket's version is the same afterwards.
  template <class K>
  [[nodiscard, gnu::always_inline]] std::size_t copy_key(const bucket& at, const spot& where, const K& key,
                                                         word_copy<Value>& value) const {
    // acquire: partner is bucket_change::set, after the cell was written
    std::uint32_t slot = at.slots[where.index].load(std::memory_order_acquire);
    if (slot == no_slot) return nowhere;  // an empty place looked like a full one
    slot &= ~bucket::away;
    word_copy<Key> stored;
    stored.load(cells_.key_words(where.base + slot));
    // Half a new key and half an old one must not reach Equal, unless any bits will do.
    if constexpr (!std::is_scalar_v<Key> || sizeof(Key) > 8)
      if (at.state.load(std::memory_order_relaxed) != where.version) return torn_key;  // as in read_copy()
    if (!Equal{}(stored.get(), key)) return nowhere;
    value.load(cells_.value_words(where.base + slot));
    return where.base + slot;
  }

  /// The same, and judges the entry.
  template <class K, class Now>
  [[nodiscard]] found copy_at(const bucket& at, const spot& where, const K& key, Now&& now,
                              word_copy<Value>& value) const {
    const std::size_t slot = copy_key(at, where, key, value);
    if (slot == torn_key) return found::torn;
    if (slot == nowhere) return found::absent;
    const found outcome = judge(slot, where.seen, now);
    if (is_hit(outcome)) marks_[slot].raise();
    return outcome;
  }

  template <class K, class Now>
  [[gnu::noinline]] copy_found read_copy_further(std::uint64_t hash, const K& key, Now now) const {
    const std::size_t shard = shard_of(hash);
    const table_type table = this->table(shard);
    const auto local = static_cast<std::uint32_t>(hash);
    const bucket* at = &table.home(local);
    const invalidations::view seen = invalidations_.look(shard);
    const std::uint32_t moves = table.moves();
    copy_found result;
    for (std::uint32_t steps = table.count(); steps != 0; --steps, at = &table.after(*at)) {
      const std::uint32_t version = at->state.load(std::memory_order_acquire);  // as in read_copy()
      result.outcome = found::torn;
      if ((version & bucket::changing) != 0) return result;
      result.outcome = found::absent;
      at->each_like(bucket::tag(local), [&](unsigned index) {
        result.outcome = copy_at(*at, {version, index, first_slot(shard), seen}, key, now, result.value);
        return result.outcome != found::absent;
      });
      if (at->state.load(std::memory_order_relaxed) != version)
        result.outcome = found::torn;  // as in read_copy()
      if (result.outcome != found::absent || (version & bucket::passed_mask) == 0) break;
    }
    if (result.outcome == found::absent && table.moves() != moves) result.outcome = found::torn;
    return result;
  }

  const unsigned shift_;
  const std::uint32_t buckets_per_shard_;
  const std::uint32_t slots_per_shard_;
  const std::unique_ptr<bucket[]> buckets_;
  const std::unique_ptr<move_count[]> moves_;  // by shard
  const std::unique_ptr<mark[]> marks_;
  const std::size_t slots_;
  const entry_end idle_max_;  // 0: entries may be idle for ever
  detail::invalidations invalidations_;
  mutable entry_columns columns_;  // readers put off the ends of idle entries
  cells_type cells_;
};

}  // namespace hasten::detail

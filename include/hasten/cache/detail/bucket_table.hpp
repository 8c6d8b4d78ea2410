// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace hasten::detail {

inline constexpr std::uint32_t no_slot = 0xffffffff;

/// Twelve places for entries in one cache line: a tag byte and a slot number each.
struct alignas(64) bucket {
  static constexpr unsigned width = 12;
  static constexpr std::uint32_t away = 0x80000000;         // in a slot number: the entry is not at home here
  static constexpr std::uint32_t changing = 1;              // in `state`; bits 1..23 are the version
  static constexpr std::uint32_t passed_mask = 0xff000000;  // entries at home here that live further on

  std::atomic<std::uint64_t> tags_low = 0;
  std::atomic<std::uint32_t> tags_high = 0;
  std::atomic<std::uint32_t> state = 0;
  std::array<std::atomic<std::uint32_t>, width>
      slots;  // no_slot in an empty place: it may look like a full one

  // relaxed: whoever hands the bucket to other threads publishes it
  bucket() noexcept {
    for (auto& slot : slots) slot.store(no_slot, std::memory_order_relaxed);
  }

  /// Never 0, which marks an empty place.
  [[nodiscard]] static constexpr std::uint8_t tag(std::uint32_t hash) noexcept {
    return static_cast<std::uint8_t>(hash | 1);
  }

  /// The places that may hold a tag, to be taken out one by one.
  class places {
   public:
    explicit places(std::uint64_t found) noexcept : found_(found) {}
    [[nodiscard]] bool none() const noexcept { return found_ == 0; }
    [[nodiscard]] unsigned first() const noexcept {
      const auto bit = static_cast<unsigned>(std::countr_zero(found_));
      return (bit >> 3) + (bit & 7) * 8;
    }
    void drop_first() noexcept { found_ &= found_ - 1; }

   private:
    std::uint64_t found_;  // bit 0 of byte n: place n; bit 1 of byte n: place n + 8
  };

  /// Returns: the places whose tag is `tag`, rarely one more.
  [[nodiscard]] places like(std::uint8_t tag) const noexcept {
    // acquire: no later read of this lookup may be moved before these; partner: bucket_change
    const std::uint64_t low = tags_low.load(std::memory_order_acquire);
    const std::uint64_t high = tags_high.load(std::memory_order_acquire);
    const std::uint64_t wanted = tag * every_byte;
    return places(zero_bytes(low ^ wanted) >> 7 | zero_bytes((high ^ wanted) | beyond) >> 6);
  }

  /// Returns: of the places 0 to 7 only, the first that is like `tag`, or `width`. Sooner known than like().
  [[nodiscard]] unsigned first_low_like(std::uint8_t tag) const noexcept {
    // acquire: as in like()
    const std::uint64_t found = zero_bytes(tags_low.load(std::memory_order_acquire) ^ tag * every_byte);
    return found == 0 ? width : static_cast<unsigned>(std::countr_zero(found)) >> 3;
  }

  /// Calls `look(index)` for each of like(tag) until it returns true. Returns: whether it did.
  template <class Look>
  bool each_like(std::uint8_t tag, Look&& look) const {
    for (places left = like(tag); !left.none(); left.drop_first())
      if (look(left.first())) return true;
    return false;
  }

  /// Calls `visit(index, slot)` for every full place; for who holds the lock.
  template <class Visit>
  void each(Visit&& visit) const {
    for (unsigned index = 0; index < width; ++index)
      if (tag_at(index) != 0) visit(index, slots[index].load() & ~away);
  }

  [[nodiscard]] std::uint8_t tag_at(unsigned index) const noexcept {
    return static_cast<std::uint8_t>(index < 8 ? tags_low.load() >> index * 8
                                               : tags_high.load() >> (index - 8) * 8);
  }

 private:
  static constexpr std::uint64_t every_byte = 0x0101010101010101U;
  static constexpr std::uint64_t beyond = 0xffffffff00000000U;  // there are only four high tags

  // Exact up to the first zero byte, which may hide a 1 in the byte above it.
  [[nodiscard]] static constexpr std::uint64_t zero_bytes(std::uint64_t word) noexcept {
    return (word - every_byte) & ~word & every_byte << 7;
  }
};

/// Marks a bucket as being changed for as long as it lives, so that copying readers try again. A seqlock
/// whose every access is atomic. Needs the shard's lock.
class bucket_change {
 public:
  explicit bucket_change(bucket& target) noexcept : target_(target) {
    // relaxed: only lock holders write `state`. The stores that follow are release, so none of them is
    // visible before this one; partner: the acquire loads of a reader.
    state_ = target.state.load(std::memory_order_relaxed);
    target.state.store(state_ | bucket::changing, std::memory_order_relaxed);
  }
  bucket_change(const bucket_change&) = delete;
  bucket_change& operator=(const bucket_change&) = delete;
  ~bucket_change() {
    constexpr std::uint32_t version_mask = ~bucket::passed_mask & ~bucket::changing;
    // release: partner is the acquire load of `state` that begins a lookup
    target_.state.store(((state_ + 2) & version_mask) | (state_ & bucket::passed_mask),
                        std::memory_order_release);
  }

  // A count that reached its maximum stays there: it is no longer known.
  void one_more_passed() noexcept {
    if ((state_ & bucket::passed_mask) != bucket::passed_mask) state_ += passed_one;
  }
  void one_less_passed() noexcept {
    if ((state_ & bucket::passed_mask) != bucket::passed_mask) state_ -= passed_one;
  }

  /// `Pinned`: whether readers pin entries instead of copying them.
  template <bool Pinned>
  void set(unsigned index, std::uint8_t tag, std::uint32_t slot) noexcept {
    if constexpr (Pinned)
      // seq_cst: partner is the pinning reader, which publishes its pin and then reads this again
      target_.slots[index].store(slot);
    else
      target_.slots[index].store(slot, std::memory_order_release);  // as in the constructor
    // relaxed loads: only lock holders write. Release: as in the constructor.
    if (index < 8) {
      const std::uint64_t mask = std::uint64_t{0xff} << index * 8;
      const std::uint64_t kept = target_.tags_low.load(std::memory_order_relaxed) & ~mask;
      target_.tags_low.store(kept | std::uint64_t{tag} << index * 8, std::memory_order_release);
    } else {
      const std::uint32_t kept =
          target_.tags_high.load(std::memory_order_relaxed) & ~(0xffU << (index - 8) * 8);
      target_.tags_high.store(kept | std::uint32_t{tag} << (index - 8) * 8, std::memory_order_release);
    }
  }

 private:
  static constexpr std::uint32_t passed_one = 0x01000000;

  bucket& target_;
  std::uint32_t state_;
};

/// The buckets of one shard. An entry whose home is full goes to the next bucket; each bucket counts those
/// who passed it, so that a search ends at the first bucket that nobody passed. When a place becomes free that an entry
/// of the next bucket would have taken, that one moves up: else searches grew longer with every entry that comes and goes.
/// Readers need no lock, writers the shard's. `Pinned`: whether readers pin entries instead of copying them.
/// Thread safety: thread-compatible.
template <bool Pinned>
class bucket_table {
 public:
  /// Where an entry is.
  struct position {
    bucket* where = nullptr;
    unsigned index = 0;
    std::uint32_t slot = no_slot;
  };

  /// `first` and `moves`, which counts the entries that moved up, are kept by the caller; there must be room for every
  /// entry.
  bucket_table(bucket* first, std::uint32_t count, std::atomic<std::uint32_t>& moves) noexcept
      : first_(first), count_(count), moves_(moves) {}

  /// Returns: how many buckets `entries` need: at four entries of five places on average, or two of three where memory
  /// hardly matters.
  [[nodiscard]] static std::uint32_t count_for(std::uint64_t entries) noexcept {
    constexpr std::uint64_t small = 16'384;
    const std::uint64_t free = entries <= small ? entries / 2 : entries / 4;
    return static_cast<std::uint32_t>((entries + free + bucket::width) / bucket::width);
  }

  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] bucket& at(std::uint32_t index) const noexcept { return first_[index]; }
  [[nodiscard]] bucket& home(std::uint32_t hash) const noexcept {
    return first_[static_cast<std::uint32_t>(std::uint64_t{hash} * count_ >> 32)];
  }
  [[nodiscard]] bucket& after(const bucket& one) const noexcept {
    return &one == first_ + (count_ - 1) ? *first_ : first_[&one - first_ + 1];
  }

  /// Returns: a number that differs later if a search without the lock that went beyond the home may have missed an entry
  /// which moved up meanwhile.
  // acquire: partner is move_up()
  [[nodiscard]] std::uint32_t moves() const noexcept { return moves_.load(std::memory_order_acquire); }

  /// Calls `look(bucket, index)` for the places where an entry of `hash` may be, until it returns true.
  /// Returns: whether it did.
  template <class Look>
  bool search(std::uint32_t hash, Look&& look) const {
    bucket* at = &home(hash);
    for (std::uint32_t steps = count_; steps != 0; --steps, at = &after(*at)) {
      if (at->each_like(bucket::tag(hash), [&](unsigned index) { return look(*at, index); })) return true;
      if ((at->state.load() & bucket::passed_mask) == 0) return false;
    }
    return false;
  }

  // All below: under the lock.

  void insert(std::uint32_t hash, std::uint32_t slot) noexcept {
    for (bucket* at = &home(hash);; at = &after(*at), slot |= bucket::away) {
      bucket_change editing(*at);
      if (const unsigned index = empty_place(*at); index != bucket::width) {
        editing.set<Pinned>(index, bucket::tag(hash), slot);
        return;
      }
      editing.one_more_passed();
    }
  }

  /// `hash_of(slot)` tells any entry's hash.
  template <class HashOf>
  void remove(std::uint32_t hash, const position& place, HashOf&& hash_of) noexcept {
    for (bucket* at = &home(hash); at != place.where; at = &after(*at)) bucket_change(*at).one_less_passed();
    bucket_change(*place.where).set<Pinned>(place.index, 0, no_slot);
    if (passed(*place.where)) move_up(*place.where, place.index, hash_of);
  }

  /// Puts another slot in the place of one of the same key.
  void replace(const position& place, std::uint32_t slot) noexcept {
    std::atomic<std::uint32_t>& at = place.where->slots[place.index];
    const std::uint32_t fresh = slot | (at.load(std::memory_order_relaxed) & bucket::away);
    if constexpr (Pinned)
      at.store(fresh);  // seq_cst: partner is the pinning reader
    else
      bucket_change(*place.where).set<Pinned>(place.index, place.where->tag_at(place.index), fresh);
  }

  /// Calls `visit(const position&)` for every entry of a bucket. Entries move to the bucket before only.
  template <class Visit>
  void each(std::uint32_t index, Visit&& visit) const {
    first_[index].each(
        [&](unsigned place, std::uint32_t slot) { visit(position{&first_[index], place, slot}); });
  }

  /// Returns: the entry of `hash` for whose slot `equal(slot)`.
  template <class SameKey>
  [[nodiscard]] position locate(std::uint32_t hash, SameKey&& equal) const {
    position place{};
    search(hash, [&](bucket& at, unsigned index) {
      // relaxed: the lock is held. The tag may be of an empty place.
      const std::uint32_t slot = at.slots[index].load(std::memory_order_relaxed);
      if (slot == no_slot || !equal(slot & ~bucket::away)) return false;
      place = {&at, index, slot & ~bucket::away};
      return true;
    });
    return place;
  }
  /// Returns: where a slot is kept; it must be in.
  [[nodiscard]] position find(std::uint32_t hash, std::uint32_t slot) const noexcept {
    return locate(hash, [slot](std::uint32_t other) { return other == slot; });
  }

 private:
  // relaxed: the lock is held
  [[nodiscard]] static bool passed(const bucket& at) noexcept {
    return (at.state.load(std::memory_order_relaxed) & bucket::passed_mask) != 0;
  }

  /// Fills a free place with an entry of the next bucket that passed it, if there is one, and so on.
  template <class HashOf>
  [[gnu::noinline]] void move_up(bucket& free, unsigned index, HashOf&& hash_of) noexcept {
    // Never from the first to the last bucket, so that whoever walks down from the last misses nobody.
    for (bucket* to = &free; passed(*to) && to != first_ + (count_ - 1);) {
      bucket& from = *(to + 1);
      unsigned place = 0;
      std::uint32_t slot = no_slot;
      for (; place < bucket::width; ++place) {
        slot = from.slots[place].load(std::memory_order_relaxed);  // as above
        if (slot != no_slot && (slot & bucket::away) != 0) break;
      }
      if (place == bucket::width) return;  // whoever passed is still further on, and stays there
      slot &= ~bucket::away;
      const std::uint32_t hash = hash_of(slot);
      {
        bucket_change editing(*to);
        editing.one_less_passed();
        editing.set<Pinned>(index, bucket::tag(hash), &home(hash) == to ? slot : slot | bucket::away);
      }
      // Between the two: a reader who finds it neither here, as it came before, nor there, as it comes after, sees that
      // the number has changed. Relaxed load: only lock holders write. Release: partner is moves().
      moves_.store(moves_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
      bucket_change(from).set<Pinned>(place, 0, no_slot);
      to = &from;
      index = place;
    }
  }

  [[nodiscard]] static unsigned empty_place(const bucket& at) noexcept {
    unsigned place = at.first_low_like(0);  // lookups try the low places first
    if (place != bucket::width) return place;
    at.each_like(0, [&](unsigned index) {
      if (at.tag_at(index) != 0) return false;
      place = index;
      return true;
    });
    return place;
  }

  bucket* first_;
  std::uint32_t count_;
  std::atomic<std::uint32_t>& moves_;
};

}  // namespace hasten::detail

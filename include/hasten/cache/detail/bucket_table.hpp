// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/eviction_policy.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace hasten::detail {

/// Finds slots by hash: cache lines of twelve one-byte tags and twelve slot numbers. An entry whose home
/// bucket is full goes to the next one, and each bucket counts those who passed it, so that a search ends at
/// the first bucket that nobody passed. Entries never move.
///
/// One writer at a time (the shard's lock); readers need no lock. Who reads copied values checks the bucket's
/// version around it (a seqlock whose every access is atomic); who pins values ignores the version.
class bucket_table {
 public:
  static constexpr unsigned width = 12;

  /// A cache line. `state`: bit 0 = being changed, bits 1..23 version, bits 24..31 entries that passed.
  struct alignas(64) bucket {
    std::atomic<std::uint64_t> tags_low = 0;
    std::atomic<std::uint32_t> tags_high = 0;
    std::atomic<std::uint32_t> state = 0;
    std::array<std::atomic<std::uint32_t>, width> slots{};

    /// Returns: a bit for each position whose tag is `tag`.
    [[nodiscard]] unsigned matches(std::uint8_t tag) const noexcept {
      // acquire: no later read of this lookup may be moved before these; partner: change::~change
      const std::uint64_t low = tags_low.load(std::memory_order_acquire);
      const std::uint64_t high = tags_high.load(std::memory_order_acquire);
      return zero_bytes(low ^ tag * 0x0101010101010101U) |
             zero_bytes(high ^ (tag * std::uint64_t{0x01010101} | 0xffffffff00000000U)) << 8;
    }

    /// Returns: a bit for each position that holds an entry.
    [[nodiscard]] unsigned taken() const noexcept { return ~matches(0) & ((1U << width) - 1); }

   private:
    [[nodiscard]] static unsigned zero_bytes(std::uint64_t word) noexcept {
      constexpr std::uint64_t low_bits = 0x7f7f7f7f7f7f7f7fU;
      const std::uint64_t zeros = ~(((word & low_bits) + low_bits) | word | low_bits);
      return static_cast<unsigned>((zeros >> 7) * 0x0102040810204080U >> 56);
    }
  };

  /// Marks a bucket as being changed for as long as it lives, so that copying readers try again.
  class change {
   public:
    explicit change(bucket& target) noexcept : target_(target) {
      // relaxed: only lock holders write `state`. The stores that follow are release, so none of them is
      // visible before this one; partner: the acquire loads of a reader.
      state_ = target.state.load(std::memory_order_relaxed);
      target.state.store(state_ | 1, std::memory_order_relaxed);
    }
    change(const change&) = delete;
    change& operator=(const change&) = delete;
    ~change() {
      const std::uint32_t passed = state_ & passed_mask;
      // release: partner is the acquire load of `state` that begins a lookup
      target_.state.store(((state_ + 2) & version_mask) | passed, std::memory_order_release);
    }
    // A count that reached its maximum stays there: it is no longer known.
    void one_more_passed() noexcept {
      if ((state_ & passed_mask) != passed_mask) state_ += passed_one;
    }
    void one_less_passed() noexcept {
      if ((state_ & passed_mask) != passed_mask) state_ -= passed_one;
    }

   private:
    bucket& target_;
    std::uint32_t state_;
  };

  struct position {
    bucket* where;
    unsigned index;
  };

  static constexpr std::uint32_t passed_mask = 0xff000000;

  explicit bucket_table(std::uint32_t entries)
      : count_(static_cast<std::uint32_t>((entries * std::uint64_t{5} / 4 + width - 1) / width)),
        buckets_(std::make_unique<bucket[]>(count_)) {}

  [[nodiscard]] static std::uint8_t tag(std::uint32_t hash) noexcept {
    return static_cast<std::uint8_t>(hash | 1);  // never 0, which marks an empty place
  }
  [[nodiscard]] bucket& home(std::uint32_t hash) noexcept {
    return buckets_[static_cast<std::uint32_t>(std::uint64_t{hash} * count_ >> 32)];
  }
  [[nodiscard]] bucket& after(const bucket& one) noexcept {
    return &one == &buckets_[count_ - 1] ? buckets_[0] : *(const_cast<bucket*>(&one) + 1);
  }
  [[nodiscard]] std::uint32_t buckets() const noexcept { return count_; }
  [[nodiscard]] bucket& at(std::uint32_t index) noexcept { return buckets_[index]; }

  /// Adds a slot; there must be fewer entries than the table was made for. Needs the shard's lock.
  void insert(std::uint32_t hash, std::uint32_t slot) noexcept {
    bucket* at = &home(hash);
    for (;;) {
      change editing(*at);
      if (const unsigned empty = at->matches(0); empty != 0) {
        set(*at, static_cast<unsigned>(std::countr_zero(empty)), tag(hash), slot);
        return;
      }
      editing.one_more_passed();
      at = &after(*at);
    }
  }

  /// Takes a slot out; it must be in. Needs the shard's lock.
  void remove(std::uint32_t hash, std::uint32_t slot) noexcept {
    bucket* at = &home(hash);
    for (;;) {
      change editing(*at);
      if (const unsigned index = index_of(*at, hash, slot); index != width) {
        set(*at, index, 0, no_slot);
        return;
      }
      editing.one_less_passed();
      at = &after(*at);
    }
  }

  /// Returns: where a slot is kept; it must be in. Needs the shard's lock.
  [[nodiscard]] position find(std::uint32_t hash, std::uint32_t slot) noexcept {
    bucket* at = &home(hash);
    for (;;) {
      if (const unsigned index = index_of(*at, hash, slot); index != width) return {at, index};
      at = &after(*at);
    }
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return count_ * sizeof(bucket); }

 private:
  static constexpr std::uint32_t version_mask = 0x00fffffe;
  static constexpr std::uint32_t passed_one = 0x01000000;

  [[nodiscard]] static unsigned index_of(const bucket& at, std::uint32_t hash, std::uint32_t slot) noexcept {
    for (unsigned left = at.matches(tag(hash)); left != 0; left &= left - 1) {
      const auto index = static_cast<unsigned>(std::countr_zero(left));
      if (at.slots[index].load(std::memory_order_relaxed) == slot) return index;  // under the lock
    }
    return width;
  }

  static void set(bucket& at, unsigned index, std::uint8_t tag, std::uint32_t slot) noexcept {
    // seq_cst: partner is the pinning reader, which publishes its pin and then reads this again
    at.slots[index].store(slot);
    // relaxed loads: only lock holders write. Release: as in change::change.
    if (index < 8) {
      const std::uint64_t kept =
          at.tags_low.load(std::memory_order_relaxed) & ~(std::uint64_t{0xff} << index * 8);
      at.tags_low.store(kept | std::uint64_t{tag} << index * 8, std::memory_order_release);
    } else {
      const std::uint32_t kept = at.tags_high.load(std::memory_order_relaxed) & ~(0xffU << (index - 8) * 8);
      at.tags_high.store(kept | std::uint32_t{tag} << (index - 8) * 8, std::memory_order_release);
    }
  }

  std::uint32_t count_;
  std::unique_ptr<bucket[]> buckets_;
};

}  // namespace hasten::detail

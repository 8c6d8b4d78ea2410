// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/bucket_table.hpp>
#include <hasten/cache/detail/eviction_policy.hpp>
#include <hasten/cache/detail/mark.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace hasten::detail {

/// A cache of hashes only: which ones a cache of `entries` under the real policy would hold, and which of them in vain
/// because their time is over. Some 28 bytes an entry.
/// Thread safety: single-owner.
class cache_model {
 public:
  using end =
      std::uint32_t;  // a time in units of the caller's choice, even; the last bit says "not told yet"
  static constexpr end no_end = 0xfffffffe;

  enum class seen : std::uint8_t { hit, expired, absent };

  static constexpr std::size_t bytes_per_entry = 28;  // about, see bytes()

  explicit cache_model(std::uint32_t entries)
      : slots_(entries),
        places_(std::bit_ceil(entries + entries / 2 + 1)),
        marks_(std::make_unique<mark[]>(entries)),
        hashes_(std::make_unique<std::uint32_t[]>(entries)),
        ends_(std::make_unique<end[]>(entries)),
        table_(std::make_unique<std::uint16_t[]>(places_)),
        policy_(entries, entries, entries, marks_.get(), 0x9e3779b9U) {}

  /// A lookup at `now`; what is not there, or in vain, is loaded then, to end at `until` unless told() says else.
  seen look_up(std::uint32_t hash, end now, end until) noexcept {
    const std::uint32_t place = find(hash);
    if (table_[place] == 0) {
      insert(hash, now, until | 1);
      return seen::absent;
    }
    const std::uint32_t slot = slot_at(place);
    if ((ends_[slot] & ~end{1}) <= now) {
      ends_[slot] = until | 1;
      marks_[slot].raise();
      return seen::expired;
    }
    marks_[slot].raise();
    return seen::hit;
  }

  /// The real cache has stored `hash` until `until`. Where this one still had it, `loaded` values change nothing.
  void stored(std::uint32_t hash, end now, end until, bool loaded) noexcept {
    const std::uint32_t place = find(hash);
    if (table_[place] == 0)
      insert(hash, now, until);
    else if (end& own = ends_[slot_at(place)]; !loaded || (own & 1) != 0)
      own = until & ~end{1};
  }

  void erase(std::uint32_t hash) noexcept {
    const std::uint32_t place = find(hash);
    if (table_[place] == 0) return;
    const std::uint32_t slot = slot_at(place);
    policy_.remove(slot);
    vacate(place);
    give_back(slot);
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    return policy_.bytes() + places_ * sizeof(std::uint16_t) +
           slots_ * (sizeof(mark) + sizeof(std::uint32_t) + sizeof(end));
  }

 private:
  [[nodiscard]] std::uint32_t home(std::uint32_t hash) const noexcept {
    return hash * 0x9e3779b1U >> 7 & (places_ - 1);
  }
  [[nodiscard]] std::uint32_t slot_at(std::uint32_t place) const noexcept { return table_[place] - 1U; }

  /// Returns: the place of `hash`, or the free one where it belongs.
  [[nodiscard]] std::uint32_t find(std::uint32_t hash) const noexcept {
    std::uint32_t place = home(hash);
    while (table_[place] != 0 && hashes_[slot_at(place)] != hash) place = (place + 1) & (places_ - 1);
    return place;
  }

  void insert(std::uint32_t hash, end now, end until) noexcept {
    const auto hash_of = [this](std::uint32_t slot) { return hashes_[slot]; };
    if (policy_.size() == slots_) {
      const std::uint32_t gone =
          policy_.evict([&](std::uint32_t slot) { return (ends_[slot] & ~end{1}) <= now; }, hash_of);
      vacate(find(hashes_[gone]));
      give_back(gone);
    }
    const std::uint32_t slot = take();
    hashes_[slot] = hash;
    ends_[slot] = until;
    policy_.insert(slot, hash, hash_of);
    table_[find(hash)] = static_cast<std::uint16_t>(slot + 1);
  }

  /// Closes the gap, so that searches need no tombstones.
  void vacate(std::uint32_t place) noexcept {
    std::uint32_t next = place;
    for (;;) {
      table_[place] = 0;
      for (;;) {
        next = (next + 1) & (places_ - 1);
        if (table_[next] == 0) return;
        const std::uint32_t wanted = home(hashes_[slot_at(next)]);
        if (((next - wanted) & (places_ - 1)) >= ((next - place) & (places_ - 1))) break;
      }
      table_[place] = table_[next];
      place = next;
    }
  }

  [[nodiscard]] std::uint32_t take() noexcept {
    if (free_ == no_slot) return fresh_++;
    const std::uint32_t slot = free_;
    free_ = hashes_[slot];
    return slot;
  }
  void give_back(std::uint32_t slot) noexcept {
    hashes_[slot] = free_;  // free slots chain through their hashes
    free_ = slot;
  }

  std::uint32_t slots_;   // at most 65,534: a place is 16 bits
  std::uint32_t places_;  // a power of two
  std::unique_ptr<mark[]> marks_;
  std::unique_ptr<std::uint32_t[]> hashes_;  // by slot
  std::unique_ptr<end[]> ends_;              // by slot
  std::unique_ptr<std::uint16_t[]> table_;   // slot + 1; 0 is free
  eviction_policy policy_;
  std::uint32_t free_ = no_slot;
  std::uint32_t fresh_ = 0;
};

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/bucket_table.hpp>
#include <hasten/cache/detail/frequency_sketch.hpp>
#include <hasten/cache/detail/ghost_queue.hpp>
#include <hasten/cache/detail/mark.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace hasten::detail {

/// Decides which entry leaves when a shard is full. Entries are slots, small numbers given by the shard.
///
/// New entries queue in a window; who comes out of it is set against the next victim of the main part, and
/// the one asked for less often of late leaves. The main part is a clock: a hit raises the entry's two-bit
/// mark, and the hand lowers marks on its way to a victim. Frequencies are counted off the hit path only: at
/// a miss, when the window is left and when the hand lowers a mark. So a hit writes one byte at most, and
/// nothing at all once the entry is hot.
///
/// How much of the shard is window is learnt: a miss that a slightly longer window would have spared makes it longer, one
/// that a slightly larger main part would have spared makes it shorter.
/// Thread safety: single-owner.
class eviction_policy {
 public:
  /// `marks` has one for each slot; `quota_max` is the most that resize() may ask for.
  eviction_policy(std::uint32_t quota, std::uint32_t quota_max, std::uint32_t slot_count, mark* marks,
                  std::uint32_t seed)
      : slots_(slot_count),
        dice_(seed | 1),
        sketch_(quota_max),
        left_window_(quota_max / ghosts_part),
        left_main_(quota_max / ghosts_part),
        marks_(marks),
        links_(std::make_unique_for_overwrite<link[]>(slot_count + std::size_t{2})) {
    resize(quota);
    links_[window()] = {window(), window()};
    links_[main()] = {main() | in_main, main()};
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return window_count_ + main_count_; }

  /// Sets how many entries make the shard full, and so the size of the window.
  void resize(std::uint32_t quota) noexcept {
    quota_ = quota;
    left_window_.resize(quota / ghosts_part);
    left_main_.resize(quota / ghosts_part);
    set_window();
    sketch_.resize(quota);
  }

  /// Adds a new entry. `hash_of(slot)` tells any entry's hash.
  template <class HashOf>
  void insert(std::uint32_t slot, std::uint32_t hash, HashOf&& hash_of) noexcept {
    sketch_.add(hash);
    learn(hash);
    marks_[slot].set(0);
    push_window(slot);
    // More than one only after the window was made smaller.
    for (int i = 0; i < 2 && window_count_ > window_target_; ++i) {
      const std::uint32_t oldest = links_[window()].next;
      unlink(oldest);
      if (const unsigned hits = take_mark(oldest); hits != 0) sketch_.add(hash_of(oldest), hits);
      push_main(oldest);
    }
  }

  void remove(std::uint32_t slot) noexcept { unlink(slot); }

  /// Puts `fresh` where `old` was: same place, same mark.
  void replace(std::uint32_t old, std::uint32_t fresh) noexcept {
    marks_[fresh].set(marks_[old].get());
    links_[fresh] = links_[old];
    set_next(links_[fresh].prev & ~in_main, fresh);
    set_prev(links_[fresh].next, fresh);
  }

  /// Picks an entry and takes it out. `expired(slot)` tells whether its time is over: then it goes first.
  /// Complexity: bounded by `steps_max` moves of the hand.
  template <class Expired, class HashOf>
  std::uint32_t evict(Expired&& expired, HashOf&& hash_of) noexcept {
    if (main_count_ == 0 || (window_count_ != 0 && window_count_ >= window_target_)) {
      const std::uint32_t candidate = links_[window()].next;
      if (main_count_ == 0 || expired(candidate)) {
        unlink(candidate);
        return candidate;
      }
      const std::uint32_t challenger = hash_of(candidate);
      sketch_.add(challenger, take_mark(candidate));
      const std::uint32_t victim = advance_hand(expired, hash_of);
      if (!expired(victim) && !admits(challenger, hash_of(victim))) {
        left_window_.add(challenger);
        unlink(candidate);
        return candidate;
      }
      left_main_.add(hash_of(victim));
      unlink(victim);
      unlink(candidate);
      push_main(candidate);
      return victim;
    }
    const std::uint32_t victim = advance_hand(expired, hash_of);
    left_main_.add(hash_of(victim));
    unlink(victim);
    return victim;
  }

  /// The shard chains slots that are in no queue through the same links.
  [[nodiscard]] std::uint32_t& chain(std::uint32_t slot) noexcept { return links_[slot].next; }
  /// A number that the shard may leave on such a slot.
  [[nodiscard]] std::uint32_t& note(std::uint32_t slot) noexcept { return links_[slot].prev; }

  /// Returns: how much an entry is worth keeping, as far as is known: its hits since the hand last passed, then those before.
  [[nodiscard]] unsigned heat(std::uint32_t slot, std::uint32_t hash) noexcept {
    return marks_[slot].get() * (frequency_sketch::count_max + 1) + sketch_.estimate(hash);
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    return sketch_.bytes() + left_window_.bytes() + left_main_.bytes() +
           (slots_ + std::size_t{2}) * sizeof(link);
  }

  /// Returns: which part of the shard is window, 0 to 1.
  [[nodiscard]] double window_share() const noexcept { return share_; }

 private:
  static constexpr std::uint32_t in_main = 0x80000000;  // in link::prev
  static constexpr unsigned steps_max = 64;
  static constexpr unsigned warm = 6;  // a candidate at least this frequent wins at random now and then

  // A window at its end of this range still serves those it does not suit.
  static constexpr double share_least = 0.01;
  static constexpr double share_most = 0.8;
  static constexpr std::uint32_t ghosts_part = 20;
  static constexpr double shorter = 1.5;  // entries less for a miss of main; one more for one of the window

  struct link {
    std::uint32_t prev;
    std::uint32_t next;
  };

  [[nodiscard]] std::uint32_t window() const noexcept { return slots_; }
  [[nodiscard]] std::uint32_t main() const noexcept { return slots_ + 1; }

  /// Of a key that is missed.
  void learn(std::uint32_t hash) noexcept {
    double change = 0;
    if (left_window_.take(hash))
      change = left_window_.rate();
    else if (left_main_.take(hash))
      change = -shorter * left_main_.rate();
    else
      return;
    share_ = std::clamp(share_ + change / quota_, share_least, share_most);
    set_window();
  }
  void set_window() noexcept {
    window_target_ = std::clamp(static_cast<std::uint32_t>(quota_ * share_), 1U, std::max(1U, quota_ - 1));
  }

  void set_next(std::uint32_t slot, std::uint32_t next) noexcept { links_[slot].next = next; }
  void set_prev(std::uint32_t slot, std::uint32_t prev) noexcept {
    links_[slot].prev = prev | (links_[slot].prev & in_main);
  }

  void push_window(std::uint32_t slot) noexcept {
    const std::uint32_t last = links_[window()].prev;
    links_[slot] = {last, window()};
    links_[last].next = slot;
    links_[window()].prev = slot;
    ++window_count_;
  }

  void push_main(std::uint32_t slot) noexcept {
    const std::uint32_t last = links_[main()].prev & ~in_main;
    links_[slot] = {last | in_main, main()};
    links_[last].next = slot;
    links_[main()].prev = slot | in_main;
    ++main_count_;
  }

  void unlink(std::uint32_t slot) noexcept {
    const link gone = links_[slot];
    set_next(gone.prev & ~in_main, gone.next);
    set_prev(gone.next, gone.prev & ~in_main);
    --((gone.prev & in_main) != 0 ? main_count_ : window_count_);
  }

  unsigned take_mark(std::uint32_t slot) noexcept {
    const unsigned seen = marks_[slot].get();
    if (seen != 0) marks_[slot].set(0);
    return seen;
  }

  /// Moves the hand past marked entries, lowering their marks. Returns: where it stopped, still linked.
  template <class Expired, class HashOf>
  std::uint32_t advance_hand(Expired&& expired, HashOf&& hash_of) noexcept {
    for (unsigned step = 0; step < steps_max; ++step) {
      const std::uint32_t slot = links_[main()].next;
      const std::uint8_t seen = marks_[slot].get();
      if (seen == 0 || expired(slot)) return slot;
      marks_[slot].set(static_cast<std::uint8_t>(seen - 1));
      sketch_.add(hash_of(slot));
      unlink(slot);
      push_main(slot);
    }
    return links_[main()].next;
  }

  // The rare random win keeps an attacker from parking keys that collide with the victim's counters.
  bool admits(std::uint32_t candidate, std::uint32_t victim) noexcept {
    const unsigned asked = sketch_.estimate(candidate);
    if (asked > sketch_.estimate(victim)) return true;
    if (asked < warm) return false;
    dice_ ^= dice_ << 13;
    dice_ ^= dice_ >> 17;
    dice_ ^= dice_ << 5;
    return (dice_ & 127) == 0;
  }

  std::uint32_t slots_;  // slot numbers are below; the two after them are the heads of the queues
  std::uint32_t quota_ = 1;
  double share_ = 0.05;  // of the window
  std::uint32_t window_target_ = 1;
  std::uint32_t window_count_ = 0;
  std::uint32_t main_count_ = 0;
  std::uint32_t dice_;
  frequency_sketch sketch_;
  ghost_queue left_window_;  // who did not get into main
  ghost_queue left_main_;
  mark* marks_;
  std::unique_ptr<link[]> links_;
};

}  // namespace hasten::detail

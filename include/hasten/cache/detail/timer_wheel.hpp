// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/entry_columns.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace hasten::detail {

/// Finds the entries whose time is over without looking at the others: five wheels of 64 lists each, whose steps are an
/// eighth of a second, nine seconds, nine minutes, ten hours and 26 days. An entry waits on the wheel that fits
/// its end; when its list is reached, it moves to a finer one or is due. A jump of the clock moves whole lists, so a
/// call does a bounded amount of work whatever the time.
/// Thread safety: single-owner.
class timer_wheel {
 public:
  /// Takes no time and touches no memory for slots that are never scheduled. Throws: std::bad_alloc.
  explicit timer_wheel(std::uint32_t slot_count)
      : slots_(slot_count),
        links_(static_cast<link*>(std::calloc(std::size_t{slot_count} + lists, sizeof(link)))) {
    if (!links_) throw std::bad_alloc();
    for (std::uint32_t list = 0; list < lists; ++list) links_[slots_ + list] = {head(list), head(list)};
  }

  /// Files a slot that is in no list. `end` is a moment, as all here.
  void schedule(std::uint32_t slot, entry_end end) noexcept {
    std::int64_t delta = std::max<std::int64_t>(1, (end >> shift) + 1 - reached_);
    delta = std::min(delta,
                     (std::int64_t{1} << levels * level_bits) - 1);  // later ones are filed again on the way
    unsigned level = 0;
    while (delta >> (level + 1) * level_bits != 0) ++level;
    const auto place = static_cast<std::uint32_t>((reached_ + delta) >> level * level_bits & (width - 1));
    append(level * width + place, slot + 1);
  }

  /// Takes a slot out, if it is in.
  void cancel(std::uint32_t slot) noexcept {
    if (links_[slot].next != 0) unlink(slot + 1);
  }

  /// Turns the wheels to `now`, and calls `due(slot)` for up to `budget` slots that were reached and taken out: those whose
  /// end has come, and those that have to be filed again. Returns: whether there are more.
  template <class Due>
  bool advance(entry_end now, unsigned budget, Due&& due) {
    turn(now >> shift);
    const std::uint32_t ready = head(due_list);
    for (; budget != 0 && at(ready).next != ready; --budget) {
      const std::uint32_t first = at(ready).next;
      unlink(first);
      due(first - 1);
    }
    return at(ready).next != ready;
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(*this) + (std::size_t{slots_} + lists) * sizeof(link);
  }

 private:
  static constexpr unsigned shift = 27;  // nanoseconds to steps of the finest wheel
  static constexpr unsigned levels = 5;
  static constexpr unsigned level_bits = 6;
  static constexpr std::uint32_t width = 1U << level_bits;
  static constexpr std::uint32_t due_list = levels * width;
  static constexpr std::uint32_t lists = due_list + 1;

  // Nodes by number, from 1: slots first, then the heads of the lists. 0: in no list.
  struct link {
    std::uint32_t prev;
    std::uint32_t next;
  };
  struct freed {
    void operator()(link* links) const noexcept { std::free(links); }
  };

  [[nodiscard]] link& at(std::uint32_t node) const noexcept { return links_[node - 1]; }
  [[nodiscard]] std::uint32_t head(std::uint32_t list) const noexcept { return slots_ + list + 1; }

  void append(std::uint32_t list, std::uint32_t node) noexcept {
    const std::uint32_t end = head(list);
    const std::uint32_t last = at(end).prev;
    at(node) = {last, end};
    at(last).next = node;
    at(end).prev = node;
  }
  void unlink(std::uint32_t node) noexcept {
    const link gone = at(node);
    at(gone.prev).next = gone.next;
    at(gone.next).prev = gone.prev;
    at(node) = {0, 0};
  }

  void turn(std::int64_t step) noexcept {
    if (step <= reached_) return;  // a clock that went back changes nothing
    for (unsigned level = 0; level < levels; ++level) {
      const std::int64_t from = reached_ >> level * level_bits;
      const std::int64_t steps = std::min<std::int64_t>(width, (step >> level * level_bits) - from);
      if (steps == 0) break;
      for (std::int64_t i = 1; i <= steps; ++i)
        make_due(level * width + static_cast<std::uint32_t>((from + i) & (width - 1)));
    }
    reached_ = step;
  }

  /// Moves a whole list to the end of the one that is due.
  void make_due(std::uint32_t list) noexcept {
    const std::uint32_t from = head(list);
    if (at(from).next == from) return;
    const std::uint32_t ready = head(due_list);
    const std::uint32_t last = at(ready).prev;
    at(last).next = at(from).next;
    at(at(from).next).prev = last;
    at(at(from).prev).next = ready;
    at(ready).prev = at(from).prev;
    at(from) = {from, from};
  }

  const std::uint32_t slots_;
  const std::unique_ptr<link[], freed> links_;
  std::int64_t reached_ = 0;
};

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace hasten {

/// How many threads can hold a number of their own at the same time; those beyond have to share.
inline constexpr unsigned thread_slots_max = 128;

namespace detail {

/// In `slot_of_thread`: all numbers were taken, or the thread is ending and has given its number back.
inline constexpr unsigned slot_shared = thread_slots_max;
/// In `slot_of_thread`: the thread has not asked yet.
inline constexpr unsigned slot_unasked = thread_slots_max + 1;

/// Which numbers are taken. Constant-initialised and never destroyed, so that it works before main and while
/// the process ends.
/// Thread safety: thread-safe.
class slot_board {
 public:
  /// Returns: the lowest free number, or `slot_shared`.
  [[nodiscard]] unsigned take() noexcept {
    for (std::size_t part = 0; part < taken_.size(); ++part) {
      std::uint64_t seen = taken_[part].load();
      while (~seen != 0) {
        const auto bit = static_cast<unsigned>(std::countr_one(seen));
        if (taken_[part].compare_exchange_weak(seen, seen | (std::uint64_t{1} << bit)))
          return static_cast<unsigned>(part) * 64 + bit;
      }
    }
    return slot_shared;
  }

  void give_back(unsigned slot) noexcept { taken_[slot / 64].fetch_and(~(std::uint64_t{1} << (slot % 64))); }

 private:
  std::array<std::atomic<std::uint64_t>, thread_slots_max / 64> taken_{};
};

// Numbers belong to threads, not to any one object, hence the only mutable globals of the library. Default
// visibility: two shared libraries that counted apart would give one number to two threads.
[[gnu::visibility("default")]] inline constinit slot_board board_of_slots;
[[gnu::visibility("default")]] inline constinit thread_local unsigned slot_of_thread = slot_unasked;

struct slot_lease {
  slot_lease() noexcept { slot_of_thread = board_of_slots.take(); }
  slot_lease(const slot_lease&) = delete;
  slot_lease& operator=(const slot_lease&) = delete;
  ~slot_lease() {
    // Destructors of other thread_local objects may still come; from here on they share.
    const unsigned slot = slot_of_thread;
    slot_of_thread = slot_shared;
    if (slot != slot_shared) board_of_slots.give_back(slot);
  }
};

inline void ask_for_slot() noexcept { thread_local const slot_lease lease; }

}  // namespace detail

/// Returns: a small number that no other living thread has, or `thread_slots_max` when there are more living
/// threads than numbers. A thread keeps its answer until it ends; then its number goes to a newer thread, and
/// what the old one wrote is visible to the new one.
[[nodiscard]] inline unsigned thread_slot() noexcept {
  if (detail::slot_of_thread == detail::slot_unasked) detail::ask_for_slot();
  return detail::slot_of_thread;
}

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstdint>

namespace hasten::detail {

/// What an entry's hits leave behind: a number from 0 to mark_max, a hint for the eviction policy. Any thread
/// may raise one at any time; a raise that is lost to another costs nothing that matters, so every access is
/// relaxed.
class mark {
 public:
  static constexpr std::uint8_t mark_max = 3;

  [[nodiscard]] std::uint8_t get() const noexcept { return level_.load(std::memory_order_relaxed); }
  void set(std::uint8_t level) noexcept { level_.store(level, std::memory_order_relaxed); }
  /// Writes nothing once the mark is at its maximum: hot entries are only read.
  [[gnu::always_inline]] void raise() noexcept {
    if (const std::uint8_t level = get(); level < mark_max) set(static_cast<std::uint8_t>(level + 1));
  }

 private:
  std::atomic<std::uint8_t> level_ = 0;
};

}  // namespace hasten::detail

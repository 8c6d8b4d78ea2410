// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/pool_stats.hpp>

#include <chrono>
#include <cstddef>
#include <source_location>
#include <vector>

namespace hasten::detail {

/// The places of a pool, each empty, idle or leased, and who leased it when. A place belongs to one resource until that
/// is destroyed. Thread safety: thread-compatible.
class pool_slots {
 public:
  explicit pool_slots(std::size_t size_max) { free_.reserve(size_max); }  // so that give_back() cannot throw

  /// Returns: a place that nobody has. Throws: std::bad_alloc. The caller minds the bound.
  [[nodiscard]] std::size_t take() {
    if (free_.empty()) {
      holders_.emplace_back();
      return holders_.size() - 1;
    }
    const std::size_t slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void give_back(std::size_t slot) noexcept { free_.push_back(slot); }

  void lease(std::size_t slot, steady_time now, const std::source_location& where) noexcept {
    holders_[slot] = {.where = where, .since = now, .leased = true};
  }
  void end_lease(std::size_t slot) noexcept { holders_[slot].leased = false; }

  /// Returns: how many leases are held for as long as `allowed`; zero allows any.
  [[nodiscard]] std::size_t overdue(steady_time now, std::chrono::nanoseconds allowed) const noexcept {
    std::size_t count = 0;
    for (const holder& each : holders_) count += is_overdue(each, now, allowed) ? 1 : 0;
    return count;
  }

  /// Returns: those of them that were not returned before.
  [[nodiscard]] std::vector<pool_leak> new_leaks(steady_time now, std::chrono::nanoseconds allowed) {
    std::vector<pool_leak> found;
    for (holder& each : holders_) {
      if (each.reported || !is_overdue(each, now, allowed)) continue;
      found.push_back({.where = each.where, .held = now - each.since});
      each.reported = true;
    }
    return found;
  }

 private:
  struct holder {
    std::source_location where{};
    steady_time since{};
    bool leased = false;
    bool reported = false;
  };

  static bool is_overdue(const holder& each, steady_time now, std::chrono::nanoseconds allowed) noexcept {
    return allowed.count() > 0 && each.leased && now - each.since >= allowed;
  }

  std::vector<holder> holders_;
  std::vector<std::size_t> free_;
};

}  // namespace hasten::detail

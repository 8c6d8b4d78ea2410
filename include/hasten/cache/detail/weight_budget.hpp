// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

namespace hasten::detail {

/// The weight that the entries of a cache have together, which never exceeds its bound.
/// Thread safety: thread-safe.
class weight_budget {
 public:
  static constexpr std::uint64_t unbounded = std::numeric_limits<std::int64_t>::max();

  explicit weight_budget(std::uint64_t max) noexcept : max_(max == 0 ? unbounded : max) {}

  /// Returns: whether there was room for `weight`, which then is taken.
  [[nodiscard]] bool take(std::uint64_t weight) noexcept {
    std::uint64_t held = held_.load();
    do
      if (const std::uint64_t max = max_.load(); held > max || weight > max - held) return false;
    while (!held_.compare_exchange_weak(held, held + weight));
    return true;
  }
  void give_back(std::uint64_t weight) noexcept { held_.fetch_sub(weight); }

  [[nodiscard]] std::uint64_t held() const noexcept { return held_.load(); }
  [[nodiscard]] std::uint64_t max() const noexcept { return max_.load(); }
  [[nodiscard]] bool exceeded() const noexcept { return held_.load() > max_.load(); }
  void set_max(std::uint64_t max) noexcept { max_.store(max == 0 ? unbounded : max); }

 private:
  std::atomic<std::uint64_t> held_ = 0;
  std::atomic<std::uint64_t> max_;
};

}  // namespace hasten::detail

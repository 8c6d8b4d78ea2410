// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hasten::detail {

/// Which lookups of one thread are looked at more closely: at random distances, so that no rhythm of the program can hide
/// from it, and on average so far apart that the closer look costs nothing that could be measured.
/// Thread safety: single-owner.
class lookup_sampler {
 public:
  /// The numbers of the lookups to look at, counted from one for hits and misses each; zero before begin().
  [[nodiscard]] std::uint64_t next_hit() const noexcept { return hit_.at; }
  [[nodiscard]] std::uint64_t next_miss() const noexcept { return miss_.at; }

  void begin() noexcept { hit_.at = miss_.at = hit_.gap = miss_.gap = 1; }

  /// Draws the next sample after the current one; on average `every` lookups later, or, if that is zero, some tens of
  /// microseconds. Returns: for how many lookups the current one stands: all weights together are all lookups.
  std::uint64_t draw_next(bool hit, std::size_t every, steady_time now) noexcept {
    if (every == 0) {
      const auto since = now - last_;
      last_ = now;
      if (since < sparing / 2)
        stride_ = std::min(stride_ * 2, stride_max);
      else if (since > sparing * 2)
        stride_ = std::max<std::uint64_t>(stride_ / 2, 1);
    } else {
      stride_ = every;
    }
    // xorshift: any spread will do, as long as it follows nothing that the program does
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    draw& which = hit ? hit_ : miss_;
    const std::uint64_t stood_for = which.gap;
    which.gap = 1 + random_ % (2 * stride_ - 1);
    which.at += which.gap;
    return stood_for;
  }

  /// Whether a key was seen a moment ago, and not too often since: a key that is asked for all the time need not be told
  /// each time that it is.
  [[nodiscard]] bool repeats(std::uint32_t hash) noexcept {
    seen& place = recent_[(hash >> 8) % recent_.size()];
    if (place.hash == hash && ++place.times < repeats_max) return true;
    place = {hash, 0};
    return false;
  }

 private:
  struct draw {
    std::uint64_t at = 0;   // number of the next sample
    std::uint64_t gap = 0;  // its distance from the one before
  };
  struct seen {
    std::uint32_t hash = 0;
    std::uint32_t times = 0;
  };

  static constexpr std::chrono::microseconds sparing{20};
  static constexpr std::uint64_t stride_max = 4096;
  static constexpr std::uint32_t repeats_max = 32;

  draw hit_;
  draw miss_;
  std::uint64_t stride_ = 1;
  std::uint64_t random_ = 0x9e3779b97f4a7c15U;
  steady_time last_{};
  std::array<seen, 16> recent_{};
};

}  // namespace hasten::detail

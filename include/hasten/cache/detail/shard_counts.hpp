// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/removal.hpp>

#include <cstdint>

namespace hasten::detail {

/// What the writers of a shard count, under its lock.
/// Thread safety: thread-compatible.
struct shard_counts {
  std::uint64_t evictions_size = 0;
  std::uint64_t evictions_expired = 0;
  std::uint64_t removals = 0;
  std::uint64_t replaced = 0;
  std::uint64_t dropped = 0;
  std::uint64_t refused = 0;

  [[gnu::always_inline]] void count(removal_cause cause) noexcept {
    switch (cause) {
      case removal_cause::size:
        ++evictions_size;
        break;
      case removal_cause::expired:
        ++evictions_expired;
        break;
      case removal_cause::erased:
        ++removals;
        break;
      case removal_cause::replaced:
        ++replaced;
        break;
    }
  }
};

}  // namespace hasten::detail

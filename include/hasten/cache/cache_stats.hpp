// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hasten {

/// What a cache did since it was made or since its statistics were last reset.
/// Thread safety: immutable.
struct cache_stats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;              ///< includes entries found expired
  std::uint64_t loads = 0;               ///< loaders that returned a value
  std::uint64_t load_failures = 0;       ///< loaders that threw
  std::uint64_t stale_served = 0;        ///< failed loads that an old value stood in for
  std::uint64_t refreshes = 0;           ///< loads that took the place of a value still served
  std::uint64_t refresh_failures = 0;    ///< such loads that failed or could not be begun
  std::chrono::nanoseconds load_time{};  ///< of all loaders together, failed ones included
  std::uint64_t evictions_size = 0;      ///< entries that made room for others
  std::uint64_t evictions_expired = 0;   ///< entries removed because their time was over
  std::uint64_t removals = 0;            ///< entries removed by erase, erase_prefix or clear
  std::uint64_t replaced = 0;            ///< values overwritten by a newer one for the same key
  std::uint64_t dropped = 0;             ///< values not kept because too many removed ones were being visited
  std::uint64_t refused = 0;             ///< values not kept because they alone weigh more than weight_max
  std::uint64_t listener_failures = 0;   ///< exceptions of the removal listener
  std::size_t size = 0;                  ///< entries now, expired ones not yet removed included
  std::size_t entries_max = 0;
  std::uint64_t weight = 0;      ///< of all entries together; 0 if they have none
  std::uint64_t weight_max = 0;  ///< 0: no bound

  /// Returns: what happened since `earlier`; sizes as they are now.
  [[nodiscard]] cache_stats since(const cache_stats& earlier) const noexcept {
    cache_stats result = *this;
    result.hits -= earlier.hits;
    result.misses -= earlier.misses;
    result.loads -= earlier.loads;
    result.load_failures -= earlier.load_failures;
    result.stale_served -= earlier.stale_served;
    result.refreshes -= earlier.refreshes;
    result.refresh_failures -= earlier.refresh_failures;
    result.load_time -= earlier.load_time;
    result.evictions_size -= earlier.evictions_size;
    result.evictions_expired -= earlier.evictions_expired;
    result.removals -= earlier.removals;
    result.replaced -= earlier.replaced;
    result.dropped -= earlier.dropped;
    result.refused -= earlier.refused;
    result.listener_failures -= earlier.listener_failures;
    return result;
  }

  /// Returns: hits per lookup, 0 to 1; 0 before the first lookup.
  [[nodiscard]] double hit_rate() const noexcept {
    const std::uint64_t lookups = hits + misses;
    return lookups == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(lookups);
  }
};

}  // namespace hasten

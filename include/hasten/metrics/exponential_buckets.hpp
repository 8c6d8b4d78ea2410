// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/expects.hpp>
#include <hasten/metrics/histogram_snapshot.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hasten {

/// A distribution in OpenTelemetry's exponential buckets: each is 2^(2^-scale) times as wide as the one before, so that no
/// bounds have to be agreed on. What Prometheus stores as a native histogram.
///
/// Thread safety: thread-compatible.
struct exponential_buckets {
  static constexpr int scale_max = 4;  ///< 4.4 % wide: narrower than that a histogram's own buckets are not

  int scale = scale_max;
  std::uint64_t zeros = 0;  ///< how many values were zero
  std::int64_t offset = 0;  ///< the index of the first of `counts`; bucket i is (base^i, base^(i+1)]
  std::vector<std::uint64_t> counts;  ///< of consecutive buckets, the first and the last not empty

  /// Puts each bucket of a snapshot where its middle belongs. `unit` is how many recorded units are one exposed (1e9 for
  /// seconds). Returns: the finest scale at which `buckets_max` buckets are enough. Throws: std::bad_alloc.
  [[nodiscard]] static exponential_buckets of(const histogram_snapshot& values, double unit,
                                              std::size_t buckets_max = 160) {
    HASTEN_EXPECTS(unit > 0 && buckets_max >= 2,
                   "exponential_buckets: a unit above 0, and at least two buckets");
    exponential_buckets made;
    std::vector<std::pair<std::int64_t, std::uint64_t>> found;  // index and count, upwards
    values.each_bucket([&](std::uint64_t lowest, std::uint64_t highest, std::uint64_t count) {
      const std::uint64_t middle = lowest + (highest - lowest) / 2;
      if (middle == 0)
        made.zeros += count;
      else
        found.emplace_back(index_of(static_cast<double>(middle) / unit), count);
    });
    if (found.empty()) return made;
    // Each step down merges two neighbours into one.
    while (static_cast<std::uint64_t>(found.back().first - found.front().first) >= buckets_max) {
      --made.scale;
      for (auto& each : found) each.first >>= 1;
    }
    made.offset = found.front().first;
    made.counts.resize(static_cast<std::size_t>(found.back().first - made.offset) + 1);
    for (const auto& [index, count] : found)
      made.counts[static_cast<std::size_t>(index - made.offset)] += count;
    return made;
  }

 private:
  static std::int64_t index_of(double value) noexcept {
    return static_cast<std::int64_t>(std::ceil(std::ldexp(std::log2(value), scale_max))) - 1;
  }
};

}  // namespace hasten

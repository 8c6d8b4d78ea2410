// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace hasten::bench {

/// Returns: `count` keys below `keys`, the rank-r key drawn in proportion to r^-skew, ranks scattered.
inline std::vector<std::uint64_t> zipf_keys(std::size_t count, std::size_t keys, double skew) {
  std::vector<double> cumulated(keys);
  double sum = 0;
  for (std::size_t rank = 0; rank < keys; ++rank)
    cumulated[rank] = sum += std::pow(static_cast<double>(rank + 1), -skew);
  std::vector<std::uint64_t> name(keys);
  for (std::size_t rank = 0; rank < keys; ++rank) name[rank] = rank;
  std::mt19937_64 random(42);
  std::shuffle(name.begin(), name.end(), random);
  std::uniform_real_distribution<double> draw(0, sum);
  std::vector<std::uint64_t> drawn(count);
  for (auto& key : drawn) {
    const auto at = std::lower_bound(cumulated.begin(), cumulated.end(), draw(random));
    key = name[static_cast<std::size_t>(
        std::min(at - cumulated.begin(), static_cast<std::ptrdiff_t>(keys - 1)))];
  }
  return drawn;
}

}  // namespace hasten::bench

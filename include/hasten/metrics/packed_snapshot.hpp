// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/histogram_snapshot.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hasten {

/// A histogram_snapshot as it is kept: only the buckets that are not empty, usually a tenth of the size.
///
/// Thread safety: immutable.
class packed_snapshot {
 public:
  packed_snapshot() = default;

  /// Throws: std::bad_alloc.
  explicit packed_snapshot(const histogram_snapshot& whole)
      : layout_(whole.layout_), sum_(whole.sum_), max_(whole.max_) {
    std::size_t used = 0;
    for (std::size_t i = whole.first_; i < whole.last_; ++i) used += whole.counts_[i] != 0 ? 1 : 0;
    buckets_.reserve(used);
    for (std::size_t i = whole.first_; i < whole.last_; ++i)
      if (whole.counts_[i] != 0) buckets_.push_back({static_cast<std::uint32_t>(i), whole.counts_[i]});
  }

  /// Returns: what was packed. Throws: std::bad_alloc.
  [[nodiscard]] histogram_snapshot unpack() const {
    histogram_snapshot whole;
    whole.reset(layout_);
    if (buckets_.empty()) return whole;
    whole.make_room();
    for (const auto& [index, count] : buckets_) whole.counts_[index] = count;
    whole.settle();
    whole.sum_ = sum_;
    whole.max_ = max_;
    return whole;
  }

  /// Returns: the bytes held on the heap.
  [[nodiscard]] std::size_t bytes() const noexcept { return buckets_.capacity() * sizeof(bucket); }

 private:
  struct bucket {
    std::uint32_t index;
    std::uint64_t count;
  };

  detail::bucket_layout layout_{0};
  std::vector<bucket> buckets_;  // ascending by index, none empty
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace hasten

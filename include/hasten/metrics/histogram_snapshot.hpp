// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/expects.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace hasten {

namespace detail {

/// Where values fall: exact up to 2^(P+1), above that 2^P buckets for each power of two, up to `limit`; one
/// more bucket takes all that is larger.
/// Thread safety: immutable.
class bucket_layout {
 public:
  static constexpr unsigned limit_bits = 41;
  static constexpr std::uint64_t limit = std::uint64_t{1} << limit_bits;  // in nanoseconds 36 minutes

  constexpr explicit bucket_layout(unsigned precision_bits) noexcept
      : bits_(precision_bits),
        linear_(std::uint64_t{1} << precision_bits),
        drop_(mantissa_bits - precision_bits),
        offset_((std::size_t{exponent_bias} + precision_bits - 1) << precision_bits) {}

  [[nodiscard]] constexpr unsigned precision_bits() const noexcept { return bits_; }
  [[nodiscard]] constexpr std::size_t over() const noexcept {
    return (std::size_t{limit_bits - bits_} + 1) << bits_;
  }
  [[nodiscard]] constexpr std::size_t buckets() const noexcept { return over() + 1; }

  [[nodiscard]] constexpr std::size_t index(std::uint64_t value) const noexcept {
    if (value >= limit) [[unlikely]]
      return over();
    if (value < linear_) return static_cast<std::size_t>(value);
    // As a double, which holds any value below the limit exactly, its exponent and the first bits of its
    // mantissa are the bucket: cheaper than finding the highest bit, which is slow on many processors.
    const auto floating = std::bit_cast<std::uint64_t>(static_cast<double>(static_cast<std::int64_t>(value)));
    return static_cast<std::size_t>(floating >> drop_) - offset_;
  }

  [[nodiscard]] constexpr std::uint64_t width(std::size_t index) const noexcept {
    return std::uint64_t{1} << shift(index);
  }
  [[nodiscard]] constexpr std::uint64_t lowest(std::size_t index) const noexcept {
    const unsigned s = shift(index);
    return (std::uint64_t{index} - (std::uint64_t{s} << bits_)) << s;
  }

  friend constexpr bool operator==(bucket_layout, bucket_layout) noexcept = default;

 private:
  static constexpr unsigned mantissa_bits = 52;
  static constexpr unsigned exponent_bias = 1023;

  [[nodiscard]] constexpr unsigned shift(std::size_t index) const noexcept {
    const auto octave = static_cast<unsigned>(index >> bits_);
    return octave == 0 ? 0 : octave - 1;
  }

  unsigned bits_;
  std::uint64_t linear_;  // below this, a value is its own bucket
  unsigned drop_;         // mantissa bits that do not decide the bucket
  std::size_t offset_;    // what the exponent and mantissa of linear_ give, less the index of linear_
};
static_assert(std::numeric_limits<double>::is_iec559 && std::numeric_limits<double>::digits == 53);

}  // namespace detail

/// What a histogram held at one moment, since it was made: counts by bucket, their sum, the largest value.
///
/// Snapshots of one histogram only grow, so the difference of two is exactly what was recorded between them;
/// snapshots of several histograms of one precision add up. A default-made snapshot is empty and adds up with
/// any. About 9 KiB at the default precision: to keep many, keep what a window keeps.
///
/// Thread safety: thread-compatible.
///
///     const auto before = latency.snapshot();
///     run_the_batch();
///     const auto batch = difference(latency.snapshot(), before);
///     std::cout << batch.count() << " calls, p99 " << batch.quantile(0.99) << " ns\n";
class histogram_snapshot {
 public:
  histogram_snapshot() = default;

  /// Returns: how many values were recorded: the sum of all buckets, by construction.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  /// Returns: the sum of the values, modulo 2^64; it may be ahead of count() by what other threads were
  /// recording at that moment, never behind.
  [[nodiscard]] std::uint64_t sum() const noexcept { return sum_; }

  /// Returns: the largest value since the histogram was made, exactly; of a difference, the upper edge of the
  /// highest bucket in it. 0 if empty.
  [[nodiscard]] std::uint64_t max() const noexcept { return max_; }

  /// Returns: sum() / count(); 0 if empty.
  [[nodiscard]] double mean() const noexcept {
    return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }

  /// The value of nearest rank: at least a share of `q` of the values is no larger. `q` is 0 to 1.
  /// Returns: the middle of its bucket, at most relative_error_max() off; beyond `range_max`, max(); 0 if
  /// empty. Complexity: linear in the number of buckets, about a microsecond.
  [[nodiscard]] std::uint64_t quantile(double q) const {
    HASTEN_EXPECTS(q >= 0.0 && q <= 1.0, "histogram_snapshot: a quantile lies between 0 and 1");
    if (count_ == 0) return 0;
    const auto rank = std::clamp(static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_))),
                                 std::uint64_t{1}, count_);
    std::uint64_t seen = 0;
    std::size_t index = first_;
    while ((seen += counts_[index]) < rank) ++index;
    if (index == layout_.over()) return max_;
    return std::min(layout_.lowest(index) + layout_.width(index) / 2, max_);
  }

  /// Returns: whether there are enough values for this quantile to mean something: p99 wants 100 of them,
  /// p99.9 wants 1000. Where it does not hold, show "too few" rather than a number.
  [[nodiscard]] bool supports(double q) const noexcept {
    return count_ > 0 && (1.0 - q) * static_cast<double>(count_) >= 1.0 - 1e-9;
  }

  /// Returns: how far off quantile() may be, as a share of the true value: 2^-(precision_bits + 1).
  [[nodiscard]] double relative_error_max() const noexcept {
    return std::ldexp(1.0, -static_cast<int>(layout_.precision_bits() + 1));
  }

  /// Values from here on share one bucket; their quantile is answered by max().
  static constexpr std::uint64_t range_max = detail::bucket_layout::limit;

  /// Adds what `other` holds. Both are of one precision, or one is default-made.
  void merge(const histogram_snapshot& other) {
    if (other.counts_.empty()) return;
    if (counts_.empty()) {
      *this = other;
      return;
    }
    HASTEN_EXPECTS(layout_ == other.layout_, "histogram_snapshot: merged snapshots have one precision");
    for (std::size_t i = other.first_; i < other.last_; ++i) counts_[i] += other.counts_[i];
    first_ = std::min(first_, other.first_);
    last_ = std::max(last_, other.last_);
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
  }

  /// Returns: what was recorded between two snapshots of the same histogram (or the same sum of histograms);
  /// `earlier` may be default-made.
  [[nodiscard]] friend histogram_snapshot difference(histogram_snapshot later,
                                                     const histogram_snapshot& earlier) {
    later.subtract(earlier);
    return later;
  }

  /// Returns: whether all that is in `earlier` is also in this one, so that a difference of the two exists.
  [[nodiscard]] bool includes(const histogram_snapshot& earlier) const noexcept {
    if (earlier.count_ == 0) return true;
    if (count_ < earlier.count_ || !(layout_ == earlier.layout_)) return false;
    for (std::size_t i = earlier.first_; i < earlier.last_; ++i)
      if (counts_[i] < earlier.counts_[i]) return false;
    return true;
  }

  /// Calls `visit(lowest, highest, count)` for each bucket that is not empty, upwards; both bounds belong to
  /// the bucket. `highest` of the bucket beyond range_max is max().
  template <class Visit>
  void each_bucket(Visit&& visit) const {
    for (std::size_t i = first_; i < last_; ++i) {
      if (counts_[i] == 0) continue;
      const std::uint64_t low = layout_.lowest(i);
      visit(low, i == layout_.over() ? max_ : low + layout_.width(i) - 1, counts_[i]);
    }
  }

  /// Returns: how many values are at most `value`, as far as the buckets tell: one counts if its middle does,
  /// so that the answers of quantile() and this agree. Exact below 2^(precision_bits + 1) and from max() on.
  [[nodiscard]] std::uint64_t count_at_most(std::uint64_t value) const noexcept {
    std::uint64_t answer = 0;
    counts_at_most(std::span(&value, 1), [&](std::size_t, std::uint64_t count) { answer = count; });
    return answer;
  }

  /// Calls `visit(i, count_at_most(bounds[i]))` for each of the ascending bounds, in one pass.
  template <class Visit>
  void counts_at_most(std::span<const std::uint64_t> bounds, Visit&& visit) const {
    std::uint64_t total = 0;
    std::size_t index = first_;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      const std::size_t end = std::min(last_, layout_.index(bounds[i]));
      for (; index < end; ++index) total += counts_[index];
      // The bucket that the bound is in, if its middle is not beyond the bound.
      const bool half = index < last_ && index == layout_.index(bounds[i]) && index != layout_.over() &&
                        layout_.lowest(index) + layout_.width(index) / 2 <= bounds[i];
      visit(i, bounds[i] >= max_ ? count_ : total + (half ? counts_[index] : 0));
    }
  }

 private:
  friend class histogram;
  friend class packed_snapshot;

  void reset(detail::bucket_layout layout) {
    layout_ = layout;
    counts_.clear();
    first_ = last_ = 0;
    count_ = sum_ = max_ = 0;
  }

  // An empty snapshot stays small: counts_ is filled only when there is something to count.
  void make_room() {
    if (counts_.empty()) counts_.resize(layout_.buckets());
  }

  // Finds the ends and the total after counts_ was filled.
  void settle() noexcept {
    first_ = 0;
    last_ = counts_.size();
    while (last_ > 0 && counts_[last_ - 1] == 0) --last_;
    while (first_ < last_ && counts_[first_] == 0) ++first_;
    count_ = 0;
    for (std::size_t i = first_; i < last_; ++i) count_ += counts_[i];
  }

  void subtract(const histogram_snapshot& earlier) {
    if (earlier.counts_.empty()) return;
    HASTEN_EXPECTS(layout_ == earlier.layout_ && !counts_.empty(),
                   "histogram_snapshot: the difference is of snapshots of one histogram");
    for (std::size_t i = earlier.first_; i < earlier.last_; ++i) {
      HASTEN_EXPECTS(counts_[i] >= earlier.counts_[i], "histogram_snapshot: the later snapshot comes first");
      counts_[i] -= earlier.counts_[i];
    }
    settle();
    sum_ -= earlier.sum_;
    if (last_ == 0)
      max_ = 0;
    else if (last_ - 1 != layout_.over())
      max_ = std::min(max_, layout_.lowest(last_ - 1) + layout_.width(last_ - 1) - 1);
  }

  detail::bucket_layout layout_{0};
  std::vector<std::uint64_t> counts_;  // empty, or one for each bucket of layout_
  std::size_t first_ = 0;              // all counts outside [first_, last_) are zero
  std::size_t last_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace hasten

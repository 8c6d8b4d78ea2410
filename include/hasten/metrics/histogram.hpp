// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/histogram_snapshot.hpp>
#include <hasten/metrics/thread_shards.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace hasten {

/// Counts values, above all durations in nanoseconds, so that real percentiles can be read at any time, at a
/// cost that nobody can measure beside the two clock readings of a duration.
///
/// Each thread counts into buckets of its own, which it alone writes; nothing is ever reset. Recording takes
/// no lock, never throws, and allocates only at a thread's first value (9 KiB at the default precision); with
/// no memory left, the thread counts into the shared row instead, or the value is told by lost(). Counts stay
/// when a thread ends. The wrong tool where each single value matters (write a log) or where there are only a
/// handful of values.
///
/// Thread safety: thread-safe.
///
///     hasten::histogram latency;
///     latency.record(clock.now() - start);
///     const auto all = latency.snapshot();
///     std::cout << "p99 " << all.quantile(0.99) << " ns of " << all.count() << " calls\n";
class histogram {
 public:
  struct options {
    /// A quantile is at most 2^-(precision_bits + 1) off: 5 gives 1.6 % and 9 KiB for each thread, 7 gives
    /// 0.4 % and 35 KiB. 2 to 10.
    unsigned precision_bits = 5;
    /// How many threads get buckets of their own; all others share. 0 (everybody shares, slower and small) to
    /// thread_slots_max. Memory is at most this plus one times the size above.
    unsigned threads_max = thread_slots_max;
  };

  histogram() : histogram(options()) {}

  /// Throws: std::invalid_argument for an option out of range.
  explicit histogram(options chosen)
      : layout_(checked(chosen).precision_bits),
        shards_(fixed_words + layout_.buckets(), chosen.threads_max) {}

  /// Counts `value`. One beyond histogram_snapshot::range_max is counted, summed and remembered as max like
  /// any other, but falls into the one bucket of everything that large. Blocks on: nothing.
  // Inlined by force: with many places that record, compilers choose a call, which costs half as much again.
  [[gnu::always_inline]] void record(std::uint64_t value) noexcept {
    const std::size_t bucket = fixed_words + layout_.index(value);
    if (word* const row = shards_.own()) [[likely]] {
      row[sum_word].store(row[sum_word].load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
      if (value > row[max_word].load(std::memory_order_relaxed))
        row[max_word].store(value, std::memory_order_relaxed);
      // release: a snapshot that acquires this count sees the sum and the max that belong to it
      row[bucket].store(row[bucket].load(std::memory_order_relaxed) + 1, std::memory_order_release);
    } else {
      record_shared(bucket, value);
    }
  }

  /// Counts a duration in nanoseconds; a negative one, from a clock that was turned back, counts as zero.
  void record(std::chrono::nanoseconds duration) noexcept {
    record(static_cast<std::uint64_t>(std::max(duration.count(), std::chrono::nanoseconds::rep{0})));
  }

  /// Returns: all that was recorded so far; values that other threads are just recording may be missing.
  /// Throws: std::bad_alloc. Complexity: buckets times threads, a few microseconds.
  [[nodiscard]] histogram_snapshot snapshot() const {
    histogram_snapshot taken;
    snapshot_into(taken);
    return taken;
  }

  /// As snapshot(), into an object whose memory is used again.
  void snapshot_into(histogram_snapshot& taken) const {
    taken.reset(layout_);
    shards_.each([&](const word* row) {
      taken.make_room();
      for (std::size_t i = 0; i < taken.counts_.size(); ++i)
        // acquire: pairs with the release in record(); the sum and the max are read after the counts
        taken.counts_[i] += row[fixed_words + i].load(std::memory_order_acquire);
      taken.sum_ += row[sum_word].load(std::memory_order_relaxed);
      taken.max_ = std::max(taken.max_, row[max_word].load(std::memory_order_relaxed));
    });
    taken.settle();
  }

  /// Returns: how many values could not be counted for want of memory.
  [[nodiscard]] std::uint64_t lost() const noexcept { return shards_.lost(); }

 private:
  using word = thread_shards::word;
  static constexpr std::size_t sum_word = 0;
  static constexpr std::size_t max_word = 1;
  static constexpr std::size_t fixed_words = 2;

  static options checked(options chosen) {
    if (chosen.precision_bits < 2 || chosen.precision_bits > 10)
      throw std::invalid_argument("histogram: precision_bits must be 2..10, got " +
                                  std::to_string(chosen.precision_bits));
    if (chosen.threads_max > thread_slots_max)
      throw std::invalid_argument("histogram: threads_max must be 0.." + std::to_string(thread_slots_max) +
                                  ", got " + std::to_string(chosen.threads_max));
    return chosen;
  }

  [[gnu::noinline]] void record_shared(std::size_t bucket, std::uint64_t value) noexcept {
    word* const row = shards_.shared();
    if (row == nullptr) return shards_.lose();
    // relaxed, then release: as in record()
    row[sum_word].fetch_add(value, std::memory_order_relaxed);
    std::uint64_t seen = row[max_word].load(std::memory_order_relaxed);
    while (value > seen && !row[max_word].compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
    row[bucket].fetch_add(1, std::memory_order_release);
  }

  detail::bucket_layout layout_;
  thread_shards shards_;  // by row: sum, max, then a count for each bucket
};

}  // namespace hasten

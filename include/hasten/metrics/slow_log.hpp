// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace hasten {

/// Keeps the slowest operations since it was made or cleared: what to look at first when p99 is too high.
///
/// Bounded: once full, a faster operation than the fastest kept is turned away by one comparison, without the
/// lock. Names and details come from a closed set (a route template, a statement's name, stage times), never
/// from what users send: what is kept is shown to people. The wrong tool for an audit or an access log: it
/// forgets all but the worst.
///
/// Thread safety: thread-safe.
///
///     hasten::slow_log slowest({.entries_max = 50, .threshold = 100ms});
///     slowest.record("claims.page", took, wall_clock.now());
///     for (const auto& entry : slowest.worst()) std::cout << entry.name << ' ' << entry.duration.count();
class slow_log {
 public:
  struct entry {
    std::string name;
    std::chrono::nanoseconds duration{};
    wall_time at;
    std::string detail;  ///< where the time went, in the recorder's own words; perhaps empty
  };

  struct options {
    /// How many entries are kept. 1 to 10,000.
    std::size_t entries_max = 100;
    /// What takes less is never kept; zero keeps the worst however fast they are. Not negative.
    std::chrono::nanoseconds threshold{0};
    /// A longer name or detail is cut to this many bytes. 1 to 4096.
    std::size_t text_size_max = 256;
  };

  slow_log() : slow_log(options()) {}

  /// Throws: std::invalid_argument for an option out of range; std::bad_alloc.
  explicit slow_log(options chosen) : options_(checked(chosen)), floor_(chosen.threshold.count() - 1) {
    heap_.reserve(chosen.entries_max);
  }

  /// Keeps the operation if it is among the slowest; a tie goes to the earlier. Never throws: an entry for
  /// which there is no memory is counted as lost. Blocks on: the log's lock, only for what is to be kept.
  void record(std::string_view name, std::chrono::nanoseconds duration, wall_time at,
              std::string_view detail = {}) noexcept {
    // relaxed: a stale floor costs a look under the lock, or loses to a clear() in the same instant
    if (duration.count() <= floor_.load(std::memory_order_relaxed)) return;
    try {
      keep(entry{cut(name), duration, at, cut(detail)});
    } catch (const std::bad_alloc&) {
      lose();
    }
  }

  /// Returns: whether record() would look at an operation this long: ask before building a costly detail.
  [[nodiscard]] bool wants(std::chrono::nanoseconds duration) const noexcept {
    return duration.count() > floor_.load(std::memory_order_relaxed);  // relaxed: as in record()
  }

  /// Returns: what is kept, the slowest first. Blocks on: the log's lock.
  [[nodiscard]] std::vector<entry> worst() const {
    std::vector<entry> sorted;
    {
      const std::lock_guard lock(mutex_);
      sorted = heap_;
    }
    std::sort(sorted.begin(), sorted.end(), slower);
    return sorted;
  }

  /// Forgets all entries, so that the worst of the time from now on are kept.
  void clear() {
    std::vector<entry> forgotten;
    forgotten.reserve(options_.entries_max);
    const std::lock_guard lock(mutex_);
    heap_.swap(forgotten);
    floor_.store(options_.threshold.count() - 1);
  }

  /// Counts an entry for which its recorder had no memory.
  void lose() noexcept { lost_.fetch_add(1); }

  /// Returns: how many entries could not be kept for want of memory.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(); }

 private:
  static options checked(options chosen) {
    if (chosen.entries_max < 1 || chosen.entries_max > 10'000)
      throw std::invalid_argument("slow_log: entries_max must be 1..10000, got " +
                                  std::to_string(chosen.entries_max));
    if (chosen.threshold.count() < 0)
      throw std::invalid_argument("slow_log: threshold must not be negative, got " +
                                  std::to_string(chosen.threshold.count()) + " ns");
    if (chosen.text_size_max < 1 || chosen.text_size_max > 4096)
      throw std::invalid_argument("slow_log: text_size_max must be 1..4096, got " +
                                  std::to_string(chosen.text_size_max));
    return chosen;
  }

  // The order of the slowest first; of two equally slow, the earlier first.
  static bool slower(const entry& left, const entry& right) noexcept {
    return left.duration != right.duration ? left.duration > right.duration : left.at < right.at;
  }

  [[nodiscard]] std::string cut(std::string_view text) const {
    return std::string(text.substr(0, options_.text_size_max));
  }

  void keep(entry candidate) noexcept {
    const std::lock_guard lock(mutex_);
    if (heap_.size() == options_.entries_max) {
      if (candidate.duration <= heap_.front().duration) return;
      std::pop_heap(heap_.begin(), heap_.end(), slower);
      heap_.back() = std::move(candidate);
    } else {
      heap_.push_back(std::move(candidate));  // reserved: cannot throw
    }
    std::push_heap(heap_.begin(), heap_.end(), slower);
    if (heap_.size() == options_.entries_max) floor_.store(heap_.front().duration.count());
  }

  options options_;
  std::atomic<std::int64_t> floor_;  // ns; nothing up to here is kept
  std::atomic<std::uint64_t> lost_{0};
  mutable std::mutex mutex_;  // guards heap_ and the writes of floor_; nothing of the caller's runs under it
  std::vector<entry> heap_;   // a heap with the fastest at the front; capacity entries_max
};

}  // namespace hasten

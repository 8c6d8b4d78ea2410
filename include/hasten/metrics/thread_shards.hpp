// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/expects.hpp>
#include <hasten/core/thread_slot.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>

namespace hasten {

/// Rows of 64-bit counters, one row per thread, so that counting costs a load and a store instead of a locked
/// instruction: what histograms and counters are made of.
///
/// A row has one writer, the thread whose slot it is; readers add the rows up. Rows only grow: they outlive
/// their thread, whose successor in the slot counts on. Threads without a slot of their own share one row and
/// pay for atomic additions. Not for values that must be read back at once by their writer's peers, nor for
/// values that go down. Memory is at most (rows_max + 1) rows, each made at its first use; a count for which
/// not even the shared row could be made is told by lost().
///
/// Thread safety: thread-safe.
///
///     hasten::thread_shards counts(routes.size());
///     counts.add(route, 1);                  // about a nanosecond, from any thread
///     std::uint64_t served = counts.sum(route);
class thread_shards {
 public:
  using word = std::atomic<std::uint64_t>;

  /// `words` per row, at least 1; `rows_max` threads may have a row of their own, 0 to thread_slots_max.
  /// Throws: std::invalid_argument.
  explicit thread_shards(std::size_t words, unsigned rows_max = thread_slots_max)
      : words_(words), rows_max_(rows_max) {
    if (words == 0 || words > words_max)
      throw std::invalid_argument("thread_shards: words must be 1.." + std::to_string(words_max) + ", got " +
                                  std::to_string(words));
    if (rows_max > thread_slots_max)
      throw std::invalid_argument("thread_shards: rows_max must be 0.." + std::to_string(thread_slots_max) +
                                  ", got " + std::to_string(rows_max));
  }

  thread_shards(const thread_shards&) = delete;
  thread_shards& operator=(const thread_shards&) = delete;

  ~thread_shards() {
    for (auto& row : rows_) ::operator delete[](row.load(), alignment);
    ::operator delete[](shared_.load(), alignment);
  }

  /// Returns: the row that only the calling thread writes, by `store(load + n)`; null if it has to share, or
  /// if there was no memory for a row.
  [[nodiscard]] word* own() noexcept {
    // relaxed: the pointer was stored by this thread, or by one whose slot this thread took over
    word* const row = rows_[detail::slot_of_thread].load(std::memory_order_relaxed);
    return row != nullptr ? row : own_first();
  }

  /// Returns: the row of those without one, written by atomic additions only; null if there was no memory for
  /// it, which is the caller's to report by lose().
  [[nodiscard]] word* shared() noexcept {
    // acquire: pairs with the exchange in shared_first(), so the row is seen zeroed
    word* const row = shared_.load(std::memory_order_acquire);
    return row != nullptr ? row : shared_first();
  }

  /// Counts a count that could not be kept.
  void lose() noexcept { lost_.fetch_add(1); }

  /// Returns: how many counts could not be kept for want of memory.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(); }

  /// Adds `n` to the word at `index`.
  void add(std::size_t index, std::uint64_t n) noexcept {
    if (word* const row = own()) [[likely]]
      // release: whoever acquires this count in sum() also sees what this thread counted before it
      row[index].store(row[index].load(std::memory_order_relaxed) + n, std::memory_order_release);
    else if (word* const all = shared())
      all[index].fetch_add(n, std::memory_order_release);  // release: as above
    else
      lose();
  }

  /// Returns: the word at `index`, added up over all threads. Never less than a sum returned before.
  [[nodiscard]] std::uint64_t sum(std::size_t index) const noexcept {
    std::uint64_t total = 0;
    // acquire: pairs with the release in add()
    each([&](const word* row) { total += row[index].load(std::memory_order_acquire); });
    return total;
  }

  /// Calls `visit(const word* row)` for each row in use.
  template <class Visit>
  void each(Visit&& visit) const {
    // acquire: pairs with the making of the rows, so they are seen zeroed
    if (const word* const row = shared_.load(std::memory_order_acquire)) visit(row);
    for (const auto& entry : rows_)
      if (const word* const row = entry.load(std::memory_order_acquire)) visit(row);
  }

  [[nodiscard]] std::size_t words() const noexcept { return words_; }

 private:
  static constexpr std::size_t words_max = std::size_t{1} << 24;
  static constexpr std::align_val_t alignment{64};

  // Whole cache lines, so that two rows never share one.
  [[nodiscard]] std::size_t padded() const noexcept { return (words_ + 7) / 8 * 8; }

  [[gnu::noinline]] word* own_first() noexcept {
    const unsigned slot = thread_slot();
    if (slot >= rows_max_) return nullptr;
    // Not empty if this is the very first call of a thread whose slot had an owner before.
    // relaxed: as in own()
    if (word* const row = rows_[slot].load(std::memory_order_relaxed)) return row;
    word* const row = new (alignment, std::nothrow) word[padded()]();
    rows_[slot].store(row, std::memory_order_release);  // pairs with the acquire in each()
    return row;
  }

  [[gnu::noinline]] word* shared_first() noexcept {
    word* const made = new (alignment, std::nothrow) word[padded()]();
    if (made == nullptr) return nullptr;
    word* seen = nullptr;
    if (shared_.compare_exchange_strong(seen, made)) return made;
    ::operator delete[](made, alignment);
    return seen;
  }

  std::size_t words_;
  unsigned rows_max_;
  std::atomic<word*> shared_{nullptr};
  std::atomic<std::uint64_t> lost_{0};
  // By slot. The two beyond the last slot stay null: "shared" and "unasked" lead to own_first() by the same
  // test as a row not made yet.
  std::array<std::atomic<word*>, thread_slots_max + 2> rows_{};
};

}  // namespace hasten

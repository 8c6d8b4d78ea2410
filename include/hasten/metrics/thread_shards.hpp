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
/// values that go down. Memory is at most (rows_max + 1) rows, each made at the first use by its thread.
///
/// Thread safety: thread-safe
///
///     hasten::thread_shards counts(routes.size());
///     counts.add(route, 1);                  // about a nanosecond, from any thread
///     std::uint64_t served = counts.sum(route);
class thread_shards {
 public:
  using word = std::atomic<std::uint64_t>;

  /// `words` per row, at least 1; `rows_max` threads may have a row of their own, 0 to thread_slots_max.
  /// Throws: std::invalid_argument; std::bad_alloc.
  explicit thread_shards(std::size_t words, unsigned rows_max = thread_slots_max)
      : words_(words), rows_max_(rows_max) {
    if (words == 0 || words > words_max)
      throw std::invalid_argument("thread_shards: words must be 1.." + std::to_string(words_max) + ", got " +
                                  std::to_string(words));
    if (rows_max > thread_slots_max)
      throw std::invalid_argument("thread_shards: rows_max must be 0.." + std::to_string(thread_slots_max) +
                                  ", got " + std::to_string(rows_max));
    shared_ = new (alignment) word[padded()]();
  }

  thread_shards(const thread_shards&) = delete;
  thread_shards& operator=(const thread_shards&) = delete;

  ~thread_shards() {
    for (auto& row : rows_) ::operator delete[](row.load(), alignment);
    ::operator delete[](shared_, alignment);
  }

  /// Returns: the row that only the calling thread writes, by `store(load + n)`; null if it has to share, or
  /// if there was no memory for a row.
  [[nodiscard]] word* own() noexcept {
    // relaxed: the pointer was stored by this thread, or by one whose slot this thread took over
    word* const row = rows_[detail::slot_of_thread].load(std::memory_order_relaxed);
    return row != nullptr ? row : own_first();
  }

  /// The row of those without one; written by atomic additions only.
  [[nodiscard]] word* shared() noexcept { return shared_; }

  /// Adds `n` to the word at `index`.
  void add(std::size_t index, std::uint64_t n) noexcept {
    if (word* const row = own()) [[likely]]
      // release: whoever acquires this count in sum() also sees what this thread counted before it
      row[index].store(row[index].load(std::memory_order_relaxed) + n, std::memory_order_release);
    else
      shared_[index].fetch_add(n, std::memory_order_release);
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
    visit(static_cast<const word*>(shared_));
    for (const auto& entry : rows_)
      // acquire: pairs with the release in own_first(), so the row is seen zeroed
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

  std::size_t words_;
  unsigned rows_max_;
  word* shared_ = nullptr;  // never null after construction
  // By slot. The two beyond the last slot stay null: "shared" and "unasked" lead to own_first() by the same
  // test as a row not made yet.
  std::array<std::atomic<word*>, thread_slots_max + 2> rows_{};
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>

namespace hasten::detail {

/// A moment, as steady_time ticks; `never` where there is none.
using entry_end = std::int64_t;
inline constexpr entry_end never = std::numeric_limits<entry_end>::max();

/// What is known of an entry beside its key and value, when it is stored.
struct entry_terms {
  entry_end served = never;   ///< until when it is served
  entry_end kept = never;     ///< until when it is kept to stand in for a loader that fails
  entry_end refresh = never;  ///< from when on a hit asks for a newer value
  entry_end idle = never;     ///< until when it is served unless somebody asks for it
  entry_end made = 0;         ///< when it was stored; 0 if nobody has looked at the clock
  std::int64_t effort = 0;    ///< what its load took, in nanoseconds; 0 unless somebody wants to know
  std::int64_t weight = 0;    ///< by the rules of the cache
  std::int64_t born = 0;      ///< the last invalidation before it was stored
  std::int64_t tags = 0;      ///< cache_tags::packed()

  [[nodiscard]] bool ends() const noexcept { return served != never || idle != never; }
  unsigned heat = 0;  ///< told, never stored: what eviction_policy::heat() says of it
};

enum class column : std::uint8_t { served, kept, refresh, idle, made, effort, weight, born, tags };

/// Numbers beside the entries, one column for each kind of number. A column costs nothing, in memory or in time,
/// before it is first needed. Fresh columns are full of zeros, which stands for `never` in a column of ends.
/// Thread safety: thread-safe; who writes holds the lock of the shard.
class entry_columns {
 public:
  explicit entry_columns(std::size_t slots) noexcept : slots_(slots) {}
  entry_columns(const entry_columns&) = delete;
  entry_columns& operator=(const entry_columns&) = delete;
  ~entry_columns() {
    for (auto& each : columns_) std::free(each.load());
  }

  [[nodiscard]] bool has(column which) const noexcept { return place(which).load() != nullptr; }

  [[nodiscard]] std::int64_t number(column which, std::size_t slot) const noexcept {
    // acquire: partners are set() and ensure()
    std::int64_t* const numbers = place(which).load(std::memory_order_acquire);
    return numbers == nullptr ? 0 : std::atomic_ref(numbers[slot]).load(std::memory_order_acquire);
  }
  [[nodiscard]] entry_end end(column which, std::size_t slot) const noexcept {
    return never - number(which, slot);
  }

  /// Whether there is any column at all.
  [[nodiscard]] bool any() const noexcept { return any_.load(); }
  /// Whether any entry may have an end; if not, there is no need to look at one.
  // acquire: partner is ensure(), before the first end is set
  [[nodiscard]] bool any_end() const noexcept { return any_end_.load(std::memory_order_acquire); }

  /// Returns: until when an entry is served, if nobody asks for it meanwhile.
  [[nodiscard]] entry_end served_until(std::size_t slot) const noexcept {
    if (!any_end()) return never;
    return std::min(end(column::served, slot), end(column::idle, slot));
  }
  /// Returns: until when an entry is of use, be it to stand in for a loader that fails.
  [[nodiscard]] entry_end kept_until(std::size_t slot) const noexcept {
    if (!any_end()) return never;
    return has(column::kept) ? std::min(end(column::kept, slot), end(column::idle, slot))
                             : served_until(slot);
  }

  /// Does nothing where there is no such column.
  void set(column which, std::size_t slot, std::int64_t number) noexcept {
    // acquire: partner is ensure(). Release: as every word of a cell; partner: number()
    std::int64_t* const numbers = place(which).load(std::memory_order_acquire);
    if (numbers != nullptr) std::atomic_ref(numbers[slot]).store(number, std::memory_order_release);
  }
  void set_end(column which, std::size_t slot, entry_end end) noexcept { set(which, slot, never - end); }

  /// Sets all but the weight; `born` as given, not as in `terms`.
  void set_terms(std::size_t slot, const entry_terms& terms, std::int64_t born) noexcept {
    set(column::born, slot, born);
    set_end(column::served, slot, terms.served);
    set_end(column::kept, slot, terms.kept);
    set_end(column::refresh, slot, terms.refresh);
    set_end(column::idle, slot, terms.idle);
    set(column::made, slot, terms.made);
    set(column::effort, slot, terms.effort);
    set(column::tags, slot, terms.tags);
  }
  [[nodiscard]] entry_terms terms(std::size_t slot) const noexcept {
    return {.served = end(column::served, slot),
            .kept = end(column::kept, slot),
            .refresh = end(column::refresh, slot),
            .idle = end(column::idle, slot),
            .made = number(column::made, slot),
            .effort = number(column::effort, slot),
            .weight = number(column::weight, slot),
            .born = number(column::born, slot),
            .tags = number(column::tags, slot)};
  }

  /// Makes a column. To be called outside every lock, before the first set() that must not be lost.
  /// Throws: std::bad_alloc.
  void ensure(column which) {
    if (has(which)) return;
    auto* const fresh = static_cast<std::int64_t*>(std::calloc(slots_, sizeof(std::int64_t)));
    if (fresh == nullptr) throw std::bad_alloc();
    std::int64_t* none = nullptr;
    if (!place(which).compare_exchange_strong(none, fresh)) std::free(fresh);
    if (which == column::served || which == column::idle) any_end_.store(true);
    any_.store(true);
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    std::size_t total = 0;
    for (const auto& each : columns_) total += each.load() == nullptr ? 0 : slots_ * sizeof(std::int64_t);
    return total;
  }

 private:
  static constexpr std::size_t count = 9;

  [[nodiscard]] std::atomic<std::int64_t*>& place(column which) noexcept {
    return columns_[static_cast<std::size_t>(which)];
  }
  [[nodiscard]] const std::atomic<std::int64_t*>& place(column which) const noexcept {
    return columns_[static_cast<std::size_t>(which)];
  }

  const std::size_t slots_;
  std::atomic<bool> any_ = false;
  std::atomic<bool> any_end_ = false;
  std::array<std::atomic<std::int64_t*>, count> columns_{};
};

}  // namespace hasten::detail

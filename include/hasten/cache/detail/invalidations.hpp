// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/cache_tags.hpp>
#include <hasten/cache/detail/entry_columns.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace hasten::detail {

/// Which entries are gone though they are still there: those stored before their shard was cleared, or before one of their
/// tags was erased. Each such event has a number, and an entry remembers that of the last one before it was stored.
/// Costs readers one look at a number that hardly ever changes, as long as nothing was cleared or erased by tag.
/// Thread safety: thread-safe.
class invalidations {
 public:
  using tag_table = std::array<std::atomic<std::int64_t>, std::size_t{1} << cache_tags::bits>;

  explicit invalidations(std::size_t shards)
      : cleared_(std::make_unique<std::atomic<std::int64_t>[]>(shards)) {}
  invalidations(const invalidations&) = delete;
  invalidations& operator=(const invalidations&) = delete;
  ~invalidations() { delete erased_.load(); }

  /// Returns: what an entry that is stored now has to remember. To be asked under the lock of its shard.
  [[nodiscard]] std::int64_t moment() const noexcept { return events_.load(); }

  /// Whether any entry may be gone that is still there.
  // acquire: partner is whoever invalidated something before the caller began
  [[nodiscard]] bool any() const noexcept { return attention_.load(std::memory_order_acquire) != 0; }

  /// What invalidated entries of a shard, as a reader sees it who begins now. It has to be asked before the entry is
  /// found: afterwards, the last cleared entry may be out, and the clearing forgotten.
  struct view {
    std::int64_t cleared = 0;
    const tag_table* erased = nullptr;
    [[nodiscard]] bool any() const noexcept { return cleared != 0 || erased != nullptr; }
  };
  [[nodiscard]] view look(std::size_t shard) const noexcept {
    if (!any()) [[likely]]
      return {};
    return {cleared_[shard].load(), erased_.load()};
  }

  /// Whether an entry is gone.
  [[nodiscard]] static bool dead(const view& seen, std::int64_t born, std::int64_t tags) noexcept {
    if (born < seen.cleared) return true;
    if (seen.erased == nullptr) return false;
    for (auto left = static_cast<std::uint64_t>(tags); left != 0; left >>= cache_tags::bits)
      if (born < (*seen.erased)[left % seen.erased->size()].load()) return true;
    return false;
  }

  /// Whether an entry went with its shard.
  [[nodiscard]] bool cleared(std::size_t shard, std::int64_t born) const noexcept {
    return born < cleared_[shard].load();
  }
  /// Under the lock of the shard: every entry there is gone from now on.
  void clear(std::size_t shard) noexcept {
    if (cleared_[shard].exchange(++events_) == 0) ++attention_;
  }
  /// Under the lock of the shard, when none is left of the entries that went.
  void forget_cleared(std::size_t shard) noexcept {
    if (cleared_[shard].exchange(0) != 0) --attention_;
  }

  /// Throws: std::bad_alloc.
  void erase_tag(std::string_view name) {
    if (erased_.load() == nullptr) {
      auto fresh = std::make_unique<tag_table>();
      tag_table* none = nullptr;
      if (erased_.compare_exchange_strong(none, fresh.get())) {
        static_cast<void>(fresh.release());
        ++attention_;
      }
    }
    // An event may be overtaken by the next on its way here; the later one counts.
    auto& last = (*erased_.load())[cache_tags::number_of(name)];
    const std::int64_t event = ++events_;
    for (std::int64_t seen = last.load(); seen < event && !last.compare_exchange_weak(seen, event);) {
    }
  }

  /// Whether any tag was ever erased.
  [[nodiscard]] bool any_tag() const noexcept { return erased_.load() != nullptr; }

  [[nodiscard]] std::size_t bytes() const noexcept {
    return erased_.load() == nullptr ? 0 : sizeof(tag_table);
  }

 private:
  std::atomic<std::uint32_t> attention_ =
      0;  // how many shards have cleared entries, plus one if a tag was erased
  std::atomic<std::int64_t> events_ = 0;
  const std::unique_ptr<std::atomic<std::int64_t>[]>
      cleared_;                               // by shard: its last clearing; 0: nothing left of it
  std::atomic<tag_table*> erased_ = nullptr;  // by tag: its last erasure
};

}  // namespace hasten::detail

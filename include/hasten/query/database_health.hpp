// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hasten {

/// What a table or an index takes of the disk.
struct object_size {
  std::string name = {};
  std::string table = {};  ///< the table of an index; its own name for a table
  bool is_index = false;
  std::int64_t bytes = 0;
  bool is_estimate = false;  ///< reckoned from a sample, because counting would have taken too long
};

/// What came of looking through the database for damage.
enum class integrity : unsigned char { not_checked, sound, damaged, out_of_time };

[[nodiscard]] constexpr const char* name_of(integrity what) noexcept {
  constexpr const char* names[] = {"not_checked", "sound", "damaged", "out_of_time"};
  return names[static_cast<std::size_t>(what)];
}

/// The state of a database at one moment. It holds names of tables and indexes and no value of theirs.
/// Thread safety: immutable.
struct database_health {
  std::string engine = {};                 ///< such as "SQLite 3.40.1"
  std::chrono::nanoseconds answered_in{};  ///< a look at the first page
  std::int64_t page_bytes = 0;
  std::int64_t pages = 0;
  std::int64_t free_pages = 0;  ///< in the file and in use by nothing
  std::string journal_mode = {};
  std::int64_t log_bytes = 0;      ///< of the write-ahead log's file
  std::int64_t log_bytes_max = 0;  ///< what the log is cut back to when all of it could be moved
  std::int64_t cache_bytes = 0;    ///< of the connection that was asked
  std::uint64_t cache_hits = 0;    ///< of the same
  std::uint64_t cache_misses = 0;
  bool is_analysed = false;   ///< the planner has statistics
  bool foreign_keys = false;  ///< they are checked
  bool vacuums_incrementally = false;
  integrity check = integrity::not_checked;
  std::vector<object_size> sizes = {};                               ///< the largest first
  std::optional<std::chrono::nanoseconds> longest_transaction = {};  ///< where the database tells

  [[nodiscard]] std::int64_t bytes() const noexcept { return page_bytes * pages; }
  /// Returns: whether the log has outgrown its bound, because some reader keeps it from being moved into the file.
  [[nodiscard]] bool is_checkpoint_starved() const noexcept {
    return journal_mode == "wal" && log_bytes_max > 0 && log_bytes > 2 * log_bytes_max;
  }
  /// Returns: 0..1; 1 if nothing was read yet.
  [[nodiscard]] double cache_hit_rate() const noexcept {
    const std::uint64_t all = cache_hits + cache_misses;
    return all == 0 ? 1 : static_cast<double>(cache_hits) / static_cast<double>(all);
  }
};

}  // namespace hasten

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

/// How far a server that follows this one is behind.
struct replica_health {
  std::string name = {};   ///< its application_name
  std::string state = {};  ///< such as "streaming"
  std::int64_t bytes_behind = 0;
  std::chrono::nanoseconds time_behind{};
};

/// Rows of a table that nobody can see any more and that still take their place.
struct dead_rows {
  std::string table = {};
  std::int64_t live = 0;
  std::int64_t dead = 0;
};

/// What only a server has, as its own counters estimate it.
struct server_health {
  std::int64_t connections = 0;  ///< of all databases
  std::int64_t connections_max = 0;
  std::int64_t idle_in_transaction = 0;  ///< connections that hold a transaction open and do nothing
  std::int64_t waiting_for_locks = 0;
  std::int64_t oldest_xid_age =
      0;  ///< transactions since the oldest one that still counts; none may begin at 2^31
  bool is_replica = false;
  std::vector<replica_health> replicas = {};      ///< that follow it
  std::vector<hasten::dead_rows> dead_rows = {};  ///< the tables with most of them, at most 20
};

/// The state of a database at one moment. It holds names of tables and indexes and no value of theirs.
/// Thread safety: immutable.
struct database_health {
  std::string engine = {};                 ///< such as "SQLite 3.40.1" or "PostgreSQL 15.18"
  std::chrono::nanoseconds answered_in{};  ///< a look at the first page, or a trip to the server
  std::int64_t page_bytes = 0;
  std::int64_t pages = 0;
  std::int64_t free_pages = 0;  ///< in the file and in use by nothing
  std::string journal_mode = {};
  std::int64_t log_bytes = 0;      ///< of the write-ahead log's file
  std::int64_t log_bytes_max = 0;  ///< what the log is cut back to when all of it could be moved
  std::int64_t cache_bytes = 0;    ///< of the connection that was asked; PostgreSQL: shared by all
  std::uint64_t cache_hits = 0;    ///< of the same
  std::uint64_t cache_misses = 0;
  bool is_analysed = false;   ///< the planner has statistics
  bool foreign_keys = false;  ///< they are checked
  bool vacuums_incrementally = false;
  integrity check = integrity::not_checked;
  std::vector<object_size> sizes = {};  ///< the largest first
  /// PostgreSQL: of all sessions that the role may see. SQLite: of this program's that `transaction` opened.
  std::optional<std::chrono::nanoseconds> longest_transaction = {};
  std::string longest_transaction_at = {};   ///< file and line that began it, where it is this program's
  std::optional<server_health> server = {};  ///< PostgreSQL only

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

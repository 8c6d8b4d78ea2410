// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/database_health.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/postgresql_health.hpp>
#include <hasten/soci/detail/what_if_database.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/query_deadline.hpp>
#include <hasten/soci/schema_reader.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

namespace hasten {

/// How far read_database_health() looks. Both reads go through the whole file, and stop when their time is up.
struct database_health_options {
  std::chrono::nanoseconds check_time = std::chrono::nanoseconds(0);  ///< for the quick check; zero: none
  std::chrono::nanoseconds sizes_time =
      std::chrono::milliseconds(200);  ///< for counting pages; zero: estimate at once
};

namespace detail {

[[nodiscard]] inline std::int64_t pragma_number(sqlite3* handle, const char* name) {
  return number_of(handle, std::string("PRAGMA ") + name);
}

inline void read_file_state(sqlite3* handle, database_health& health) {
  health.engine = std::string("SQLite ") + sqlite3_libversion();
  health.page_bytes = pragma_number(handle, "page_size");
  health.pages = pragma_number(handle, "page_count");
  health.free_pages = pragma_number(handle, "freelist_count");
  for_each_row(handle, "PRAGMA journal_mode", {},
               [&](sqlite3_stmt* row) { health.journal_mode = text_of(row, 0); });
  const std::int64_t cache = pragma_number(handle, "cache_size");
  health.cache_bytes = cache < 0 ? -cache * 1024 : cache * health.page_bytes;
  health.foreign_keys = pragma_number(handle, "foreign_keys") != 0;
  health.vacuums_incrementally = pragma_number(handle, "auto_vacuum") == 2;
  health.is_analysed = number_of(handle, "SELECT count(*) FROM sqlite_schema WHERE name='sqlite_stat1'") != 0;
  const std::int64_t limit = pragma_number(handle, "journal_size_limit");
  health.log_bytes_max =
      limit > 0 ? limit : 4 * pragma_number(handle, "wal_autocheckpoint") * health.page_bytes;
  const char* const path = sqlite3_db_filename(handle, "main");
  if (path != nullptr && *path != '\0' && health.journal_mode == "wal") {
    std::error_code missing;  // no log: nothing was written yet
    const auto size = std::filesystem::file_size(std::string(path) + "-wal", missing);
    health.log_bytes = missing ? 0 : static_cast<std::int64_t>(size);
  }
  int now = 0;
  int highest = 0;
  if (sqlite3_db_status(handle, SQLITE_DBSTATUS_CACHE_HIT, &now, &highest, 0) == SQLITE_OK)
    health.cache_hits = static_cast<std::uint64_t>(std::max(0, now));
  if (sqlite3_db_status(handle, SQLITE_DBSTATUS_CACHE_MISS, &now, &highest, 0) == SQLITE_OK)
    health.cache_misses = static_cast<std::uint64_t>(std::max(0, now));
}

inline void read_open_transactions(const query_monitor& monitor, database_health& health) {
  const auto oldest = monitor.transactions().oldest();
  if (!oldest.has_value()) return;
  health.longest_transaction = monitor.now() - oldest->began;
  health.longest_transaction_at =
      std::string(oldest->where.file_name()) + ':' + std::to_string(oldest->where.line());
}

[[nodiscard]] inline integrity check_integrity(monitored_session& session, std::chrono::nanoseconds time) {
  static constexpr statement check{"database_health.check", "PRAGMA quick_check(1)"};
  if (time.count() == 0) return integrity::not_checked;
  const query_deadline limit(session, session.monitor().now() + time);
  try {
    return session.scalar<std::string>(check) == "ok" ? integrity::sound : integrity::damaged;
  } catch (const query_error& failure) {
    if (failure.kind() == query_error_kind::timeout) return integrity::out_of_time;
    if (failure.kind() == query_error_kind::corrupt) return integrity::damaged;
    throw;
  }
}

// Returns: false, without a size, if SQLite was built without dbstat or the time was up.
[[nodiscard]] inline bool count_sizes(monitored_session& session, std::chrono::nanoseconds time,
                                      std::vector<object_size>& sizes) {
  static constexpr statement count{
      "database_health.sizes",
      // Page by page, because dbstat sums up a whole tree in one step, which no deadline interrupts.
      "SELECT s.name, coalesce(m.tbl_name, s.name), coalesce(m.type='index', 0), s.bytes FROM "
      "(SELECT name, sum(pgsize) AS bytes FROM dbstat GROUP BY name) AS s "
      "LEFT JOIN sqlite_schema AS m ON m.name=s.name"};
  if (time.count() == 0) return false;
  const query_deadline limit(session, session.monitor().now() + time);
  try {
    for (auto& [name, table, is_index, bytes] :
         session.all<std::tuple<std::string, std::string, bool, std::int64_t>>(count))
      sizes.push_back(
          {.name = std::move(name), .table = std::move(table), .is_index = is_index, .bytes = bytes});
    return true;
  } catch (const query_error& failure) {
    sizes.clear();
    if (failure.kind() == query_error_kind::timeout || failure.kind() == query_error_kind::bad_statement)
      return false;
    throw;
  }
}

// By 200 rows of each table: values take what they are long, and each row and column a little more.
inline void estimate_sizes_of(sqlite3* handle, const table_outline& table, std::vector<object_size>& sizes) {
  const table_sample sample = sample_table(handle, table, 200);
  const auto rows = static_cast<double>(table.rows);
  const auto bytes_of = [&](const std::string& column) {
    const auto at = std::find(sample.columns.begin(), sample.columns.end(), column);
    return at == sample.columns.end()
               ? 8.0
               : sample.bytes[static_cast<std::size_t>(at - sample.columns.begin())] + 1;
  };
  double row = 8;
  for (const std::string& each : table.columns) row += bytes_of(each);
  sizes.push_back({.name = table.name,
                   .table = table.name,
                   .bytes = static_cast<std::int64_t>(row * rows),
                   .is_estimate = true});
  for (const index_outline& each : table.indexes) {
    double entry = 8;
    for (const index_column& column : each.columns) entry += bytes_of(column.name);
    sizes.push_back({.name = each.name,
                     .table = table.name,
                     .is_index = true,
                     .bytes = static_cast<std::int64_t>(entry * rows),
                     .is_estimate = true});
  }
}

// Returns: false if a table could not be read, because the file is damaged.
[[nodiscard]] inline bool estimate_sizes(sqlite3* handle, const schema_outline& schema,
                                         std::vector<object_size>& sizes) {
  bool is_readable = true;
  for (const table_outline& table : schema.tables) {
    try {
      estimate_sizes_of(handle, table, sizes);
    } catch (const query_error& failure) {
      if (failure.kind() != query_error_kind::corrupt) throw;
      is_readable = false;
    }
  }
  return is_readable;
}

}  // namespace detail

/// Reads the state of the database behind a session: how it answers, its cache, whether the planner has statistics, the sizes
/// of tables and indexes, and the longest transaction. Of SQLite also its file, its log and, if asked for, whether it is sound;
/// of PostgreSQL also its connections, dead rows, replicas and the age of its oldest transaction, of which a role that is no
/// member of pg_monitor sees its own sessions only. Nothing is changed.
/// Throws: query_error when the database does not answer, or of kind bad_statement for another one than these, or within a
/// transaction of PostgreSQL; std::invalid_argument for a negative time. Blocks on: nothing, and takes at most the two times and some milliseconds.
///
///     const auto health = hasten::read_database_health(*pool.read(deadline), {.check_time = 1s});
[[nodiscard]] inline database_health read_database_health(monitored_session& session,
                                                          const database_health_options& chosen = {}) {
  static constexpr statement look{"database_health.look", "PRAGMA schema_version"};
  if (chosen.check_time.count() < 0 || chosen.sizes_time.count() < 0)
    throw std::invalid_argument("database_health: check_time and sizes_time must not be negative");
  if (session.is_postgresql()) return detail::read_postgresql_health(session, chosen.sizes_time);
  sqlite3* const handle = detail::sqlite_handle_of(session.soci());
  if (handle == nullptr)
    throw query_error(query_error_kind::bad_statement, "database_health: needs SQLite or PostgreSQL");
  database_health health;
  detail::read_open_transactions(session.monitor(), health);
  const steady_time began = session.monitor().now();
  static_cast<void>(session.scalar<std::int64_t>(look));
  health.answered_in = session.monitor().now() - began;
  session.monitor().track("database_health", [&] { detail::read_file_state(handle, health); });
  health.check = detail::check_integrity(session, chosen.check_time);
  if (!detail::count_sizes(session, chosen.sizes_time, health.sizes)) {
    const schema_outline schema = read_schema(session);
    const bool is_readable = session.monitor().track(
        "database_health", [&] { return detail::estimate_sizes(handle, schema, health.sizes); });
    if (!is_readable) health.check = integrity::damaged;
  }
  std::sort(health.sizes.begin(), health.sizes.end(), [](const object_size& left, const object_size& right) {
    return left.bytes != right.bytes ? left.bytes > right.bytes : left.name < right.name;
  });
  return health;
}

}  // namespace hasten

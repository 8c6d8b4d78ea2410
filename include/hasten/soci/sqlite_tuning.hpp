// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/sqlite_api.hpp>
#include <hasten/soci/detail/sqlite_error.hpp>

#include <soci/session.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace hasten {

/// The settings that make SQLite fit for a server, applied to every connection. The defaults suit a machine
/// with some gigabytes of memory; SQLite's own suit a telephone.
struct sqlite_tuning {
  enum class synchronous {
    normal,  ///< a power cut may undo the last transactions, but damages nothing: the usual choice with WAL
    full,    ///< every commit waits for the disk; combine commits, or lose most of the throughput
  };

  /// Write-ahead log: readers and the writer do not block one another. Off: SQLite's default journal, for a
  /// file that lies where shared memory does not work.
  bool write_ahead_log = true;
  synchronous sync = synchronous::normal;
  /// How long a statement waits for another process's or connection's lock, 0..10 minutes; zero: not at all.
  std::chrono::milliseconds busy_timeout = std::chrono::seconds(5);
  bool foreign_keys = true;
  /// Page cache of one connection, 1 MiB..64 GiB; memory is taken as it is needed.
  std::int64_t cache_bytes = 128LL << 20;
  /// How much of the file is mapped into memory, 0..1 TiB; zero: none. An I/O error under a mapping kills the
  /// process instead of failing the statement: set zero for a disk that may vanish, or a file that others
  /// truncate.
  std::int64_t mmap_bytes = 256LL << 20;
  bool temp_in_memory = true;
  /// The log is moved into the file when it has this many pages, 1..1000000.
  int checkpoint_pages = 1000;
  /// The log is cut back to this size after a checkpoint, 0..64 GiB.
  std::int64_t log_bytes_max = 64LL << 20;
  /// Rows that ANALYZE and PRAGMA optimize look at for each index, 0..1000000; zero: all.
  int analysis_limit = 400;
};

namespace detail {

inline void check_range(const char* field, std::int64_t value, std::int64_t low, std::int64_t high) {
  if (value < low || value > high)
    throw std::invalid_argument("sqlite_tuning: " + std::string(field) + " must be " + std::to_string(low) +
                                ".." + std::to_string(high) + ", got " + std::to_string(value));
}

inline void pragma(sqlite3* handle, const std::string& setting) {
  if (sqlite3_exec(handle, ("PRAGMA " + setting).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    throw_sqlite(handle, "sqlite_tuning: PRAGMA " + setting, true);
}

}  // namespace detail

/// Throws: std::invalid_argument naming the field that is out of range.
inline void validate(const sqlite_tuning& tuning) {
  detail::check_range("busy_timeout", tuning.busy_timeout.count(), 0, 600'000);
  detail::check_range("cache_bytes", tuning.cache_bytes, 1LL << 20, 64LL << 30);
  detail::check_range("mmap_bytes", tuning.mmap_bytes, 0, 1LL << 40);
  detail::check_range("checkpoint_pages", tuning.checkpoint_pages, 1, 1'000'000);
  detail::check_range("log_bytes_max", tuning.log_bytes_max, 0, 64LL << 30);
  detail::check_range("analysis_limit", tuning.analysis_limit, 0, 1'000'000);
}

/// Applies the settings to an open SQLite session; with `query_only`, it can write nothing from then on.
/// Throws: std::invalid_argument for a field out of range or a session of another database; query_error when
/// SQLite refuses a setting, such as the write-ahead log on a file system without shared memory. Blocks on:
/// the file's lock, for at most the busy timeout.
inline void apply(const sqlite_tuning& tuning, ::soci::session& session, bool query_only = false) {
  validate(tuning);
  sqlite3* const handle = detail::sqlite_handle_of(session);
  if (handle == nullptr)
    throw std::invalid_argument("sqlite_tuning: the session must be an open one of SQLite");
  sqlite3_busy_timeout(handle,
                       static_cast<int>(tuning.busy_timeout.count()));  // first: the rest may have to wait
  if (tuning.write_ahead_log) {
    detail::pragma(handle, "journal_mode=WAL");
    std::string mode;
    const auto keep = [](void* target, int, char** values, char**) {
      *static_cast<std::string*>(target) = values[0] == nullptr ? "" : values[0];
      return 0;
    };
    sqlite3_exec(handle, "PRAGMA journal_mode", keep, &mode, nullptr);
    if (mode != "wal")
      throw query_error(query_error_kind::other, "sqlite_tuning: the write-ahead log is not possible here");
  }
  detail::pragma(handle,
                 tuning.sync == sqlite_tuning::synchronous::full ? "synchronous=FULL" : "synchronous=NORMAL");
  detail::pragma(handle, tuning.foreign_keys ? "foreign_keys=ON" : "foreign_keys=OFF");
  detail::pragma(handle, "cache_size=-" + std::to_string(tuning.cache_bytes / 1024));
  detail::pragma(handle, "mmap_size=" + std::to_string(tuning.mmap_bytes));
  detail::pragma(handle, tuning.temp_in_memory ? "temp_store=MEMORY" : "temp_store=DEFAULT");
  detail::pragma(handle, "wal_autocheckpoint=" + std::to_string(tuning.checkpoint_pages));
  detail::pragma(handle, "journal_size_limit=" + std::to_string(tuning.log_bytes_max));
  detail::pragma(handle, "analysis_limit=" + std::to_string(tuning.analysis_limit));
  if (query_only) detail::pragma(handle, "query_only=ON");
}

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/sqlite_api.hpp>
#include <hasten/soci/detail/sqlite_error.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

namespace hasten::detail {

/// A SQLite connection of its own, beside those of SOCI. Thread safety: single-owner.
class sqlite_file {
 public:
  /// Throws: query_error when the file cannot be opened.
  sqlite_file(const std::filesystem::path& path, int flags) {
    const int code = sqlite3_open_v2(path.c_str(), &handle_, flags | SQLITE_OPEN_FULLMUTEX, nullptr);
    if (code != SQLITE_OK) {
      const query_error failure(kind_of_sqlite(code, true), "opening a database file", code,
                                sqlite3_errstr(code));
      sqlite3_close(handle_);  // what a failed open leaves; perhaps null
      throw failure;
    }
    sqlite3_extended_result_codes(handle_, 1);
    sqlite3_busy_timeout(handle_, 1000);
  }
  sqlite_file(const sqlite_file&) = delete;
  sqlite_file& operator=(const sqlite_file&) = delete;
  ~sqlite_file() { sqlite3_close(handle_); }

  [[nodiscard]] sqlite3* handle() const noexcept { return handle_; }

  /// Returns: the first column of the first row, or nothing. Throws: query_error.
  std::string run(const char* text, const char* name) const {
    std::string answer;
    const auto keep_first = [](void* target, int columns, char** values, char**) {
      auto& kept = *static_cast<std::string*>(target);
      if (kept.empty() && columns > 0 && values[0] != nullptr) kept = values[0];
      return 0;
    };
    if (sqlite3_exec(handle_, text, keep_first, &answer, nullptr) != SQLITE_OK)
      throw_sqlite(handle_, name, true);
    return answer;
  }

  /// From here on this connection sees one state, where there is a write-ahead log. Elsewhere it would keep writers
  /// out, so nothing is held there.
  void hold_snapshot() const {
    if (run("PRAGMA journal_mode", "backup.mode") == "wal")
      run("BEGIN; SELECT count(*) FROM sqlite_schema", "backup.snapshot");
  }

 private:
  sqlite3* handle_ = nullptr;
};

/// Throws: query_error of kind corrupt unless SQLite's `check` (quick_check, integrity_check) finds nothing.
inline void check_integrity(const std::filesystem::path& path, const char* check) {
  const sqlite_file opened(path, SQLITE_OPEN_READWRITE);
  const std::string found = opened.run((std::string("PRAGMA ") + check + "(1)").c_str(), "backup.check");
  if (found != "ok")
    throw query_error(query_error_kind::corrupt, "the file fails its check", SQLITE_CORRUPT, found);
}

/// Throws: std::system_error when a file or folder cannot be forced to the disk.
inline void force_to_disk(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw std::system_error(errno, std::generic_category(), "opening a file to sync it");
  const int failure = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  if (failure != 0) throw std::system_error(failure, std::generic_category(), "fsync");
}

}  // namespace hasten::detail

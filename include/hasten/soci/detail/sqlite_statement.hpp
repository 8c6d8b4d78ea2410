// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/placeholder_text.hpp>
#include <hasten/soci/detail/sqlite_api.hpp>
#include <hasten/soci/detail/sqlite_error.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten::detail {

/// A prepared statement on SOCI's connection. Must die before the connection is closed.
/// Thread safety: single-owner.
class sqlite_statement {
 public:
  sqlite_statement(sqlite3* handle, std::string_view name, std::string_view text) : handle_(handle) {
    if (needs_placeholders_rewritten(text, sql_dialect::sqlite)) {
      placeholder_text numbered = parse_placeholders(name, text, sql_dialect::sqlite);
      prepare(name, numbered.text);
      parameter_names_ = std::move(numbered.names);
    } else {
      prepare(name, text);
    }
  }
  sqlite_statement(sqlite_statement&& other) noexcept
      : handle_(other.handle_),
        raw_(std::exchange(other.raw_, nullptr)),
        parameters_(other.parameters_),
        parameter_names_(std::move(other.parameter_names_)) {}
  sqlite_statement& operator=(sqlite_statement&&) = delete;
  ~sqlite_statement() { sqlite3_finalize(raw_); }  // null is harmless

  [[nodiscard]] sqlite3* handle() const noexcept { return handle_; }
  [[nodiscard]] sqlite3_stmt* raw() const noexcept { return raw_; }
  [[nodiscard]] int parameters() const noexcept { return parameters_; }

  /// Returns: the names of the parameters in the order of their numbers; empty where they are numbered.
  [[nodiscard]] const std::vector<std::string>& parameter_names() const noexcept { return parameter_names_; }

 private:
  void prepare(std::string_view name, std::string_view text) {
    if (text.size() > std::size_t(std::numeric_limits<int>::max()))
      throw query_error(query_error_kind::bad_statement, std::string(name) + ": the text is too long");
    const char* rest = nullptr;
    const int code = sqlite3_prepare_v3(handle_, text.data(), static_cast<int>(text.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw_, &rest);
    if (code != SQLITE_OK) throw_sqlite(handle_, name, false);
    if (raw_ == nullptr)
      throw query_error(query_error_kind::bad_statement,
                        std::string(name) + ": there is no statement in the text");
    if (has_more(rest, text.data() + text.size())) {
      sqlite3_finalize(std::exchange(raw_, nullptr));  // the destructor of a half-made object does not run
      throw query_error(
          query_error_kind::bad_statement,
          std::string(name) + ": more than one statement; only the first would run, use script()");
    }
    parameters_ = sqlite3_bind_parameter_count(raw_);
  }

  // Blanks, semicolons and comments may follow; anything else, a NUL included, would be silently ignored.
  static bool has_more(const char* rest, const char* end) noexcept {
    while (rest != end) {
      const std::string_view left(rest, static_cast<std::size_t>(end - rest));
      if (left.starts_with("--")) {
        const std::size_t line = left.find('\n');
        rest = line == std::string_view::npos ? end : rest + line + 1;
      } else if (left.starts_with("/*")) {
        const std::size_t close = left.find("*/", 2);
        rest = close == std::string_view::npos ? end : rest + close + 2;
      } else if (std::string_view(" \t\r\n\f;").find(*rest) != std::string_view::npos) {
        ++rest;
      } else {
        return true;
      }
    }
    return false;
  }

  sqlite3* handle_;
  sqlite3_stmt* raw_ = nullptr;
  int parameters_ = 0;
  std::vector<std::string> parameter_names_;
};

/// One execution of a statement: holds the connection's mutex where it must, and leaves the statement reset,
/// so that no read transaction stays open and no argument is referred to after the caller's call.
class sqlite_execution {
 public:
  sqlite_execution(sqlite_statement& statement, std::string_view name) noexcept
      : statement_(&statement),
        raw_(statement.raw()),
        handle_(statement.handle()),
        mutex_(sqlite3_db_mutex(handle_)),
        name_(name) {
    enter();
  }
  sqlite_execution(const sqlite_execution&) = delete;
  sqlite_execution& operator=(const sqlite_execution&) = delete;
  ~sqlite_execution() {
    if (!entered_) enter();
    sqlite3_reset(raw_);  // repeats the failure of the step, which was reported already
    if (borrowed_) sqlite3_clear_bindings(raw_);
    leave();
  }

  /// Returns: whether there is a row to read.
  [[nodiscard]] bool step() {
    const int code = sqlite3_step(raw_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) [[unlikely]]
      throw_sqlite(handle_, name_, true);
    return false;
  }

  /// Runs to the end and passes over the rows. Returns: how many rows were inserted, updated or deleted.
  std::uint64_t finish() {
    const sqlite3_int64 before = sqlite3_total_changes64(handle_);
    while (step()) {
    }
    // A statement that changes nothing, such as DDL, leaves the count of the one before it.
    return sqlite3_total_changes64(handle_) == before
               ? 0
               : static_cast<std::uint64_t>(sqlite3_changes64(handle_));
  }

  /// A protected value of the current row: valid until the next step, to be read while the mutex is held.
  [[nodiscard]] sqlite3_value* value(int column) const noexcept { return sqlite3_column_value(raw_, column); }
  [[nodiscard]] int columns() const noexcept { return sqlite3_column_count(raw_); }
  [[nodiscard]] std::string_view column_name(int column) const noexcept {
    const char* const name = sqlite3_column_name(raw_, column);
    return name == nullptr ? std::string_view() : name;
  }
  [[nodiscard]] sqlite3_stmt* raw() const noexcept { return raw_; }
  [[nodiscard]] sqlite3* handle() const noexcept { return handle_; }
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] const sqlite_statement& statement() const noexcept { return *statement_; }

  /// Some argument is referred to, not copied: bindings must be cleared at the end.
  void borrows() noexcept { borrowed_ = true; }

  /// Lets go of the mutex while the caller's code runs.
  void leave() noexcept {
    entered_ = false;
    sqlite3_mutex_leave(mutex_);
  }
  void enter() noexcept {
    sqlite3_mutex_enter(mutex_);
    entered_ = true;
  }

 private:
  const sqlite_statement* statement_;
  sqlite3_stmt* raw_;
  sqlite3* handle_;
  sqlite3_mutex* mutex_;  // sqlite3_value_* need it held; null in a single-threaded SQLite, which is harmless
  std::string_view name_;
  bool entered_ = false;
  bool borrowed_ = false;
};

/// Runs all statements of a text one after another and passes over the rows they yield.
inline void run_script(sqlite3* handle, std::string_view name, std::string_view text) {
  if (text.size() > std::size_t(std::numeric_limits<int>::max()) || text.find('\0') != std::string_view::npos)
    throw query_error(query_error_kind::bad_statement,
                      std::string(name) + ": the text is too long or holds a NUL");
  while (!text.empty()) {
    sqlite3_stmt* raw = nullptr;
    const char* rest = nullptr;
    if (sqlite3_prepare_v3(handle, text.data(), static_cast<int>(text.size()), 0, &raw, &rest) != SQLITE_OK)
      throw_sqlite(handle, name, false);
    text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
    if (raw == nullptr) continue;  // blanks or a comment
    int code = SQLITE_ROW;
    while (code == SQLITE_ROW) code = sqlite3_step(raw);
    if (code != SQLITE_DONE) {
      const query_error failure = sqlite_failure(handle, name, true);  // before finalize clears it
      sqlite3_finalize(raw);
      throw failure;
    }
    sqlite3_finalize(raw);
  }
}

}  // namespace hasten::detail

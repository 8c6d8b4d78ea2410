// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/error.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace hasten {

/// What went wrong with a statement, in terms that are the same for every database.
enum class query_error_kind : unsigned char {
  other,            ///< none of those below
  busy,             ///< another writer held the lock for longer than the busy timeout
  busy_snapshot,    ///< the transaction read before it wrote, and somebody else wrote in between: repeat it
                    ///< whole
  unique,           ///< a unique key exists already
  foreign_key,      ///< a referenced row is missing, or still referenced
  check,            ///< a CHECK rule refused the data
  not_null,         ///< a required column was null
  constraint,       ///< another constraint
  serialization,    ///< concurrent transactions could not be ordered: repeat it whole
  deadlock,         ///< chosen as the victim of a deadlock: repeat it whole
  timeout,          ///< the deadline passed
  pool_exhausted,   ///< no session came free in time
  connection_lost,  ///< the connection broke while in use
  database_down,    ///< no connection could be made
  bad_statement,    ///< the text or the parameters do not fit the database
  bad_row,          ///< a column does not fit the type that it is read into
  read_only,        ///< a write on a session, file or server that only reads
  disk_full,        ///< no space left
  corrupt,          ///< the file is damaged, or not a database
  cancelled,        ///< somebody stopped the statement: an administrator, or another program
  too_many_connections,  ///< the server takes no more of them
  stale_plan,            ///< the schema changed under a prepared statement in a transaction: repeat it whole
  aborted,               ///< an earlier failure has undone the transaction; only a rollback is left
  bad_value,             ///< a value does not fit the column or the calculation that it is given to
  no_privilege,          ///< the server does not let this user do so
};

inline constexpr std::size_t query_error_kinds = static_cast<std::size_t>(query_error_kind::no_privilege) + 1;

/// Returns: the kind as one word with underscores, for a metric label.
[[nodiscard]] constexpr const char* name_of(query_error_kind kind) noexcept {
  constexpr const char* names[query_error_kinds] = {
      "other",           "busy",          "busy_snapshot",
      "unique",          "foreign_key",   "check",
      "not_null",        "constraint",    "serialization",
      "deadlock",        "timeout",       "pool_exhausted",
      "connection_lost", "database_down", "bad_statement",
      "bad_row",         "read_only",     "disk_full",
      "corrupt",         "cancelled",     "too_many_connections",
      "stale_plan",      "aborted",       "bad_value",
      "no_privilege"};
  return names[static_cast<std::size_t>(kind)];
}

/// Returns: whether repeating the whole transaction may succeed.
[[nodiscard]] constexpr bool is_transient(query_error_kind kind) noexcept {
  return kind == query_error_kind::busy || kind == query_error_kind::busy_snapshot ||
         kind == query_error_kind::serialization || kind == query_error_kind::deadlock ||
         kind == query_error_kind::stale_plan;
}

/// Returns: the errc that callers who know nothing of SQL act on.
[[nodiscard]] constexpr errc errc_of(query_error_kind kind) noexcept {
  switch (kind) {
    case query_error_kind::busy:
    case query_error_kind::busy_snapshot:
    case query_error_kind::serialization:
    case query_error_kind::deadlock:
    case query_error_kind::stale_plan:
      return errc::busy;
    case query_error_kind::unique:
    case query_error_kind::foreign_key:
    case query_error_kind::check:
    case query_error_kind::not_null:
    case query_error_kind::constraint:
    case query_error_kind::bad_value:
      return errc::constraint;
    case query_error_kind::timeout:
      return errc::timeout;
    case query_error_kind::pool_exhausted:
    case query_error_kind::too_many_connections:
      return errc::overloaded;
    case query_error_kind::connection_lost:
    case query_error_kind::database_down:
    case query_error_kind::corrupt:
      return errc::database_down;
    case query_error_kind::bad_statement:
    case query_error_kind::read_only:
    case query_error_kind::no_privilege:
      return errc::bad_statement;
    case query_error_kind::bad_row:
      return errc::bad_row;
    case query_error_kind::disk_full:
    case query_error_kind::cancelled:
    case query_error_kind::aborted:
    case query_error_kind::other:
      break;
  }
  return errc::query_failed;
}

/// A statement that failed: hasten::error with the kind and the database's own number or state.
///
/// `what()` names the statement and says what kind of failure it was, never a value; what the server said is
/// in `server_text()` and must not be logged.
/// Thread safety: immutable.
class query_error : public error {
 public:
  /// `statement` is the statement's name, perhaps with a sentence of ours; never its values.
  query_error(query_error_kind kind, const std::string& statement, int native_code = 0,
              std::string server_text = {})
      : error(errc_of(kind), statement, std::move(server_text)), kind_(kind), native_code_(native_code) {}

  /// As above, with PostgreSQL's state of five characters in place of a number.
  query_error(query_error_kind kind, const std::string& statement, std::string_view sqlstate,
              std::string server_text)
      : query_error(kind, statement, 0, std::move(server_text)) {
    sqlstate.substr(0, sqlstate_.size() - 1).copy(sqlstate_.data(), sqlstate_.size() - 1);
  }

  [[nodiscard]] query_error_kind kind() const noexcept { return kind_; }

  /// Returns: SQLite's extended result code; zero where there is none.
  [[nodiscard]] int native_code() const noexcept { return native_code_; }

  /// Returns: PostgreSQL's SQLSTATE, such as "23505"; empty where there is none.
  [[nodiscard]] std::string_view sqlstate() const noexcept { return sqlstate_.data(); }

 private:
  query_error_kind kind_;
  int native_code_;
  std::array<char, 6> sqlstate_{};  // ends with a NUL
};

/// Returns: the kind of the exception being handled. Call it inside a catch block only.
[[nodiscard]] inline query_error_kind kind_of_current_exception() noexcept {
  try {
    throw;
  } catch (const query_error& failure) {
    return failure.kind();
  } catch (const error& failure) {
    if (failure.code() == errc::timeout) return query_error_kind::timeout;
    if (failure.code() == errc::busy) return query_error_kind::busy;
    if (failure.code() == errc::constraint) return query_error_kind::constraint;
    if (failure.code() == errc::overloaded) return query_error_kind::pool_exhausted;
    if (failure.code() == errc::database_down) return query_error_kind::database_down;
    if (failure.code() == errc::bad_statement) return query_error_kind::bad_statement;
    if (failure.code() == errc::bad_row) return query_error_kind::bad_row;
    return query_error_kind::other;
  } catch (...) {
    return query_error_kind::other;
  }
}

}  // namespace hasten

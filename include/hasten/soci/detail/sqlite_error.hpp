// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/sqlite_api.hpp>

#include <soci/error.h>

#include <string>
#include <string_view>

namespace hasten::detail {

/// Returns: the kind of SQLite's extended result code; `running` tells a failed execution from a failed
/// prepare.
[[nodiscard]] inline query_error_kind kind_of_sqlite(int extended, bool running) noexcept {
  switch (extended) {
    case SQLITE_BUSY_SNAPSHOT:
      return query_error_kind::busy_snapshot;
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
      return query_error_kind::unique;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
      return query_error_kind::foreign_key;
    case SQLITE_CONSTRAINT_CHECK:
      return query_error_kind::check;
    case SQLITE_CONSTRAINT_NOTNULL:
      return query_error_kind::not_null;
    default:
      break;
  }
  switch (extended & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return query_error_kind::busy;
    case SQLITE_CONSTRAINT:
      return query_error_kind::constraint;
    case SQLITE_INTERRUPT:
      return query_error_kind::timeout;
    case SQLITE_READONLY:
      return query_error_kind::read_only;
    case SQLITE_FULL:
      return query_error_kind::disk_full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return query_error_kind::corrupt;
    case SQLITE_CANTOPEN:
      return query_error_kind::database_down;
    case SQLITE_IOERR:
      return query_error_kind::connection_lost;
    case SQLITE_AUTH:
    case SQLITE_RANGE:
    case SQLITE_MISUSE:
    case SQLITE_TOOBIG:
      return query_error_kind::bad_statement;
    case SQLITE_ERROR:
      return running ? query_error_kind::other : query_error_kind::bad_statement;
    default:
      return query_error_kind::other;
  }
}

/// Returns: the failure that the connection reported last.
[[nodiscard]] inline query_error sqlite_failure(sqlite3* handle, std::string_view statement, bool running) {
  const int extended = sqlite3_extended_errcode(handle);
  return {kind_of_sqlite(extended, running), std::string(statement), extended, sqlite3_errmsg(handle)};
}

[[noreturn, gnu::noinline, gnu::cold]] inline void throw_sqlite(sqlite3* handle, std::string_view statement,
                                                                bool running) {
  throw sqlite_failure(handle, statement, running);
}

/// Throws: the same failure as a query_error. SOCI's what() quotes the bound values, so it must not get out.
[[noreturn]] inline void throw_soci(const ::soci::soci_error& failure, sqlite3* handle,
                                    std::string_view statement) {
  const std::string name(statement);
  const std::string server_text = failure.get_error_message();
  if (const auto* const sqlite = dynamic_cast<const ::soci::sqlite3_soci_error*>(&failure)) {
    int code = sqlite->result();
    // SOCI keeps the primary code only; the connection still knows which kind of it.
    if (handle != nullptr && (sqlite3_extended_errcode(handle) & 0xff) == (code & 0xff))
      code = sqlite3_extended_errcode(handle);
    throw query_error(kind_of_sqlite(code, true), name, code, server_text);
  }
  switch (failure.get_error_category()) {
    case ::soci::soci_error::connection_error:
      throw query_error(query_error_kind::connection_lost, name, 0, server_text);
    case ::soci::soci_error::constraint_violation:
      throw query_error(query_error_kind::constraint, name, 0, server_text);
    case ::soci::soci_error::invalid_statement:
    case ::soci::soci_error::no_privilege:
      throw query_error(query_error_kind::bad_statement, name, 0, server_text);
    default:
      throw query_error(query_error_kind::other, name, 0, server_text);
  }
}

}  // namespace hasten::detail

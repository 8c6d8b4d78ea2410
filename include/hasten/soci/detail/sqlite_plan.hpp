// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/plan_book.hpp>
#include <hasten/query/query_plan.hpp>
#include <hasten/query/sql_scanner.hpp>
#include <hasten/soci/detail/sqlite_error.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten::detail {

struct sqlite_finalizer {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using sqlite_statement_ptr = std::unique_ptr<sqlite3_stmt, sqlite_finalizer>;

/// Prepares a text for reading; throws a query_error that names `name`.
[[nodiscard]] inline sqlite_statement_ptr prepare_plain(sqlite3* handle, std::string_view name,
                                                        const std::string& text) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(handle, text.c_str(), static_cast<int>(text.size()) + 1, &raw, nullptr) != SQLITE_OK)
    throw_sqlite(handle, name, false);
  return sqlite_statement_ptr(raw);
}

[[nodiscard]] inline bool step_plain(sqlite3* handle, std::string_view name, sqlite3_stmt* statement) {
  const int code = sqlite3_step(statement);
  if (code != SQLITE_ROW && code != SQLITE_DONE) throw_sqlite(handle, name, true);
  return code == SQLITE_ROW;
}

[[nodiscard]] inline std::string text_of(sqlite3_stmt* statement, int column) {
  const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return text == nullptr
             ? std::string()
             : std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
}

/// Asks SQLite for the plan of one statement. The statement is not run and takes no parameters.
[[nodiscard]] inline query_plan plan_of_sqlite(sqlite3* handle, std::string_view name,
                                               std::string_view text) {
  const auto ask = prepare_plain(handle, name, "EXPLAIN QUERY PLAN " + std::string(text));
  std::vector<plan_step> steps;
  while (ask != nullptr && step_plain(handle, name, ask.get()))
    steps.push_back({.id = sqlite3_column_int64(ask.get(), 0),
                     .parent = sqlite3_column_int64(ask.get(), 1),
                     .detail = text_of(ask.get(), 3)});
  return read_plan(std::move(steps));
}

[[nodiscard]] inline std::int64_t schema_version_of(sqlite3* handle) {
  const auto ask = prepare_plain(handle, "schema version", "PRAGMA schema_version");
  return step_plain(handle, "schema version", ask.get()) ? sqlite3_column_int64(ask.get(), 0) : 0;
}

/// Returns: whether explaining it is safe: SQLite carries out some PRAGMAs while it prepares them.
[[nodiscard]] inline bool has_plan(std::string_view text) {
  sql_scanner scan(text, sql_dialect::sqlite);
  sql_token token = scan.next();
  while (token.what == sql_token::kind::blank) token = scan.next();
  constexpr std::array<std::string_view, 7> plannable = {"select", "insert",  "update", "delete",
                                                         "with",   "replace", "values"};
  for (const std::string_view each : plannable)
    if (token.text.size() == each.size() &&
        sqlite3_strnicmp(token.text.data(), each.data(), static_cast<int>(each.size())) == 0)
      return true;
  return false;
}

/// Puts the plan of a text into the book if it wants it. It is monitoring: what fails is counted and does not get out.
inline void capture_plan(sqlite3* handle, plan_book& plans, std::string_view name,
                         std::string_view text) noexcept {
  try {
    if (!has_plan(text)) return;
    const std::int64_t version = schema_version_of(handle);
    if (plans.wants(name, text, version)) plans.put(name, text, version, plan_of_sqlite(handle, name, text));
  } catch (...) {
    plans.note_failure();
  }
}

}  // namespace hasten::detail

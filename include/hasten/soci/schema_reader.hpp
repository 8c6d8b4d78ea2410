// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/schema_outline.hpp>
#include <hasten/soci/detail/postgresql_schema.hpp>
#include <hasten/soci/detail/sqlite_plan.hpp>
#include <hasten/soci/monitored_session.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

namespace detail {

// All rows of a statement with one text parameter, given to `row(statement)`.
template <class Row>
void for_each_row(sqlite3* handle, const std::string& text, std::string_view argument, Row&& row) {
  const auto ask = prepare_plain(handle, "schema_reader", text);
  if (sqlite3_bind_parameter_count(ask.get()) > 0)
    sqlite3_bind_text64(ask.get(), 1, argument.data(), argument.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  while (step_plain(handle, "schema_reader", ask.get())) row(ask.get());
}

inline void read_columns(sqlite3* handle, table_outline& table) {
  std::string key;
  int key_columns = 0;
  for_each_row(handle, "SELECT name, type, pk, hidden FROM pragma_table_xinfo(?1)", table.name,
               [&](sqlite3_stmt* row) {
                 if (sqlite3_column_int(row, 3) == 1) return;  // a virtual table's own
                 table.columns.push_back(text_of(row, 0));
                 if (sqlite3_column_int(row, 2) == 0) return;
                 ++key_columns;
                 if (sqlite3_stricmp(text_of(row, 1).c_str(), "INTEGER") == 0) key = table.columns.back();
               });
  if (table.has_row_id && key_columns == 1) table.row_id = key;
}

inline void read_indexes(sqlite3* handle, table_outline& table) {
  for_each_row(handle,
               "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1) ORDER BY seq DESC",
               table.name, [&](sqlite3_stmt* row) {
                 table.indexes.push_back({.name = text_of(row, 0),
                                          .columns = {},
                                          .is_unique = sqlite3_column_int(row, 1) != 0,
                                          .is_partial = sqlite3_column_int(row, 3) != 0,
                                          .is_constraint = text_of(row, 2) != "c"});
               });
  for (index_outline& each : table.indexes) {
    bool has_expression = false;
    for_each_row(handle, "SELECT name, \"desc\", cid FROM pragma_index_xinfo(?1) WHERE key=1", each.name,
                 [&](sqlite3_stmt* row) {
                   if (sqlite3_column_int(row, 2) == -2) has_expression = true;
                   const bool is_row_id = sqlite3_column_int(row, 2) == -1;
                   each.columns.push_back({.name = is_row_id ? table.row_id : text_of(row, 0),
                                           .is_descending = sqlite3_column_int(row, 1) != 0});
                 });
    if (has_expression) each.columns.clear();
  }
}

inline void read_foreign_keys(sqlite3* handle, table_outline& table) {
  std::int64_t last = -1;
  for_each_row(handle,
               "SELECT id, \"table\", \"from\" FROM pragma_foreign_key_list(?1) ORDER BY id DESC, seq",
               table.name, [&](sqlite3_stmt* row) {
                 if (sqlite3_column_int64(row, 0) != last)
                   table.foreign_keys.push_back({.columns = {}, .parent = text_of(row, 1)});
                 last = sqlite3_column_int64(row, 0);
                 table.foreign_keys.back().columns.push_back(text_of(row, 2));
               });
}

[[nodiscard]] inline std::int64_t number_of(sqlite3* handle, const std::string& text,
                                            std::string_view argument = {}) {
  std::int64_t value = 0;
  for_each_row(handle, text, argument, [&](sqlite3_stmt* row) { value = sqlite3_column_int64(row, 0); });
  return value;
}

// As ANALYZE counted them, or by the range of the rows' numbers, which costs two look-ups; counted only up to a bound.
[[nodiscard]] inline std::int64_t estimate_rows(sqlite3* handle, const table_outline& table,
                                                bool has_statistics) {
  const std::int64_t counted =
      has_statistics
          ? number_of(handle, "SELECT max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl=?1", table.name)
          : 0;
  const std::string name = quoted_name(table.name);
  if (table.has_row_id) {
    const std::int64_t range = number_of(
        handle, "SELECT (SELECT max(rowid) FROM " + name + ") - (SELECT min(rowid) FROM " + name + ") + 1");
    // Numbers that were given by hand may lie anywhere.
    if (range > 0 && range <= 1'000'000'000 && (counted == 0 || range / 4 <= counted)) return range;
  }
  if (counted > 0) return counted;
  return number_of(handle, "SELECT count(*) FROM (SELECT 1 FROM " + name + " LIMIT 100000)");
}

}  // namespace detail

/// Reads the tables of a database with their columns, indexes, foreign keys and estimated numbers of rows; not virtual tables,
/// nor the database's own; of PostgreSQL those that the session finds without naming their schema.
/// Throws: query_error; of kind bad_statement for another database than these.
/// Complexity: some microseconds for each table and index, and three trips for each table to a server; no table is read
/// through.
[[nodiscard]] inline schema_outline read_schema(monitored_session& session) {
  if (session.is_postgresql()) return detail::read_postgresql_schema(session);
  return session.monitor().track("schema_reader", [&] {
    sqlite3* const handle = detail::sqlite_handle_of(session.soci());
    if (handle == nullptr)
      throw query_error(query_error_kind::bad_statement, "read_schema: needs SQLite or PostgreSQL");
    schema_outline schema;
    detail::for_each_row(handle,
                         "SELECT name, wr FROM pragma_table_list WHERE type='table' AND schema='main' AND "
                         "name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
                         {}, [&](sqlite3_stmt* row) {
                           table_outline table{.name = detail::text_of(row, 0)};
                           table.has_row_id = sqlite3_column_int(row, 1) == 0;
                           schema.tables.push_back(std::move(table));
                         });
    const bool has_statistics =
        detail::number_of(handle, "SELECT count(*) FROM sqlite_schema WHERE name='sqlite_stat1'") != 0;
    for (table_outline& each : schema.tables) {
      detail::read_columns(handle, each);
      detail::read_indexes(handle, each);
      detail::read_foreign_keys(handle, each);
      each.rows = detail::estimate_rows(handle, each, has_statistics);
    }
    return schema;
  });
}

}  // namespace hasten

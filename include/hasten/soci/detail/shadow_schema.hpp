// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/index_advisor.hpp>
#include <hasten/soci/detail/sqlite_plan.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten::detail {

// A connection of our own, to a database in memory that dies with it.
class scratch_database {
 public:
  scratch_database() {
    if (sqlite3_open_v2(":memory:", &handle_,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        nullptr) != SQLITE_OK) {
      sqlite3_close(handle_);
      throw query_error(query_error_kind::other, "index_advisor: no database in memory could be made");
    }
  }
  scratch_database(const scratch_database&) = delete;
  scratch_database& operator=(const scratch_database&) = delete;
  ~scratch_database() { sqlite3_close(handle_); }

  [[nodiscard]] sqlite3* get() const noexcept { return handle_; }
  [[nodiscard]] bool try_run(const std::string& text) noexcept {
    return sqlite3_exec(handle_, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  void run(const std::string& text) {
    if (!try_run(text)) throw_sqlite(handle_, "index_advisor", true);
  }

 private:
  sqlite3* handle_ = nullptr;
};

/// A database whose tables are empty shells: planning a statement on it makes SQLite itself tell which constraints and
/// orders an index could serve (sqlite.org/vtab.html, xBestIndex). No SQL is parsed and nothing is ever run.
/// Thread safety: single-owner.
class shadow_schema {
 public:
  explicit shadow_schema(const schema_outline& schema) : schema_(schema) {
    static const sqlite3_module module = shell_module();
    if (sqlite3_create_module(database_.get(), "hasten_shell", &module, this) != SQLITE_OK)
      throw_sqlite(database_.get(), "index_advisor", true);
    for (const table_outline& each : schema_.tables)
      database_.run("CREATE VIRTUAL TABLE " + quoted_name(each.name) + " USING hasten_shell");
  }

  /// Returns: what the planner asked while it planned `text`; nothing if it does not fit the shells, as an upsert.
  [[nodiscard]] std::vector<index_need> needs_of(std::string_view text) {
    needs_.clear();
    sqlite3_stmt* raw = nullptr;
    const int code =
        sqlite3_prepare_v2(database_.get(), text.data(), static_cast<int>(text.size()), &raw, nullptr);
    sqlite3_finalize(raw);
    if (code != SQLITE_OK) needs_.clear();
    return std::move(needs_);
  }

 private:
  struct shell {
    sqlite3_vtab base{};  // first: SQLite sees only this
    shadow_schema* owner = nullptr;
    const table_outline* table = nullptr;
  };

  // NOLINTBEGIN(readability-function-size): the signatures are SQLite's
  static int connect(sqlite3* handle, void* self, int, const char* const* arguments, sqlite3_vtab** made,
                     char**) {
    auto* const owner = static_cast<shadow_schema*>(self);
    const table_outline* const table = owner->schema_.find(arguments[2]);
    if (table == nullptr) return SQLITE_ERROR;
    try {
      std::string declared;
      for (const std::string& each : table->columns)
        declared += (declared.empty() ? "CREATE TABLE x(" : ", ") + quoted_name(each);
      const int code = sqlite3_declare_vtab(handle, (declared + ")").c_str());
      if (code != SQLITE_OK) return code;
      auto* const mine = new shell;
      mine->owner = owner;
      mine->table = table;
      *made = &mine->base;
      return SQLITE_OK;
    } catch (...) {
      return SQLITE_NOMEM;
    }
  }
  static int disconnect(sqlite3_vtab* table) {
    delete reinterpret_cast<shell*>(table);
    return SQLITE_OK;
  }
  static int best_index(sqlite3_vtab* table, sqlite3_index_info* asked) {
    auto* const mine = reinterpret_cast<shell*>(table);
    try {
      mine->owner->note(*mine->table, *asked);
      return SQLITE_OK;
    } catch (...) {
      return SQLITE_NOMEM;
    }
  }
  static int open(sqlite3_vtab*, sqlite3_vtab_cursor**) { return SQLITE_ERROR; }
  static int close(sqlite3_vtab_cursor*) { return SQLITE_ERROR; }
  static int filter(sqlite3_vtab_cursor*, int, const char*, int, sqlite3_value**) { return SQLITE_ERROR; }
  static int next(sqlite3_vtab_cursor*) { return SQLITE_ERROR; }
  static int eof(sqlite3_vtab_cursor*) { return 1; }
  static int column(sqlite3_vtab_cursor*, sqlite3_context*, int) { return SQLITE_ERROR; }
  static int rowid(sqlite3_vtab_cursor*, sqlite3_int64*) { return SQLITE_ERROR; }
  static int update(sqlite3_vtab*, int, sqlite3_value**, sqlite3_int64*) { return SQLITE_ERROR; }
  // NOLINTEND(readability-function-size)

  static sqlite3_module shell_module() noexcept {
    sqlite3_module made{};
    made.xCreate = &connect;
    made.xConnect = &connect;
    made.xBestIndex = &best_index;
    made.xDisconnect = &disconnect;
    made.xDestroy = &disconnect;
    made.xOpen = &open;
    made.xClose = &close;
    made.xFilter = &filter;
    made.xNext = &next;
    made.xEof = &eof;
    made.xColumn = &column;
    made.xRowid = &rowid;
    made.xUpdate = &update;  // without it, no statement that writes could be planned
    return made;
  }

  void note(const table_outline& table, sqlite3_index_info& asked) {
    index_need need{.table = table.name};
    const auto name = [&](int column) -> std::string {
      if (column < 0) return table.row_id;
      return table.columns[static_cast<std::size_t>(column)];
    };
    bool row_number = false;
    for (int at = 0; at < asked.nConstraint; ++at) {
      const auto& each = asked.aConstraint[at];
      if (each.usable == 0) continue;
      const bool is_equal = each.op == SQLITE_INDEX_CONSTRAINT_EQ || each.op == SQLITE_INDEX_CONSTRAINT_IS ||
                            each.op == SQLITE_INDEX_CONSTRAINT_ISNULL;
      const bool is_range = each.op == SQLITE_INDEX_CONSTRAINT_GT || each.op == SQLITE_INDEX_CONSTRAINT_GE ||
                            each.op == SQLITE_INDEX_CONSTRAINT_LT || each.op == SQLITE_INDEX_CONSTRAINT_LE;
      if (is_equal && each.iColumn < 0) row_number = true;
      if (each.iColumn < 0 && table.row_id.empty()) continue;
      const std::string column = name(each.iColumn);
      if (is_equal && std::find(need.equals.begin(), need.equals.end(), column) == need.equals.end())
        need.equals.push_back(column);
      if (is_range && need.range.empty()) need.range = column;
    }
    bool has_order = true;
    for (int at = 0; at < asked.nOrderBy; ++at) {
      const auto& each = asked.aOrderBy[at];
      if (each.iColumn < 0 && table.row_id.empty()) has_order = false;
      if (has_order) need.order.push_back({.name = name(each.iColumn), .is_descending = each.desc != 0});
    }
    for (std::size_t at = 0; at < table.columns.size(); ++at)
      if ((asked.colUsed >> std::min<std::size_t>(at, 63) & 1) != 0) need.reads.push_back(table.columns[at]);
    // Cheaper with every constraint, so that the planner goes on to ask for orders of joins that use them.
    asked.estimatedCost =
        1e6 / static_cast<double>(1 + need.equals.size() * 100 + (need.range.empty() ? 0 : 4));
    asked.estimatedRows = need.equals.empty() ? 1'000'000 : 10;
    const bool is_wanted =
        !row_number && (!need.equals.empty() || !need.range.empty() || !need.order.empty());
    if (is_wanted && std::find(needs_.begin(), needs_.end(), need) == needs_.end())
      needs_.push_back(std::move(need));
  }

  const schema_outline& schema_;
  std::vector<index_need> needs_;  // of the statement under way
  scratch_database database_;      // last: its shells refer to the rest until it is closed
};

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/index_advisor.hpp>
#include <hasten/soci/detail/shadow_schema.hpp>
#include <hasten/soci/schema_reader.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hasten::detail {

// A sample of one table: for each row a hash of each column's value and its size. The values themselves are not kept.
struct table_sample {
  std::vector<std::string> columns;
  std::vector<std::vector<std::uint64_t>> rows;
  std::vector<double> bytes;  // of each column, on average
};

[[nodiscard]] inline std::uint64_t hash_of(sqlite3_stmt* row, int column) {
  std::uint64_t hash = 0xCBF29CE484222325u ^ static_cast<std::uint64_t>(sqlite3_column_type(row, column));
  const auto* const bytes = static_cast<const unsigned char*>(sqlite3_column_blob(row, column));
  for (int at = 0; at < sqlite3_column_bytes(row, column); ++at) hash = (hash ^ bytes[at]) * 0x100000001B3u;
  return hash ^ hash >> 29;
}

/// Reads up to `rows_max` rows spread over the whole table; the first ones of a table without row numbers.
[[nodiscard]] inline table_sample sample_table(sqlite3* handle, const table_outline& table,
                                               std::size_t rows_max) {
  table_sample sample{
      .columns = table.columns, .rows = {}, .bytes = std::vector<double>(table.columns.size())};
  std::string columns;
  for (const std::string& each : table.columns) columns += (columns.empty() ? "" : ", ") + quoted_name(each);
  const std::string from = "SELECT " + columns + " FROM " + quoted_name(table.name);
  const auto keep = [&](sqlite3_stmt* row) {
    std::vector<std::uint64_t>& hashes = sample.rows.emplace_back();
    for (int at = 0; at < static_cast<int>(table.columns.size()); ++at) {
      hashes.push_back(hash_of(row, at));
      sample.bytes[static_cast<std::size_t>(at)] += sqlite3_column_bytes(row, at);
    }
  };
  const bool is_small = table.rows <= static_cast<std::int64_t>(rows_max);
  if (!table.has_row_id || is_small) {
    for_each_row(handle, from + " LIMIT " + std::to_string(rows_max), {}, keep);
  } else {
    const std::string name = quoted_name(table.name);
    const std::int64_t first = number_of(handle, "SELECT min(rowid) FROM " + name);
    const std::int64_t last = number_of(handle, "SELECT max(rowid) FROM " + name);
    const auto ask = prepare_plain(handle, "index_advisor", from + " WHERE rowid>=?1 ORDER BY rowid LIMIT 1");
    const double step = static_cast<double>(last - first) / static_cast<double>(rows_max);
    for (std::size_t at = 0; at < rows_max; ++at) {
      // The golden ratio scatters the rows within their steps: data may have a period of its own.
      const double scatter = static_cast<double>(at) * 0.6180339887498949;
      const double place =
          (static_cast<double>(at) + scatter - static_cast<double>(static_cast<std::int64_t>(scatter))) *
          step;
      sqlite3_bind_int64(ask.get(), 1, first + static_cast<std::int64_t>(place));
      if (step_plain(handle, "index_advisor", ask.get())) keep(ask.get());
      sqlite3_reset(ask.get());
    }
  }
  for (double& each : sample.bytes) each /= static_cast<double>(std::max<std::size_t>(1, sample.rows.size()));
  return sample;
}

/// Returns: how many rows share the first, the first two, … of the columns.
[[nodiscard]] inline index_statistics statistics_of(const table_sample& sample, double rows,
                                                    const std::vector<index_column>& columns) {
  index_statistics made{.rows = std::max(1.0, rows), .rows_per_key = {}};
  std::vector<std::uint64_t> keys(sample.rows.size(), 0);
  for (const index_column& column : columns) {
    const auto found = std::find(sample.columns.begin(), sample.columns.end(), column.name);
    const auto at = static_cast<std::size_t>(found - sample.columns.begin());
    std::unordered_map<std::uint64_t, std::uint32_t> seen;
    for (std::size_t row = 0; row < keys.size(); ++row) {
      const std::uint64_t value = found == sample.columns.end() ? row : sample.rows[row][at];
      keys[row] = (keys[row] ^ value) * 0x9E3779B97F4A7C15u;
      keys[row] ^= keys[row] >> 31;
      ++seen[keys[row]];
    }
    const auto once =
        std::count_if(seen.begin(), seen.end(), [](const auto& each) { return each.second == 1; });
    const double distinct = estimate_distinct(made.rows, static_cast<double>(keys.size()),
                                              static_cast<double>(seen.size()), static_cast<double>(once));
    made.rows_per_key.push_back(std::max(1.0, made.rows / distinct));
  }
  return made;
}

/// A copy of a schema without a row. If the source was analysed, it gets statistics that make SQLite plan as if the rows
/// were there; if not, SQLite plans here as blindly as it does there, and they only serve plan_cost. Indexes can be tried
/// on it at no cost; the database that it was copied from is only read.
/// Thread safety: single-owner.
class what_if_database {
 public:
  /// Copies the tables, indexes and views of `source`. What does not run on a plain SQLite, because it needs functions of
  /// the program, is left out, and so are the statements that need it.
  what_if_database(sqlite3* source, const schema_outline& schema) : schema_(schema) {
    for_each_row(source,
                 "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE "
                 "'\\' AND type IN ('table', 'index', 'view') ORDER BY type='table' DESC, rowid",
                 {}, [&](sqlite3_stmt* row) { static_cast<void>(database_.try_run(text_of(row, 0))); });
    is_analysed_ = number_of(source, "SELECT count(*) FROM sqlite_schema WHERE name='sqlite_stat1'") != 0;
    if (is_analysed_) database_.run("ANALYZE");
    for (const table_outline& each : schema_.tables) {
      statistics_.table_rows[each.name] = static_cast<double>(each.rows);
      put_row(each.name, std::nullopt, std::to_string(std::max<std::int64_t>(1, each.rows)));
    }
  }

  /// Gives an index, which must exist here, its statistics; they count from the next reload() on.
  void set_statistics(const table_outline& table, const std::string& index, index_statistics known) {
    std::string text = std::to_string(static_cast<std::int64_t>(std::max(1.0, known.rows)));
    for (const double each : known.rows_per_key)
      text += ' ' + std::to_string(static_cast<std::int64_t>(std::max(1.0, std::ceil(each))));
    // The primary key of a table without row numbers goes by the table's name.
    const bool is_table =
        !table.has_row_id && index.starts_with("sqlite_autoindex_") && index.ends_with("_1");
    put_row(table.name, is_table ? table.name : index, text);
    statistics_.indexes[index] = std::move(known);
    if (is_table) statistics_.indexes["PRIMARY KEY"] = statistics_.indexes[index];
  }
  void reload() {
    if (is_analysed_) database_.run("ANALYZE sqlite_schema");
  }

  [[nodiscard]] bool try_create(const std::string& ddl) { return database_.try_run(ddl); }
  void drop(const std::string& index) { database_.run("DROP INDEX " + quoted_name(index)); }

  [[nodiscard]] const plan_statistics& statistics() const noexcept { return statistics_; }
  /// Returns: nothing for a statement that does not fit the copy.
  [[nodiscard]] std::optional<query_plan> plan_of(const std::string& name, const std::string& text) {
    try {
      return plan_of_sqlite(database_.get(), name, text);
    } catch (const query_error&) {  // told by the statement being passed over
      return std::nullopt;
    }
  }

 private:
  void put_row(const std::string& table, const std::optional<std::string>& index, const std::string& text) {
    if (!is_analysed_) return;
    const auto quoted = [](const std::string& value) {
      std::string out = "'";
      for (const char each : value) out.append(each == '\'' ? 2 : 1, each);
      return out + "'";
    };
    const std::string name = index ? quoted(*index) : "NULL";
    database_.run("DELETE FROM sqlite_stat1 WHERE tbl=" + quoted(table) + " AND idx IS " + name +
                  "; INSERT INTO sqlite_stat1(tbl, idx, stat) VALUES(" + quoted(table) + ", " + name + ", " +
                  quoted(text) + ")");
  }

  const schema_outline& schema_;
  scratch_database database_;
  plan_statistics statistics_;
  bool is_analysed_ = false;  // as the source: without statistics there, SQLite would not plan with any
};

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hasten {

/// One column of an index.
struct index_column {
  std::string name = {};
  bool is_descending = false;
  friend bool operator==(const index_column&, const index_column&) = default;
};

/// An index as the database has it.
struct index_outline {
  std::string name = {};
  std::vector<index_column> columns = {};  ///< its keys; empty where one of them is an expression
  bool is_unique = false;
  bool is_partial = false;     ///< has a WHERE
  bool is_constraint = false;  ///< made by PRIMARY KEY or UNIQUE: it cannot be dropped alone
};

/// Columns that refer to another table.
struct foreign_key_outline {
  std::vector<std::string> columns = {};
  std::string parent = {};
};

/// A table with what an index may be made of.
struct table_outline {
  std::string name = {};
  std::vector<std::string> columns = {};
  std::string row_id = {};  ///< the column that is the row's own number; empty: none has that name
  bool has_row_id = true;   ///< false: the table is its primary key's index
  std::int64_t rows = 0;    ///< an estimate
  std::vector<index_outline> indexes = {};
  std::vector<foreign_key_outline> foreign_keys = {};
};

/// The tables of a database. Thread safety: immutable.
struct schema_outline {
  std::vector<table_outline> tables = {};

  /// Returns: null if there is no such table.
  [[nodiscard]] const table_outline* find(std::string_view table) const noexcept {
    const auto found = std::find_if(tables.begin(), tables.end(),
                                    [&](const table_outline& each) { return each.name == table; });
    return found == tables.end() ? nullptr : &*found;
  }
};

/// Returns: the name as SQL that no name can break out of.
[[nodiscard]] inline std::string quoted_name(std::string_view name) {
  std::string out = "\"";
  for (const char each : name) out.append(each == '"' ? 2 : 1, each);
  return out + '"';
}

/// Returns: the name plain if it needs no quotation marks, for SQL that people read.
[[nodiscard]] inline std::string readable_name(std::string_view name) {
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9'); };
  const bool plain = !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
                     std::all_of(name.begin(), name.end(), is_plain) && name != "order" && name != "group" &&
                     name != "index" && name != "table" && name != "from" && name != "to" && name != "values";
  return plain ? std::string(name) : quoted_name(name);
}

}  // namespace hasten

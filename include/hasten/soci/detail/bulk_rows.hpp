// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/row_mapping.hpp>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

// What writing and changing many rows have in common.
namespace hasten::detail {

template <class Row>
inline constexpr auto row_columns = static_cast<std::size_t>(columns_of<Row>());

inline constexpr std::size_t bulk_parameters_max = 32'766;  // SQLite's default limit

/// Throws: std::invalid_argument for names that no database takes, or columns that are not as many as the row's fields.
inline void check_bulk_names(const std::string& who, const std::string& table,
                             const std::vector<std::string>& columns, std::size_t fields) {
  const auto is_bad = [](const std::string& name) {
    return name.empty() || name.find('\0') != std::string::npos;
  };
  if (is_bad(table) || std::any_of(columns.begin(), columns.end(), is_bad))
    throw std::invalid_argument(who + ": table and columns must be neither empty nor hold a NUL");
  if (columns.size() != fields)
    throw std::invalid_argument(who + ": columns must be as many as the row has fields, " +
                                std::to_string(fields) + ", got " + std::to_string(columns.size()));
}

inline void check_bulk_number(const std::string& who, const std::string& field, std::size_t got,
                              std::size_t least, std::size_t most) {
  if (got < least || got > most)
    throw std::invalid_argument(who + ": " + field + " must be " + std::to_string(least) + ".." +
                                std::to_string(most) + ", got " + std::to_string(got));
}

[[nodiscard]] inline std::string quoted_identifier(std::string_view identifier) {
  std::string to = "\"";
  for (const char each : identifier) to.append(each == '"' ? 2 : 1, each);
  return to += '"';
}

[[nodiscard]] inline std::string quoted_identifiers(const std::vector<std::string>& names) {
  std::string to;
  for (const std::string& each : names) to += (to.empty() ? "" : ",") + quoted_identifier(each);
  return to;
}

/// Binds the fields of a row to the parameters behind `at`, which is moved on.
template <class Row>
inline void bind_row(auto& run, int& at, const Row& row) {
  static_assert(has_fields<Row> || is_tuple<Row>, "a row to write needs a field list or is a tuple");
  const auto bind_each = [&](const auto&... values) { (bind_value(run, ++at, values), ...); };
  if constexpr (is_tuple<Row>)
    std::apply(bind_each, row);
  else
    std::apply([&](auto... members) { bind_each(row.*members...); }, row_fields<Row>::value);
}

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "importing/csv_reader.hpp"

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace claims_app {

/// Finds columns by name and remembers those that are missing, to name them all at once.
/// Thread safety: single-owner.
class column_finder {
 public:
  explicit column_finder(const csv_reader& reader) : reader_(reader) {}

  /// Returns: the column's position; 0 if it is missing, for require_all() to refuse.
  [[nodiscard]] std::size_t operator()(std::string_view name);

  /// Throws: bad_input if a column was missing.
  void require_all() const;

 private:
  const csv_reader& reader_;
  std::string missing_;  // names, separated by commas
};

/// Returns: whether the header has all of these columns.
[[nodiscard]] bool has_columns(const csv_reader& reader, std::initializer_list<std::string_view> names);

/// Returns: whether the text can be an identifier: 1 to 64 printable ASCII characters, no blanks.
[[nodiscard]] bool is_identifier(std::string_view text) noexcept;

/// Returns: whether the text can be a code: 1 to 32 letters, digits, '.', '-' or '_'.
[[nodiscard]] bool is_code(std::string_view text) noexcept;

}  // namespace claims_app

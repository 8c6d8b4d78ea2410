// SPDX-License-Identifier: BSL-1.0
#include "importing/fields.hpp"

#include "importing/bad_input.hpp"

#include <algorithm>

namespace claims_app {

std::size_t column_finder::operator()(std::string_view name) {
  if (const auto found = reader_.column(name)) return *found;
  if (!missing_.empty()) missing_ += ", ";
  missing_ += name;
  return 0;
}

void column_finder::require_all() const {
  if (!missing_.empty()) throw bad_input("the header lacks: " + missing_);
}

bool has_columns(const csv_reader& reader, std::initializer_list<std::string_view> names) {
  return std::all_of(names.begin(), names.end(),
                     [&](std::string_view name) { return reader.column(name).has_value(); });
}

bool is_identifier(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

bool is_code(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
           c == '-' || c == '_';
  });
}

}  // namespace claims_app

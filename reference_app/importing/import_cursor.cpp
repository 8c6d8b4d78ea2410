// SPDX-License-Identifier: BSL-1.0
#include "importing/import_cursor.hpp"

#include <charconv>

namespace claims_app {
namespace {

// Takes the prefix and then all up to the next blank off the front of `text`.
std::optional<std::string_view> take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  return word;
}

std::optional<std::uint64_t> take_number(std::string_view& text, std::string_view prefix) {
  const auto word = take(text, prefix);
  std::uint64_t number = 0;
  if (!word) return std::nullopt;
  const auto [end, failure] = std::from_chars(word->data(), word->data() + word->size(), number);
  if (failure != std::errc() || end != word->data() + word->size()) return std::nullopt;
  return number;
}

}  // namespace

std::string to_text(const import_cursor& cursor) {
  return "v1 sha256:" + cursor.digest + " records=" + std::to_string(cursor.records) +
         " rejected=" + std::to_string(cursor.rejected) + (cursor.complete ? " complete" : " partial");
}

std::optional<import_cursor> parse_import_cursor(std::string_view text) {
  const auto digest = take(text, "v1 sha256:");
  const auto records = take_number(text, " records=");
  const auto rejected = take_number(text, " rejected=");
  if (!digest || digest->empty() || !records || !rejected) return std::nullopt;
  if (text != " complete" && text != " partial") return std::nullopt;
  return import_cursor{std::string(*digest), *records, *rejected, text == " complete"};
}

}  // namespace claims_app

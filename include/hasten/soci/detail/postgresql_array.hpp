// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hasten::detail {

/// Returns: an array of what `text_of(row)` gives, as PostgreSQL reads it; texts have to be quoted().
template <class Rows, class Of>
[[nodiscard]] std::string postgresql_array(const Rows& rows, Of&& text_of) {
  std::string text = "{";
  for (const auto& each : rows) text.append(text.size() == 1 ? "" : ",").append(text_of(each));
  return text += '}';
}

/// For an array, of a text that holds neither quotes nor backslashes.
[[nodiscard]] inline std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

[[nodiscard]] inline std::string hex_of(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte each : bytes) {
    text += digits[std::to_integer<std::size_t>(each >> 4)];
    text += digits[std::to_integer<std::size_t>(each & std::byte{15})];
  }
  return text;
}

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace hasten::detail {

// Returns: how many bytes the character at the front has; 0 if what is there is none, by RFC 3629.
[[nodiscard]] inline std::size_t utf8_character(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (size == 0 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  // Too long for what they say, surrogates, and beyond the last character.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F))
    return 0;
  return size;
}

// Replaces each byte that belongs to no character by U+FFFD.
inline void make_utf8(std::string& text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return;
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t size = utf8_character(rest);
    if (size == 0)
      out += "\xEF\xBF\xBD";
    else
      out += rest.substr(0, size);
    rest.remove_prefix(std::max<std::size_t>(size, 1));
  }
  text = std::move(out);
}

}  // namespace hasten::detail

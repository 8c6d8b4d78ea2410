// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/detail/postgresql_types.hpp>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace hasten::detail {

/// A decimal number as it is written: its digits, and how many of them stand before the point.
struct written_decimal {
  std::string digits = {};
  int whole = 0;  // may be negative or beyond the digits
  int scale = 0;  // digits behind the point, as far as they were written
  bool is_negative = false;
};

/// Returns: the parts of a text such as "-12.50" or "1e-7"; nothing for any other, which the server may know to read.
[[nodiscard]] inline std::optional<written_decimal> parse_decimal(std::string_view text) {
  constexpr std::size_t digits_max = 1'000;
  constexpr int exponent_max = 1'000;
  written_decimal made;
  made.is_negative = text.starts_with('-');
  if (made.is_negative || text.starts_with('+')) text.remove_prefix(1);
  const std::size_t mark = text.find_first_of("eE");
  int exponent = 0;
  if (mark != std::string_view::npos) {
    std::string_view power = text.substr(mark + 1);
    if (power.starts_with('+')) power.remove_prefix(1);
    const auto read = std::from_chars(power.data(), power.data() + power.size(), exponent);
    if (read.ec != std::errc() || read.ptr != power.data() + power.size()) return std::nullopt;
    if (exponent < -exponent_max || exponent > exponent_max) return std::nullopt;
    text = text.substr(0, mark);
  }
  const std::size_t point = std::min(text.find('.'), text.size());
  made.digits = text.substr(0, point);
  if (point < text.size()) made.digits += text.substr(point + 1);
  if (made.digits.empty() || made.digits.size() > digits_max) return std::nullopt;
  if (made.digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  made.whole = static_cast<int>(point) + exponent;
  made.scale = std::max(0, static_cast<int>(made.digits.size()) - made.whole);
  return made;
}

/// Returns: the binary form of a numeric, which is groups of four digits aligned at the point.
[[nodiscard]] inline std::optional<std::string> numeric_wire(std::string_view text) {
  std::optional<written_decimal> number = parse_decimal(text);
  if (!number.has_value()) return std::nullopt;
  std::string& digits = number->digits;
  const std::size_t zeros = std::min(digits.find_first_not_of('0'), digits.size());
  digits.erase(0, zeros);
  int whole = number->whole - static_cast<int>(zeros);
  const int lead = ((-whole) % 4 + 4) % 4;  // so that the point stands between two groups
  digits.insert(0, static_cast<std::size_t>(lead), '0');
  whole += lead;
  digits.append((4 - digits.size() % 4) % 4, '0');
  while (digits.ends_with("0000")) digits.resize(digits.size() - 4);
  const std::size_t groups = digits.size() / 4;
  std::string wire(8 + 2 * groups, '\0');
  to_wire(wire.data(), static_cast<std::uint16_t>(groups));
  to_wire(wire.data() + 2, static_cast<std::uint16_t>(groups == 0 ? 0 : whole / 4 - 1));
  to_wire(wire.data() + 4, static_cast<std::uint16_t>(number->is_negative && groups != 0 ? 0x4000 : 0));
  to_wire(wire.data() + 6, static_cast<std::uint16_t>(number->scale));
  for (std::size_t at = 0; at < groups; ++at) {
    unsigned group = 0;
    for (std::size_t digit = 4 * at; digit < 4 * at + 4; ++digit)
      group = group * 10 + static_cast<unsigned>(digits[digit] - '0');
    to_wire(wire.data() + 8 + 2 * at, static_cast<std::uint16_t>(group));
  }
  return wire;
}

/// Returns: the sixteen bytes of a uuid that is written in its usual form, or without the hyphens.
[[nodiscard]] inline std::optional<std::string> uuid_wire(std::string_view text) {
  const bool has_hyphens = text.size() == 36;
  if (!has_hyphens && text.size() != 32) return std::nullopt;
  std::string wire;
  for (std::size_t at = 0; at < text.size(); at += 2) {
    const bool is_hyphen = has_hyphens && (at == 8 || at == 13 || at == 18 || at == 23);
    if (is_hyphen && text[at++] != '-') return std::nullopt;
    unsigned byte = 0;
    const auto read = std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
    if (read.ec != std::errc() || read.ptr != text.data() + at + 2) return std::nullopt;
    wire += static_cast<char>(byte);
  }
  return wire;
}

/// Returns: the binary form of a value that came as a text, where the rules of its type are simple enough to follow here
/// exactly as the server does; nothing where the server has to read it.
[[nodiscard]] inline std::optional<std::string> literal_wire(Oid type, std::string_view text) {
  if (type == oid::numeric) return numeric_wire(text);
  if (type == oid::uuid) return uuid_wire(text);
  if (type == oid::jsonb) return "\1" + std::string(text);  // the version of the format
  if (type != oid::float4) return std::nullopt;
  float number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  std::string wire(sizeof number, '\0');
  to_wire(wire.data(), std::bit_cast<std::uint32_t>(number));
  return wire;
}

}  // namespace hasten::detail

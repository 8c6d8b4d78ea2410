// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hasten::detail {

inline void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      out += c;
    } else {
      out += "\\u00";
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[static_cast<unsigned char>(c) & 15];
    }
  }
  out += '"';
}

inline void append_json_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";  // JSON has no other word for it
    return;
  }
  std::array<char, 32> digits;
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out += std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

inline void append_json_milliseconds(std::string& out, std::chrono::nanoseconds duration) {
  append_json_number(out, std::round(std::chrono::duration<double, std::micro>(duration).count()) / 1000);
}

inline void append_json_member(std::string& out, std::string_view name, std::string_view value) {
  append_json_string(out, name);
  out += ':';
  append_json_string(out, value);
}

// As OTLP wants whole numbers of 64 bits: as text.
inline void append_json_quoted(std::string& out, std::uint64_t value) {
  out += '"';
  out += std::to_string(value);
  out += '"';
}

// "2026-11-20T13:00:01.250Z"
inline void append_json_time(std::string& out, wall_time at) {
  const auto whole = std::chrono::floor<std::chrono::milliseconds>(at);
  const auto day = std::chrono::floor<std::chrono::days>(whole);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(whole - day);
  const auto digits = [&](std::int64_t value, int width) {
    std::string text = std::to_string(value);
    while (static_cast<int>(text.size()) < width) text.insert(text.begin(), '0');
    out += text;
  };
  out += '"';
  digits(static_cast<int>(date.year()), 4);
  out += '-';
  digits(static_cast<unsigned>(date.month()), 2);
  out += '-';
  digits(static_cast<unsigned>(date.day()), 2);
  out += 'T';
  digits(time.hours().count(), 2);
  out += ':';
  digits(time.minutes().count(), 2);
  out += ':';
  digits(time.seconds().count(), 2);
  out += '.';
  digits(time.subseconds().count(), 3);
  out += "Z\"";
}

}  // namespace hasten::detail

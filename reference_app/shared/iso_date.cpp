// SPDX-License-Identifier: BSL-1.0
#include "shared/iso_date.hpp"

#include <hasten/core/expects.hpp>

#include <cstddef>

namespace claims_app {
namespace {

// Returns -1 unless every character is a digit: std::from_chars would also take a sign.
int digits(std::string_view text) noexcept {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<std::chrono::year_month_day> make_date(int year, int month, int day) noexcept {
  if (year < 1 || month < 1 || day < 1) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return date;
}

bool is_time_of_day(std::string_view text) noexcept {
  if (text.size() != 9 || text[2] != ':' || text[5] != ':' || text[8] != 'Z') return false;
  const int hour = digits(text.substr(0, 2));
  const int minute = digits(text.substr(3, 2));
  const int second = digits(text.substr(6, 2));
  return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
}

}  // namespace

std::optional<std::chrono::year_month_day> parse_iso_date(std::string_view text) noexcept {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  return make_date(digits(text.substr(0, 4)), digits(text.substr(5, 2)), digits(text.substr(8, 2)));
}

std::optional<std::chrono::year_month_day> parse_compact_date(std::string_view text) noexcept {
  if (text.size() != 8) return std::nullopt;
  return make_date(digits(text.substr(0, 4)), digits(text.substr(4, 2)), digits(text.substr(6, 2)));
}

std::optional<std::chrono::year_month_day> parse_instant_date(std::string_view text) noexcept {
  if (text.size() > 10 && (text[10] != 'T' || !is_time_of_day(text.substr(11)))) return std::nullopt;
  return parse_iso_date(text.substr(0, 10));
}

std::string to_iso_date(std::chrono::year_month_day date) {
  const int year = static_cast<int>(date.year());
  HASTEN_EXPECTS(date.ok() && year >= 1 && year <= 9999, "a date to write lies in the years 1 to 9999");
  std::string text = "0000-00-00";
  const auto write = [&text](std::size_t last, unsigned value) {
    for (; value != 0; value /= 10) text[last--] = static_cast<char>('0' + value % 10);
  };
  write(3, static_cast<unsigned>(year));
  write(6, static_cast<unsigned>(date.month()));
  write(9, static_cast<unsigned>(date.day()));
  return text;
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hasten::detail {

using sql_microseconds = std::chrono::sys_time<std::chrono::microseconds>;

/// Reads the digits at the start of `text` and takes them off it. Returns: -1 if there are not exactly `count`.
[[nodiscard]] inline int take_digits(std::string_view& text, std::size_t count) noexcept {
  int number = 0;
  if (text.size() < count) return -1;
  for (const char each : text.substr(0, count)) {
    if (each < '0' || each > '9') return -1;
    number = number * 10 + (each - '0');
  }
  text.remove_prefix(count);
  return number;
}

[[nodiscard]] inline bool take_sign(std::string_view& text, std::string_view signs) noexcept {
  if (text.empty() || signs.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

[[nodiscard]] inline std::optional<std::chrono::sys_days> take_date(std::string_view& text) noexcept {
  const int year = take_digits(text, 4);
  if (year < 0 || !take_sign(text, "-")) return std::nullopt;
  const int month = take_digits(text, 2);
  if (month < 0 || !take_sign(text, "-")) return std::nullopt;
  const int day = take_digits(text, 2);
  if (day < 0) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

/// Returns: the date `2024-05-06`; nothing for any other text.
[[nodiscard]] inline std::optional<std::chrono::sys_days> parse_date(std::string_view text) noexcept {
  const auto date = take_date(text);
  return text.empty() ? date : std::nullopt;
}

// `Z`, `+02`, `+0200` or `+02:00`; nothing stands for UTC too.
[[nodiscard]] inline std::optional<std::chrono::minutes> take_zone(std::string_view& text) noexcept {
  if (text.empty() || take_sign(text, "Zz")) return std::chrono::minutes(0);
  const bool west = text[0] == '-';
  if (!take_sign(text, "+-")) return std::nullopt;
  const int hours = take_digits(text, 2);
  if (hours < 0 || hours > 23) return std::nullopt;
  int minutes = 0;
  if (!text.empty()) {
    static_cast<void>(take_sign(text, ":"));
    minutes = take_digits(text, 2);
    if (minutes < 0 || minutes > 59) return std::nullopt;
  }
  const std::chrono::minutes offset(hours * 60 + minutes);
  return west ? -offset : offset;
}

/// Returns: the instant of `2024-05-06T07:08:09.123456Z`, also with a blank for the T, without seconds, with up to nine
/// decimals (rounded down), with another zone, or without one for UTC; nothing for any other text.
[[nodiscard]] inline std::optional<sql_microseconds> parse_instant(std::string_view text) noexcept {
  const auto date = take_date(text);
  if (!date.has_value() || !take_sign(text, "T ")) return std::nullopt;
  const int hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take_sign(text, ":")) return std::nullopt;
  const int minute = take_digits(text, 2);
  if (minute < 0 || minute > 59) return std::nullopt;
  int second = 0;
  std::int64_t micros = 0;
  if (take_sign(text, ":")) {
    second = take_digits(text, 2);
    if (second < 0 || second > 59) return std::nullopt;
    if (take_sign(text, ".")) {
      std::size_t digits = 0;
      for (int digit = take_digits(text, 1); digit >= 0; digit = take_digits(text, 1), ++digits)
        if (digits < 6) micros = micros * 10 + digit;
      if (digits < 1 || digits > 9) return std::nullopt;
      for (; digits < 6; ++digits) micros *= 10;
    }
  }
  const auto zone = take_zone(text);
  if (!zone.has_value() || !text.empty()) return std::nullopt;
  return sql_microseconds(*date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + std::chrono::microseconds(micros) - *zone;
}

/// A text made in place, of the form that is stored in SQLite and sorts like what it stands for. Empty for a year outside
/// 0..9999, which that form cannot tell.
class time_text {
 public:
  explicit time_text(std::chrono::sys_days day) noexcept { put(day); }
  explicit time_text(sql_microseconds instant) noexcept {
    const auto day = std::chrono::floor<std::chrono::days>(instant);
    put(day);
    if (size_ == 0) return;
    const std::chrono::hh_mm_ss clock(instant - day);
    text_[size_++] = 'T';
    number(static_cast<int>(clock.hours().count()), 2);
    text_[size_++] = ':';
    number(static_cast<int>(clock.minutes().count()), 2);
    text_[size_++] = ':';
    number(static_cast<int>(clock.seconds().count()), 2);
    text_[size_++] = '.';
    number(static_cast<int>(clock.subseconds().count()), 6);
    text_[size_++] = 'Z';
  }

  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

 private:
  void put(std::chrono::sys_days day) noexcept {
    const std::chrono::year_month_day date(day);
    const int year = static_cast<int>(date.year());
    if (year < 0 || year > 9999) return;
    number(year, 4);
    text_[size_++] = '-';
    number(static_cast<int>(static_cast<unsigned>(date.month())), 2);
    text_[size_++] = '-';
    number(static_cast<int>(static_cast<unsigned>(date.day())), 2);
  }
  void number(int value, std::size_t digits) noexcept {
    for (std::size_t at = size_ + digits; at-- > size_; value /= 10)
      text_[at] = static_cast<char>('0' + value % 10);
    size_ += digits;
  }

  std::array<char, 32> text_{};
  std::size_t size_ = 0;
};

}  // namespace hasten::detail

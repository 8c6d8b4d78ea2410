// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <array>
#include <bitset>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hasten {

/// When something recurs, in the five fields of cron, in UTC: minute, hour, day of month, month, day of week.
///
/// A field is `*`, a number, a range `9-17`, a list `1,15`, and any of these with a step `*/5`; a number with a step
/// (`10/15`) goes on to the end of the field. Months and days of the week may be named by three letters; Sunday is 0 and 7. If
/// both the day of the month and the day of the week are restricted, either will do, as everywhere. `@hourly`, `@daily`,
/// `@weekly`, `@monthly` and `@yearly` are short for what they say.
///
/// It computes and does nothing; a job_runner acts on it. The wrong tool for local time: a day has no 25th hour in UTC.
/// Thread safety: immutable.
///
///     const hasten::schedule nightly("30 3 * * mon-fri");
///     const auto when = nightly.next(clock.now());
class schedule {
 public:
  /// Throws: std::invalid_argument saying what is wrong and at which character, counted from 1; also for days that never
  /// come, such as the 30th of February.
  explicit schedule(std::string_view expression) : text_(expression) {
    const std::string_view whole = expression;
    if (whole.starts_with('@')) expression = spelled_out(expression);
    std::size_t at = 0;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      while (at < expression.size() && is_blank(expression[at])) ++at;
      if (at == expression.size())
        refuse(whole.size(), "there must be five fields, got " + std::to_string(i));
      const std::size_t begin = at;
      while (at < expression.size() && !is_blank(expression[at])) ++at;
      parser{expression, begin, at, fields[i]}.read(allowed_[i]);
      is_any_[i] = expression[begin] == '*';
    }
    while (at < expression.size() && is_blank(expression[at])) ++at;
    if (at != expression.size()) refuse(at, "there is more after the fifth field");
    if (allowed_[day_of_week][7]) allowed_[day_of_week].set(0);
    if (!next(wall_time{})) refuse(0, "such a day never comes");
  }

  /// Returns: the first time after `after`; nothing if it were more than eight years ahead.
  [[nodiscard]] std::optional<wall_time> next(wall_time after) const {
    using namespace std::chrono;
    const auto first = floor<minutes>(after) + minutes(1);
    auto day = floor<days>(first);
    const auto last_day = day + days(8 * 366 + 1);
    for (auto from = first - sys_time<minutes>(day); day <= last_day; day += days(1), from = minutes(0)) {
      const year_month_day date(day);
      if (!allowed_[month_of_year][static_cast<unsigned>(date.month())]) {
        day = sys_days(date.year() / date.month() / last);  // on to the next month
        continue;
      }
      if (!is_day(date, weekday(day))) continue;
      for (minutes at = from; at < hours(24); at += minutes(1)) {
        const auto hour = static_cast<std::size_t>(at / hours(1));
        if (!allowed_[hour_of_day][hour]) {
          at = hours(hour) + minutes(59);
          continue;
        }
        if (allowed_[minute][static_cast<std::size_t>(at.count() % 60)])
          return wall_time(duration_cast<wall_time::duration>((day + at).time_since_epoch()));
      }
    }
    return std::nullopt;
  }

  /// Returns: the expression as it was given.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  enum field_index : std::size_t { minute, hour_of_day, day_of_month, month_of_year, day_of_week };
  using values = std::bitset<64>;

  struct field {
    const char* name;
    unsigned least;
    unsigned most;
    std::string_view names;  // of three letters each, from `first_named` on
    unsigned first_named;
  };
  static constexpr std::array<field, 5> fields{{{"minute", 0, 59, "", 0},
                                                {"hour", 0, 23, "", 0},
                                                {"day of month", 1, 31, "", 0},
                                                {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1},
                                                {"day of week", 0, 7, "sunmontuewedthufrisat", 0}}};

  [[noreturn]] static void refuse(std::size_t at, const std::string& what) {
    throw std::invalid_argument("schedule: character " + std::to_string(at + 1) + ": " + what);
  }
  static bool is_blank(char each) { return each == ' ' || each == '\t'; }

  static std::string_view spelled_out(std::string_view word) {
    constexpr std::array<std::array<std::string_view, 2>, 5> words{{{"@hourly", "0 * * * *"},
                                                                    {"@daily", "0 0 * * *"},
                                                                    {"@weekly", "0 0 * * 0"},
                                                                    {"@monthly", "0 0 1 * *"},
                                                                    {"@yearly", "0 0 1 1 *"}}};
    for (const auto& each : words)
      if (each[0] == word) return each[1];
    refuse(0, "must be @hourly, @daily, @weekly, @monthly or @yearly, or five fields");
  }

  // Reads one field, from `at` to `end` of the text.
  struct parser {
    std::string_view text;
    std::size_t at;
    std::size_t end;
    const field& what;

    void read(values& out) {
      read_item(out);
      while (at != end) {
        if (text[at] != ',') fail("expected ',', '-' or '/'");
        ++at;
        read_item(out);
      }
    }

    void read_item(values& out) {
      unsigned low = what.least;
      unsigned high = what.most;
      const bool is_star = at != end && text[at] == '*';
      bool is_single = false;
      if (is_star) {
        ++at;
        if (what.most == 7) high = 6;  // 7 is another name of Sunday, not an eighth day for steps
      } else {
        low = read_value();
        is_single = at == end || text[at] != '-';
        if (!is_single) {
          const std::size_t begin = ++at;
          high = read_value();
          if (high < low) refuse(begin, "the range ends before it begins");
        } else if (what.most == 7 && low != 7) {
          high = 6;
        }
      }
      unsigned step = 1;
      if (at != end && text[at] == '/') {
        const std::size_t begin = ++at;
        step = read_number();
        if (step == 0 || step > what.most) refuse(begin, "the step must be 1.." + std::to_string(what.most));
      } else if (is_single) {
        high = low;
      }
      for (unsigned value = low; value <= high; value += step) out.set(value);
    }

    unsigned read_value() {
      const std::size_t begin = at;
      unsigned value = 0;
      if (at != end && text[at] >= '0' && text[at] <= '9') {
        value = read_number();
      } else {
        value = read_name();
      }
      if (value < what.least || value > what.most)
        refuse(begin, std::string(what.name) + " must be " + std::to_string(what.least) + ".." +
                          std::to_string(what.most));
      return value;
    }

    unsigned read_number() {
      unsigned value = 0;
      const auto [rest, failure] = std::from_chars(text.data() + at, text.data() + end, value);
      if (failure != std::errc()) fail("expected a number");
      at = static_cast<std::size_t>(rest - text.data());
      return value;
    }

    unsigned read_name() {
      std::array<char, 3> word{};
      for (std::size_t i = 0; i < word.size(); ++i) {
        const char each = at + i < end ? text[at + i] : '\0';
        word[i] = each >= 'A' && each <= 'Z' ? static_cast<char>(each - 'A' + 'a') : each;
      }
      for (std::size_t i = 0; i < what.names.size(); i += 3)
        if (what.names.substr(i, 3) == std::string_view(word.data(), word.size())) {
          at += 3;
          return what.first_named + static_cast<unsigned>(i / 3);
        }
      fail(what.names.empty() ? "expected a number or '*'"
                              : "expected a number, a name of three letters or '*'");
    }

    [[noreturn]] void fail(const char* why) const { refuse(at, std::string(what.name) + ": " + why); }
  };

  [[nodiscard]] bool is_day(const std::chrono::year_month_day& date, std::chrono::weekday day) const {
    const bool in_month = allowed_[day_of_month][static_cast<unsigned>(date.day())];
    const bool in_week = allowed_[day_of_week][day.c_encoding()];
    if (is_any_[day_of_month] || is_any_[day_of_week]) return in_month && in_week;
    return in_month || in_week;
  }

  std::string text_;
  std::array<values, 5> allowed_{};
  std::array<bool, 5> is_any_{};  // began with '*'
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/schedule.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <bitset>
#include <chrono>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using hasten::schedule;
using hasten::wall_time;
using namespace std::chrono_literals;
using std::chrono::sys_days;

namespace {

wall_time at(int year, unsigned month, unsigned day, int hour = 0, int minute = 0, int second = 0) {
  return sys_days(std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day)) +
         std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

wall_time next(const std::string& expression, wall_time after) {
  return schedule(expression).next(after).value();
}

void refused(const std::string& expression, const std::string& sentence) {
  CHECK_THROWS_MATCHES(schedule(expression), std::invalid_argument,
                       Catch::Matchers::Message("schedule: " + sentence));
}

}  // namespace

TEST_CASE("the next time is always later, by whole minutes") {
  CHECK(next("* * * * *", at(2024, 6, 1, 12, 0, 0)) == at(2024, 6, 1, 12, 1));
  CHECK(next("* * * * *", at(2024, 6, 1, 12, 0, 59)) == at(2024, 6, 1, 12, 1));
  CHECK(next("* * * * *", at(2024, 12, 31, 23, 59, 1)) == at(2025, 1, 1));
}

TEST_CASE("numbers, ranges, lists and steps are understood") {
  CHECK(next("30 3 * * *", at(2024, 6, 1, 3, 30)) == at(2024, 6, 2, 3, 30));
  CHECK(next("0,15,45 * * * *", at(2024, 6, 1, 12, 15)) == at(2024, 6, 1, 12, 45));
  CHECK(next("*/20 9-17 * * *", at(2024, 6, 1, 17, 40)) == at(2024, 6, 2, 9, 0));
  CHECK(next("10-30/10 * * * *", at(2024, 6, 1, 12, 30)) == at(2024, 6, 1, 13, 10));
  CHECK(next("50/5 * * * *", at(2024, 6, 1, 12, 51)) == at(2024, 6, 1, 12, 55));
  CHECK(next("0 0 1 */3 *", at(2024, 6, 1)) == at(2024, 7, 1));
}

TEST_CASE("months and days of the week have names, in either case") {
  CHECK(next("0 0 1 jan *", at(2024, 6, 1)) == at(2025, 1, 1));
  CHECK(next("0 0 * * MON-fri", at(2024, 5, 31)) == at(2024, 6, 3));  // a Friday: on to Monday
  CHECK(next("0 0 * feb,Mar sun", at(2024, 6, 1)) == at(2025, 2, 2));
}

TEST_CASE("Sunday is 0 and 7") {
  for (const char* sunday : {"0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "0 0 * * 6-7/7"})
    CHECK(next(sunday, at(2024, 6, 3)) ==
          (std::string(sunday).back() == '7' && sunday[8] == '6' ? at(2024, 6, 8) : at(2024, 6, 9)));
  CHECK(next("0 0 * * 5-7", at(2024, 6, 8)) == at(2024, 6, 9));
}

TEST_CASE("with both kinds of day restricted, either will do; with one, it alone counts") {
  CHECK(next("0 0 13 * fri", at(2024, 6, 8)) == at(2024, 6, 13));
  CHECK(next("0 0 13 * fri", at(2024, 6, 13)) == at(2024, 6, 14));
  CHECK(next("0 0 13 * *", at(2024, 6, 13)) == at(2024, 7, 13));
  CHECK(next("0 0 * * fri", at(2024, 6, 8)) == at(2024, 6, 14));
}

TEST_CASE("days that not every month or year has are waited for") {
  CHECK(next("0 0 31 * *", at(2024, 6, 1)) == at(2024, 7, 31));
  CHECK(next("0 0 29 2 *", at(2024, 3, 1)) == at(2028, 2, 29));
  CHECK(next("0 0 29 2 *", at(2096, 3, 1)) == at(2104, 2, 29));  // 2100 is no leap year
}

TEST_CASE("the short words mean what they say") {
  const wall_time some = at(2024, 6, 5, 12, 30);  // a Wednesday
  CHECK(next("@hourly", some) == at(2024, 6, 5, 13));
  CHECK(next("@daily", some) == at(2024, 6, 6));
  CHECK(next("@weekly", some) == at(2024, 6, 9));
  CHECK(next("@monthly", some) == at(2024, 7, 1));
  CHECK(next("@yearly", some) == at(2025, 1, 1));
}

TEST_CASE("what is no schedule is refused with the place and the reason") {
  refused("", "character 1: there must be five fields, got 0");
  refused("* * * *", "character 8: there must be five fields, got 4");
  refused("* * * * * *", "character 11: there is more after the fifth field");
  refused("60 * * * *", "character 1: minute must be 0..59");
  refused("* 24 * * *", "character 3: hour must be 0..23");
  refused("* * 0 * *", "character 5: day of month must be 1..31");
  refused("* * * 13 *", "character 7: month must be 1..12");
  refused("* * * * 8", "character 9: day of week must be 0..7");
  refused("30-10 * * * *", "character 4: the range ends before it begins");
  refused("*/0 * * * *", "character 3: the step must be 1..59");
  refused("*/60 * * * *", "character 3: the step must be 1..59");
  refused("1, * * * *", "character 3: minute: expected a number or '*'");
  refused("x * * * *", "character 1: minute: expected a number or '*'");
  refused("* * * juni *", "character 10: month: expected ',', '-' or '/'");
  refused("* * * jux *", "character 7: month: expected a number, a name of three letters or '*'");
  refused("*/ * * * *", "character 3: minute: expected a number");
  refused("99999999999 * * * *", "character 1: minute: expected a number");
  refused("@sometimes", "character 1: must be @hourly, @daily, @weekly, @monthly or @yearly, or five fields");
  refused("0 0 30 2 *", "character 1: such a day never comes");
}

TEST_CASE("the next time is what looking at every minute finds") {
  std::mt19937 random(7);
  const auto pick = [&](unsigned low, unsigned high) {
    return low + static_cast<unsigned>(random() % (high - low + 1));
  };
  for (int round = 0; round < 200; ++round) {
    const unsigned minute = pick(0, 59);
    const unsigned hour = pick(0, 23);
    const unsigned weekday = pick(0, 6);
    const unsigned step = pick(1, 12);
    const schedule when(std::to_string(minute) + " " + std::to_string(hour) + "/" + std::to_string(step) +
                        " * * " + std::to_string(weekday));
    const wall_time after = at(2024, 1, 1) + std::chrono::minutes(random() % (60 * 24 * 400));
    wall_time seen = std::chrono::floor<std::chrono::minutes>(after) + 1min;
    for (;; seen += 1min) {
      const auto day = std::chrono::floor<std::chrono::days>(seen);
      const auto of_day = seen - day;
      const auto h = static_cast<unsigned>(of_day / 1h);
      const auto m = static_cast<unsigned>(of_day / 1min) % 60;
      if (m == minute && h >= hour && (h - hour) % step == 0 &&
          std::chrono::weekday(day).c_encoding() == weekday)
        break;
    }
    REQUIRE(when.next(after) == seen);
  }
}

TEST_CASE("whatever the text, it is a schedule or a refusal") {
  std::mt19937 random(11);
  constexpr std::string_view letters = "0123456789*/,- ---***  janfrimon@";
  for (int round = 0; round < 5000; ++round) {
    std::string text = round % 2 == 0 ? "" : "* * ";
    for (std::size_t i = random() % 16; i-- > 0;) text += letters[random() % letters.size()];
    try {
      const schedule when(text);
      REQUIRE(when.next(at(2024, 6, 1)) > at(2024, 6, 1));
    } catch (const std::invalid_argument&) {
      SUCCEED();
    }
  }
}

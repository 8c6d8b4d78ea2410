// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/row_mapping.hpp>

#include <hasten/soci/monitored_session.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace {

enum class colour { red, green };

struct foreign {
  int number = 0;
};

struct unmapped {
  int number = 0;
};

}  // namespace

template <>
struct hasten::sql_codec<colour> {
  using stored = std::string;
  static colour from_sql(const std::string& text) {
    if (text == "red") return colour::red;
    if (text == "green") return colour::green;
    throw std::invalid_argument("no such colour: " + text);
  }
  static std::string to_sql(colour value) { return value == colour::red ? "red" : "green"; }
};

template <>
struct hasten::row_fields<foreign> {
  static constexpr auto value = hasten::field_list(&foreign::number);
};

namespace {

struct fixture {
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, "db=:memory:"), monitor};

  template <class T>
  T read(const std::string& expression) {
    return db.one<T>({"read", "SELECT " + expression});
  }

  template <class T>
  std::string refusal(const std::string& expression) {
    try {
      (void)read<T>(expression);
    } catch (const hasten::query_error& failure) {
      CHECK(failure.kind() == hasten::query_error_kind::bad_row);
      return failure.what();
    }
    return "";
  }
};

}  // namespace

static_assert(hasten::mapped_row<std::tuple<int, std::optional<std::string>>>);
static_assert(hasten::mapped_row<foreign>);
static_assert(!hasten::mapped_row<unmapped>);
static_assert(!hasten::mapped_row<char>);
static_assert(!hasten::mapped_row<std::tuple<unmapped>>);
static_assert(hasten::mapped_row<std::string_view> && !hasten::owning_row<std::string_view>);
static_assert(!hasten::owning_row<std::tuple<int, std::optional<std::string_view>>>);
static_assert(hasten::owning_row<std::optional<colour>>);

TEST_CASE_METHOD(fixture, "a 64-bit integer is read whole and a smaller type checks its range") {
  CHECK(read<std::int64_t>("9007199254740993") == 9007199254740993);
  CHECK(read<std::int64_t>("-9223372036854775808") == std::numeric_limits<std::int64_t>::min());
  CHECK(read<std::int8_t>("127") == 127);
  CHECK(refusal<std::int8_t>("128 AS age").find("column 1 (age) is not within the range") !=
        std::string::npos);
  CHECK(refusal<int>("2147483648") != "");
  CHECK(refusal<std::uint32_t>("-1") != "");
}

TEST_CASE_METHOD(fixture, "NULL is an error except for an optional") {
  CHECK(refusal<std::int64_t>("NULL") != "");
  CHECK(refusal<double>("NULL") != "");
  CHECK(refusal<std::string>("NULL") != "");
  CHECK(refusal<bool>("NULL") != "");
  CHECK(refusal<std::vector<std::byte>>("NULL") != "");
  CHECK(read<std::optional<std::string>>("NULL") == std::nullopt);
  CHECK(read<std::optional<std::string>>("'x'") == "x");
}

TEST_CASE_METHOD(fixture, "a value of another type is an error that does not quote it") {
  const std::string message = refusal<std::int64_t>("'123-45-6789' AS number");
  CHECK(message.find("column 1 (number) is not an integer") != std::string::npos);
  CHECK(message.find("123-45") == std::string::npos);
  CHECK(refusal<std::int64_t>("1.5") != "");
  CHECK(refusal<std::string>("x'00'") != "");
  CHECK(refusal<std::string>("5") != "");
  CHECK(refusal<std::vector<std::byte>>("'text'") != "");
  CHECK(refusal<bool>("2") != "");
  CHECK(refusal<double>("'1.5'") != "");
}

TEST_CASE_METHOD(fixture, "aggregates without a declared type keep their own") {
  CHECK(read<std::int64_t>("count(*)") == 1);
  CHECK(read<std::int64_t>("1+1") == 2);
  CHECK(read<double>("avg(3)") == 3.0);
  CHECK(read<double>("7") == 7.0);
}

TEST_CASE_METHOD(fixture, "texts and blobs keep embedded zeros and may be empty") {
  CHECK(read<std::string>("CAST(x'610062' AS TEXT)") == std::string("a\0b", 3));
  CHECK(read<std::string>("''").empty());
  CHECK(read<std::vector<std::byte>>("x''").empty());
  CHECK(read<std::vector<std::byte>>("x'00ff'") == std::vector<std::byte>{std::byte{0}, std::byte{255}});
}

TEST_CASE_METHOD(fixture, "a type of one's own goes through its codec both ways") {
  CHECK(read<colour>("'green'") == colour::green);
  CHECK(read<std::optional<colour>>("NULL") == std::nullopt);
  const std::string message = refusal<colour>("'ultraviolet'");
  CHECK(message != "");
  CHECK(message.find("ultraviolet") == std::string::npos);
  CHECK(db.one<std::string>({"echo", "SELECT ?1"}, colour::red) == "red");
}

TEST_CASE_METHOD(fixture, "the number of columns must fit the row type") {
  CHECK(refusal<foreign>("1, 2").find("the statement has 2 columns, the row type 1") != std::string::npos);
  CHECK(read<foreign>("7").number == 7);
  using two = std::tuple<int, int>;
  CHECK(refusal<two>("1") != "");
}

TEST_CASE_METHOD(fixture, "an optional that is read again forgets what it held") {
  std::vector<std::optional<std::string>> seen;
  db.each<std::optional<std::string>>(
      {"values", "SELECT * FROM (VALUES('a'), (NULL), ('b'))"},
      [&](const std::optional<std::string>& value) { seen.push_back(value); });
  CHECK(seen == std::vector<std::optional<std::string>>{"a", std::nullopt, "b"});
}

TEST_CASE("dates and instants are stored as texts that sort, and read back") {
  using namespace std::chrono;
  fixture at;
  constexpr hasten::statement echo{"echo", "SELECT ?1"};
  const sys_days day = 2024y / May / 6;
  CHECK(at.db.one<std::string>(echo, day) == "2024-05-06");
  CHECK(at.db.one<sys_days>(echo, day) == day);
  CHECK(at.db.one<year_month_day>(echo, year_month_day(day)) == year_month_day(day));
  const auto instant = day + 7h + 8min + 9s + 120ms;
  CHECK(at.db.one<std::string>(echo, instant) == "2024-05-06T07:08:09.120000Z");
  CHECK(at.db.one<decltype(instant + 0ms)>(echo, instant) == instant);
  CHECK(at.db.one<sys_time<hours>>(echo, instant) == day + 7h);  // rounded down
  CHECK(at.db.one<std::optional<sys_days>>(echo, nullptr) == std::nullopt);
  CHECK(at.db.one<std::string>(echo, sys_seconds(-1s)) == "1969-12-31T23:59:59.000000Z");
}

TEST_CASE("an instant is read in whichever form of ISO 8601 it was written, and nothing else is") {
  using namespace std::chrono;
  fixture at;
  const sys_seconds expected = sys_days(2024y / May / 6) + 7h + 8min + 9s;
  for (const char* text : {"'2024-05-06T07:08:09Z'", "'2024-05-06 07:08:09'", "'2024-05-06T09:08:09+02:00'",
                           "'2024-05-06 02:08:09-0500'", "'2024-05-06T07:08:09.000000001Z'"})
    CHECK(at.read<sys_seconds>(text) == expected);
  CHECK(at.read<sys_seconds>("'2024-05-06 07:08'") == expected - 9s);
  for (const char* text : {"''", "'2024-05-06'", "'2024-02-30T07:08:09Z'", "'2024-05-06T24:00:00Z'",
                           "'2024-05-06T07:08:09.Z'", "'2024-05-06T07:08:09Zx'", "'2024-05-06T07:60:09Z'"})
    CHECK(at.refusal<sys_seconds>(text).ends_with("is not an instant: a column does not fit its type"));
  CHECK(at.refusal<sys_days>("'2024-5-6'").ends_with("is not a date: a column does not fit its type"));
  CHECK(at.refusal<sys_days>("20240506") != "");
}

TEST_CASE("an instant in a year that its text cannot tell is refused") {
  using namespace std::chrono;
  fixture at;
  CHECK_THROWS_AS(at.db.one<std::string>({"echo", "SELECT ?1"}, sys_days(10'000y / January / 1)),
                  hasten::query_error);
}

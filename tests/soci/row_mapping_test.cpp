// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/row_mapping.hpp>

#include <hasten/soci/monitored_session.hpp>

#include <catch2/catch_test_macros.hpp>

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

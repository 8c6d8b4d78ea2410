// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/codec.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using hasten::decode;
using hasten::encode;

namespace {

enum class colour : unsigned char { red, green };

struct parcel {
  std::int64_t id = 0;
  std::string to;
  std::optional<double> kilograms;
  std::vector<colour> stickers;
  static constexpr auto fields =
      std::make_tuple(&parcel::id, &parcel::to, &parcel::kilograms, &parcel::stickers);
  friend bool operator==(const parcel&, const parcel&) = default;
};

// What parcel was before it had a colour: `grown` still reads it.
struct shrub {
  int height = 0;
  static constexpr auto fields = std::make_tuple(&shrub::height);
};
struct grown {
  int height = 0;
  std::string name;
};

template <class T>
bool comes_back(const T& value) {
  return decode<T>(encode(value)) == value;
}

bool is_refused(const auto& attempt) {
  try {
    attempt();
  } catch (const hasten::error& failure) {
    return failure.code() == hasten::errc::bad_format;
  }
  return false;
}

}  // namespace

template <>
struct hasten::codec<grown> {
  static constexpr std::uint64_t version = 2;
  static void write(byte_writer& out, const grown& value) {
    codec<int>::write(out, value.height);
    codec<std::string>::write(out, value.name);
  }
  static grown read(byte_reader& in) { return {codec<int>::read(in), codec<std::string>::read(in)}; }
  static grown read(byte_reader& in, std::uint64_t) { return {codec<int>::read(in), "nameless"}; }
};

TEMPLATE_TEST_CASE("every integer comes back, at its limits too", "", std::int8_t, std::uint8_t, std::int16_t,
                   std::uint16_t, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t) {
  using limits = std::numeric_limits<TestType>;
  for (const TestType value : {limits::min(), TestType{0}, TestType{1}, TestType{127}, limits::max()})
    CHECK(comes_back(value));
}

TEST_CASE("what programs put into a payload comes back") {
  using namespace std::chrono_literals;
  CHECK(comes_back(true));
  CHECK(comes_back(std::string("Z\xC3\xBCrich\0!", 9)));
  CHECK(comes_back(-0.0));
  CHECK(comes_back(std::numeric_limits<double>::infinity()));
  CHECK(std::isnan(decode<double>(encode(std::nan("")))));
  CHECK(comes_back(colour::green));
  CHECK(comes_back(std::optional<int>()));
  CHECK(comes_back(std::vector<std::string>{"", "a", "bc"}));
  CHECK(comes_back(std::vector<bool>{true, false}));
  CHECK(comes_back(std::vector<std::byte>{std::byte{0}, std::byte{255}}));
  CHECK(comes_back(std::tuple(1, std::string("two"), 3.0)));
  CHECK(comes_back(std::pair(std::string("k"), 7U)));
  CHECK(comes_back(-90s));
  CHECK(comes_back(std::chrono::sys_days(std::chrono::year(2024) / 2 / 29)));
  CHECK(comes_back(parcel{7, "Ada", 1.5, {colour::green, colour::red}}));
}

TEST_CASE("small numbers are short, negative ones too") {
  CHECK(encode(std::int64_t{-3}).size() == 2);
  CHECK(encode(std::uint64_t{300}).size() == 3);
}

TEST_CASE("a codec that knows an older version reads it; one that does not refuses it") {
  const grown found = decode<grown>(encode(shrub{12}));
  CHECK(found.height == 12);
  CHECK(found.name == "nameless");
  CHECK(decode<grown>(encode(grown{3, "box"})).name == "box");
  CHECK(is_refused([] { static_cast<void>(decode<shrub>(encode(grown{3, "box"}))); }));
}

TEST_CASE("bytes that are not the type's are refused") {
  CHECK(is_refused([] { static_cast<void>(decode<int>({})); }));
  CHECK(is_refused([] { static_cast<void>(decode<bool>(encode(2U))); }));
  CHECK(is_refused([] { static_cast<void>(decode<std::int8_t>(encode(std::int64_t{128}))); }));
  CHECK(is_refused([] { static_cast<void>(decode<std::uint8_t>(encode(256U))); }));
  CHECK(is_refused([] { static_cast<void>(decode<int>(encode(std::pair(1, 2)))); }));
  CHECK(is_refused([] { static_cast<void>(decode<std::string>(encode(5U))); }));
}

TEST_CASE("a list that claims to be endless is refused before it is made") {
  CHECK(is_refused([] { static_cast<void>(decode<std::vector<parcel>>(encode(~std::uint64_t{0}))); }));
}

TEST_CASE("a number of more than 64 bits is refused") {
  std::vector<std::byte> data(11, std::byte{0xff});
  data.front() = std::byte{1};  // the version
  CHECK(is_refused([&] { static_cast<void>(decode<std::uint64_t>(data)); }));
}

TEST_CASE("whatever the bytes, reading ends in a value or a refusal") {
  std::mt19937 random(20240229);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> data(random() % 24);
    for (std::byte& each : data) each = static_cast<std::byte>(random() % 8 == 0 ? random() : random() % 4);
    try {
      static_cast<void>(decode<parcel>(data));
    } catch (const hasten::error& failure) {
      REQUIRE(failure.code() == hasten::errc::bad_format);
    }
  }
}

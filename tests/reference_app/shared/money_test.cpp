// SPDX-License-Identifier: BSL-1.0
#include "shared/money.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <limits>

using claims_app::add_cents;
using claims_app::cents_from_decimal;
using claims_app::decimal_from_cents;

TEST_CASE("a decimal amount becomes exact cents") {
  CHECK(cents_from_decimal("0") == 0);
  CHECK(cents_from_decimal("0.00") == 0);
  CHECK(cents_from_decimal("-0.00") == 0);
  CHECK(cents_from_decimal("1068") == 106'800);
  CHECK(cents_from_decimal("26000.00") == 2'600'000);
  CHECK(cents_from_decimal("12.5") == 1'250);
  CHECK(cents_from_decimal("-8000.01") == -800'001);
  CHECK(cents_from_decimal("0.29") == 29);  // 0.29 * 100 is 28.999… in binary
  CHECK(cents_from_decimal("4.3500") == 435);
  CHECK(cents_from_decimal("92233720368547758.07") == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("anything but a plain decimal is refused") {
  for (const char* text : {"", "-", ".", "-.", ".5", "5.", "1.005", "1,000.00", "1e3", "+5", " 5", "5 ", "5$",
                           "0x10", "1.2.3", "--5", "NaN", "1.-5"})
    CHECK_FALSE(cents_from_decimal(text));
}

TEST_CASE("an amount past 64 bits is refused, not wrapped") {
  CHECK_FALSE(cents_from_decimal("92233720368547758.08"));
  CHECK_FALSE(cents_from_decimal("922337203685477581"));
  CHECK_FALSE(cents_from_decimal("-99999999999999999999999"));
}

TEST_CASE("cents are written with two decimals") {
  CHECK(decimal_from_cents(0) == "0.00");
  CHECK(decimal_from_cents(5) == "0.05");
  CHECK(decimal_from_cents(-1250) == "-12.50");
  CHECK(decimal_from_cents(std::numeric_limits<std::int64_t>::min()) == "-92233720368547758.08");
}

TEST_CASE("a sum past 64 bits is refused, not wrapped") {
  constexpr auto highest = std::numeric_limits<std::int64_t>::max();
  constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
  CHECK(add_cents(2, -5) == -3);
  CHECK(add_cents(highest, 0) == highest);
  CHECK_FALSE(add_cents(highest, 1));
  CHECK(add_cents(lowest, 0) == lowest);
  CHECK_FALSE(add_cents(lowest, -1));
}

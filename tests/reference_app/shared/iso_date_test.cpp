// SPDX-License-Identifier: BSL-1.0
#include "shared/iso_date.hpp"

#include <catch2/catch_test_macros.hpp>

using claims_app::parse_compact_date;
using claims_app::parse_instant_date;
using claims_app::parse_iso_date;
using claims_app::to_iso_date;
using namespace std::chrono_literals;

TEST_CASE("a date is read from each of the three shapes and written in one") {
  const auto date = 2009y / 4 / 12;
  CHECK(parse_iso_date("2009-04-12") == date);
  CHECK(parse_compact_date("20090412") == date);
  CHECK(parse_instant_date("2009-04-12T08:34:30Z") == date);
  CHECK(parse_instant_date("2009-04-12") == date);
  CHECK(to_iso_date(date) == "2009-04-12");
  CHECK(to_iso_date(7y / 1 / 2) == "0007-01-02");
  CHECK(to_iso_date(9999y / 12 / 31) == "9999-12-31");
}

TEST_CASE("a day that the calendar lacks is no date") {
  CHECK(parse_iso_date("2008-02-29"));
  CHECK_FALSE(parse_iso_date("2009-02-29"));
  CHECK_FALSE(parse_iso_date("2009-04-31"));
  CHECK_FALSE(parse_iso_date("2009-13-01"));
  CHECK_FALSE(parse_iso_date("2009-00-01"));
  CHECK_FALSE(parse_iso_date("2009-01-00"));
  CHECK_FALSE(parse_iso_date("0000-01-01"));
  CHECK_FALSE(parse_compact_date("20090230"));
}

TEST_CASE("another shape is no date") {
  for (const char* text : {"", "2009-4-12", "2009/04/12", "20090412", " 2009-04-12", "2009-04-12 ",
                           "-009-04-12", "2009-+4-12", "2009-04-1x", "2009-04-12T08:34:30Z"})
    CHECK_FALSE(parse_iso_date(text));
  for (const char* text : {"", "2009041", "200904123", "2009-4-1", "2009041x", "+2090412"})
    CHECK_FALSE(parse_compact_date(text));
  for (const char* text :
       {"", "2009-04-12T", "2009-04-12T24:00:00Z", "2009-04-12T08:60:30Z", "2009-04-12T08:34:61Z",
        "2009-04-12T08:34:30", "2009-04-12 08:34:30Z", "2009-04-12T08:34:30+00:00", "2009-02-30T08:34:30Z"})
    CHECK_FALSE(parse_instant_date(text));
}

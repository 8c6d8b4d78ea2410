// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/server_timing.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

using namespace std::chrono_literals;

TEST_CASE("a metric is its name and milliseconds to the microsecond") {
  std::string value;
  hasten::append_server_timing(value, "total", 12'400'999ns);
  CHECK(value == "total;dur=12.400");
  hasten::append_server_timing(value, "db", 7us);
  hasten::append_server_timing(value, "write", 1h);
  CHECK(value == "total;dur=12.400, db;dur=0.007, write;dur=3600000.000");
}

TEST_CASE("a negative duration is written as zero") {
  std::string value;
  hasten::append_server_timing(value, "db", -1ms);
  CHECK(value == "db;dur=0.000");
}

TEST_CASE("only a short HTTP token can name a metric") {
  STATIC_CHECK(hasten::is_server_timing_name("db"));
  STATIC_CHECK(hasten::is_server_timing_name("cache-2.miss_x"));
  CHECK(hasten::is_server_timing_name(std::string(32, 'a')));
  CHECK_FALSE(hasten::is_server_timing_name(std::string(33, 'a')));
  CHECK_FALSE(hasten::is_server_timing_name(""));
  CHECK_FALSE(hasten::is_server_timing_name("two words"));
  CHECK_FALSE(hasten::is_server_timing_name("a;b"));
  CHECK_FALSE(hasten::is_server_timing_name("a\r\nSet-Cookie"));
}

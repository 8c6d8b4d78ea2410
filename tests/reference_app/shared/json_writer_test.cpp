// SPDX-License-Identifier: BSL-1.0
#include "shared/json_writer.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <catch2/catch_test_macros.hpp>

#include <limits>
#include <string>

using claims_app::json_writer;

TEST_CASE("what is written is what Boost.JSON reads") {
  std::string every_byte;
  for (int byte = 0; byte < 128; ++byte) every_byte += static_cast<char>(byte);
  every_byte += "\xc3\xa4";
  std::string out;
  json_writer json(out);
  json.begin_object().member("text", every_byte).member("least", std::numeric_limits<std::int64_t>::min());
  json.member("yes", true)
      .member("none", std::optional<int>())
      .member("some", std::optional<std::string>("x"));
  json.member("half", 0.5)
      .key("list")
      .begin_array()
      .value(1)
      .begin_array()
      .end_array()
      .begin_object()
      .end_object();
  json.end_array().member("last", nullptr).end_object();

  const boost::json::value read = boost::json::parse(out);
  CHECK(boost::json::value_to<std::string>(read.at("text")) == every_byte);
  CHECK(read.at("least").as_int64() == std::numeric_limits<std::int64_t>::min());
  CHECK(read.at("yes").as_bool());
  CHECK(read.at("none").is_null());
  CHECK(read.at("some").as_string() == "x");
  CHECK(read.at("half").as_double() == 0.5);
  CHECK(read.at("list").as_array().size() == 3);
  CHECK(read.at("last").is_null());
}

TEST_CASE("a number that JSON lacks becomes null") {
  std::string out;
  json_writer json(out);
  json.begin_array()
      .value(std::numeric_limits<double>::infinity())
      .value(std::numeric_limits<double>::quiet_NaN());
  json.end_array();
  CHECK(out == "[null,null]");
}

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

TEST_CASE("a byte that needs an escape is found wherever it stands") {
  for (const char special : {'\0', '\x1f', '"', '\\', '\x7f'}) {
    for (std::size_t size = 1; size <= 40; ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, '\xe9');  // from 0x80 on nothing needs one
        text[at] = special;
        std::string out;
        json_writer(out).value(text);
        const std::size_t longer = special == '"' || special == '\\' ? 1 : 5;
        REQUIRE(out.size() == size + 2 + longer);
        REQUIRE(out[at + 1] == '\\');
      }
    }
  }
}

TEST_CASE("texts longer than the writer's buffer come out whole, between others") {
  const std::string name(3'000, 'n');
  const std::string plain(5'000, 'p');
  const std::string quoted(2'047, '"');
  std::string out;
  json_writer json(out);
  json.begin_object().member(name, plain).member("q", quoted).member("last", 1).end_object();

  const boost::json::value read = boost::json::parse(out);
  CHECK(read.at(name).as_string() == plain);
  CHECK(read.at("q").as_string() == quoted);
  CHECK(read.at("last").as_int64() == 1);
}

TEST_CASE("a value that is complete is in the string at once") {
  std::string out = "[";
  json_writer(out).value(7);
  CHECK(out == "[7");
  json_writer json(out);
  json.begin_array().value("x").end_array();
  CHECK(out == "[7[\"x\"]");
}

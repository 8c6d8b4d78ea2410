// SPDX-License-Identifier: BSL-1.0
#include "shared/json_fields.hpp"

#include <boost/json/value.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <string>
#include <string_view>

using claims_app::json_document;
using claims_app::problem_error;

namespace {

std::string refusal_of(std::string_view text) {
  try {
    const json_document read(text);
  } catch (const problem_error& refused) {
    CHECK(refused.info().status == 400);
    return refused.info().detail;
  }
  return "";
}

}  // namespace

TEST_CASE("a body is read as JSON, with colons and quotation marks in its texts") {
  CHECK(refusal_of(R"({"a":{"b":[1,{"c":"x:y"}]},"d":"\":\\"})").empty());
  CHECK(refusal_of(R"([{"a":1},{"a":2}])").empty());
  CHECK(refusal_of(R"({"a:b":1,"a":2})").empty());
  CHECK(refusal_of("7").empty());
}

TEST_CASE("two members of one name are refused wherever they are, and however they are written") {
  const std::string words = "An object in the body has two members of one name.";
  CHECK(refusal_of(R"({"a":1,"a":2})") == words);
  CHECK(refusal_of(R"({"x":[{"a":1,"b":0,"a":1}]})") == words);
  CHECK(refusal_of(R"({"a":1,"\u0061":2})") == words);
  CHECK(refusal_of(R"({"a":{"b":{}},"a":{"b":{}}})") == words);
}

TEST_CASE("what is no JSON is refused with the place, and never repeated") {
  CHECK(refusal_of(R"({"a":canary})").find("byte 5") != std::string::npos);
  CHECK(refusal_of(R"({"a":1} canary)").find("canary") == std::string::npos);
  CHECK(refusal_of(std::string(40, '[')).find("nested") != std::string::npos);
}

TEST_CASE("a body is bounded in depth and in number, and whoever meets a bound is told which") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(refusal_of(nested(32)).empty());
  CHECK(refusal_of(nested(33)) == "The body is nested more than 32 deep, at byte 32.");
  CHECK(refusal_of(nested(100'000)).starts_with("The body is nested"));
  CHECK(refusal_of(std::string(100'000, '[')).starts_with("The body is nested"));
  std::string deep_object;
  for (int at = 0; at < 50'000; ++at) deep_object += R"({"a":)";
  CHECK(refusal_of(deep_object).starts_with("The body is nested"));
  std::string elements = "[0";
  for (int at = 1; at < 10'000; ++at) elements += ",0";
  CHECK(refusal_of(elements + "]").empty());
  CHECK(refusal_of(elements + ",0]") == "The body has more than 10000 members and elements.");
  std::string members = "{\"m\":0";
  for (int at = 0; at < 10'000; ++at) members += ",\"" + std::to_string(at) + "\":0";
  CHECK(refusal_of(members + "}") == "The body has more than 10000 members and elements.");
}

TEST_CASE("texts that RFC 8259 does not take are refused where they stop being JSON") {
  const auto at = [](std::string_view text) {
    const std::string told = refusal_of(text);
    const std::string_view words = "The body stops being JSON at byte ";
    return told.starts_with(words) ? std::atoi(told.c_str() + words.size()) : -1;
  };
  using namespace std::string_view_literals;
  CHECK(at("") == 0);
  CHECK(at("\xef\xbb\xbf{}") == 0);  // a byte order mark
  CHECK(at("[NaN]") == 1);
  CHECK(at("[-Infinity]") >= 1);
  CHECK(at("{} {}") == 3);
  CHECK(at("[1]]") == 3);
  for (const std::string_view text : {"[1,]"sv,
                                      "[,1]"sv,
                                      "{\"a\":1,}"sv,
                                      "{a:1}"sv,
                                      "{'a':1}"sv,
                                      "[01]"sv,
                                      "[-01]"sv,
                                      "[+1]"sv,
                                      "[1.]"sv,
                                      "[.5]"sv,
                                      "[1e]"sv,
                                      "[1e+]"sv,
                                      "[0x1]"sv,
                                      "[-]"sv,
                                      "[1 2]"sv,
                                      "[\"a"sv,
                                      "[\"\\x\"]"sv,
                                      "[\"\\u12\"]"sv,
                                      "[\"\t\"]"sv,
                                      "[\"\n\"]"sv,
                                      "[\"a\0b\"]"sv,
                                      "[\"\xff\"]"sv,
                                      "[\"\xc0\xaf\"]"sv,
                                      "[\"\xe0\x80\"]"sv,
                                      "[\"\xed\xa0\x80\"]"sv,
                                      "[\"\xf4\x90\x80\x80\"]"sv,
                                      "[\"\\ud800\"]"sv,
                                      "[\"\\udc00\"]"sv,
                                      "[\"\\ud800\\u0041\"]"sv,
                                      "[tru]"sv,
                                      "[True]"sv,
                                      "nul"sv,
                                      "// x\n1"sv,
                                      "[1]/**/"sv,
                                      "\0"sv,
                                      "[\f1]"sv,
                                      "[\xc2\xa0]"sv,
                                      "{\"a\"}"sv,
                                      "{\"a\":}"sv,
                                      "{1:1}"sv,
                                      "{\"a\":1 \"b\":2}"sv,
                                      "["sv,
                                      "]"sv,
                                      "{"sv,
                                      "{[\"a\"]:1}"sv,
                                      "[1,,2]"sv,
                                      "[\"a\",\n4\n,1,"sv,
                                      "\xff\xfe[\x00]\x00"sv}) {
    INFO(text);
    CHECK(at(text) >= 0);
  }
}

TEST_CASE("texts that RFC 8259 takes are read, however odd they look") {
  using namespace std::string_view_literals;
  for (const std::string_view text :
       {" [ ] "sv, "\t\r\n{}\n"sv, "\"\\u0000\""sv, "[\"\\ud83d\\ude00\"]"sv, "[\"\xf0\x9f\x98\x80\"]"sv,
        "[\"\x7f\"]"sv, "[\"\\/\\b\\f\"]"sv, "[-0]"sv, "[1E+2]"sv, "[0e1]"sv, "[1e999]"sv, "[-1e999]"sv,
        "[1e-999]"sv, "[123456789012345678901234567890]"sv, "{\"\":0}"sv, "{\"a\":{\"a\":[{\"a\":1}]}}"sv,
        "[\"\xef\xbb\xbf\"]"sv, "false"sv, "null"sv})
    CHECK(refusal_of(text).empty());
  CHECK(refusal_of("[0.1" + std::string(10'000, '1') + "]").empty());
  CHECK(refusal_of("[1" + std::string(10'000, '0') + "]").empty());
}

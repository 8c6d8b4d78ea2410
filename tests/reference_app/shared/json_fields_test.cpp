// SPDX-License-Identifier: BSL-1.0
#include "shared/json_fields.hpp"

#include <boost/json/value.hpp>
#include <catch2/catch_test_macros.hpp>

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

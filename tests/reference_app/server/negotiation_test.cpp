// SPDX-License-Identifier: BSL-1.0
#include "server/negotiation.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace claims_app;

TEST_CASE("a type is taken by a range that covers it, and the most exact range decides") {
  constexpr std::string_view json = "application/json";
  CHECK(accepts_type("", json));
  CHECK(accepts_type("*/*", json));
  CHECK(accepts_type("application/json", json));
  CHECK(accepts_type("Application/JSON; charset=utf-8", json));
  CHECK(accepts_type("text/html, application/*;q=0.1", json));
  CHECK(accepts_type("text/html,application/xhtml+xml,*/*;q=0.8", json));
  CHECK(accepts_type("application/json;q=0.001", json));
  CHECK_FALSE(accepts_type("text/html", json));
  CHECK_FALSE(accepts_type("application/json;q=0", json));
  CHECK_FALSE(accepts_type("application/json;q=0.000, */*", json));
  CHECK_FALSE(accepts_type("application/*;q=0, */*;q=1", json));
  CHECK_FALSE(accepts_type("application/jsonx", json));
  CHECK_FALSE(accepts_type("application/problem+json", json));
}

TEST_CASE("a malformed Accept refuses nothing") {
  CHECK(accepts_type("nonsense", "application/json"));
  CHECK(accepts_type("   ", "application/json"));
}

TEST_CASE("gzip is sent to who names it, with a weight above zero") {
  CHECK(accepts_gzip("gzip"));
  CHECK(accepts_gzip("br, GZIP;q=0.5"));
  CHECK(accepts_gzip("*"));
  CHECK(accepts_gzip("identity, *;q=0.1"));
  CHECK_FALSE(accepts_gzip(""));
  CHECK_FALSE(accepts_gzip("br"));
  CHECK_FALSE(accepts_gzip("gzip;q=0"));
  CHECK_FALSE(accepts_gzip("gzip;q=0.0, *"));
  CHECK_FALSE(accepts_gzip("gzipped"));
}

TEST_CASE("a body is JSON in UTF-8 unless its type says something else") {
  CHECK(is_json_body("application/json"));
  CHECK(is_json_body("Application/Json"));
  CHECK(is_json_body("application/json; charset=UTF-8"));
  CHECK(is_json_body("application/json;charset=\"utf-8\""));
  CHECK(is_json_body("application/json; version=1"));
  CHECK_FALSE(is_json_body(""));
  CHECK_FALSE(is_json_body("application/jsonp"));
  CHECK_FALSE(is_json_body("text/json"));
  CHECK_FALSE(is_json_body("application/json; charset=iso-8859-1"));
  CHECK_FALSE(is_json_body("application/json; version=1; charset=utf-16"));
}

TEST_CASE("a change is plain JSON or a merge patch") {
  CHECK(is_patch_body("application/merge-patch+json"));
  CHECK(is_patch_body("application/json;charset=utf-8"));
  CHECK_FALSE(is_patch_body(""));
  CHECK_FALSE(is_patch_body("application/json-patch+json"));
  CHECK_FALSE(is_patch_body("application/merge-patch+json; charset=utf-16"));
}

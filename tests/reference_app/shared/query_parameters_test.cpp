// SPDX-License-Identifier: BSL-1.0
#include "shared/query_parameters.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>

using claims_app::percent_decode;
using claims_app::problem_error;
using claims_app::query_parameters;

namespace {

constexpr std::array<std::string_view, 3> known = {"status", "limit", "name"};
constexpr std::array<std::string_view, 2> statuses = {"open", "closed"};

// The parameters complained about, in order; empty if check() passes.
std::string complaints(query_parameters& query) {
  try {
    query.check();
  } catch (const problem_error& refused) {
    CHECK(refused.info().status == 400);
    std::string out;
    for (const auto& item : refused.info().items) {
      CHECK(item.reason.find("canary") == std::string::npos);
      out += item.where + ";";
    }
    return out;
  }
  return {};
}

}  // namespace

TEST_CASE("parameters are decoded and read by type") {
  query_parameters query("status=open&limit=007&name=a%20b+c", known);
  CHECK(query.one_of("status", statuses) == "open");
  CHECK(query.integer("limit", 1, 10) == 7);
  CHECK(query.text("name") == "a b c");
  CHECK(complaints(query).empty());
}

TEST_CASE("an absent parameter is nothing and no problem") {
  query_parameters query("&", known);
  CHECK_FALSE(query.text("name"));
  CHECK_FALSE(query.integer("limit", 1, 10));
  CHECK(complaints(query).empty());
}

TEST_CASE("everything wrong is told at once and nothing of it repeated") {
  query_parameters query("canary=canary&status=canary&limit=canary&name=%zzcanary&canary2=1", known);
  query.one_of("status", statuses);
  query.integer("limit", 1, 10);
  CHECK(complaints(query) == "?;name;status;limit;");
}

TEST_CASE("a repeated parameter is refused, however the name is spelt") {
  query_parameters query("limit=1&li%6dit=1", known);
  CHECK(complaints(query) == "limit;");
}

TEST_CASE("a number is whole, in range and nothing else") {
  for (const char* bad :
       {"", "0", "11", "1.5", "1e1", " 1", "1 ", "+1", "-1", "99999999999999999999", "0x1"}) {
    query_parameters query("limit=" + std::string(bad), known);
    CHECK_FALSE(query.integer("limit", 1, 10));
    if (std::string(bad) != " 1" && std::string(bad) != "1 ") CHECK(complaints(query) == "limit;");
  }
}

TEST_CASE("percent triplets are whole and hide no control") {
  CHECK(percent_decode("a%2Fb", false) == "a/b");
  CHECK(percent_decode("a+b", false) == "a+b");
  for (const char* bad : {"%", "%1", "%g1", "%00", "%0a", "%7f"}) CHECK_FALSE(percent_decode(bad, false));
}

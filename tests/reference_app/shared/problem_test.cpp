// SPDX-License-Identifier: BSL-1.0
#include "shared/problem.hpp"

#include <hasten/core/error.hpp>

#include <catch2/catch_test_macros.hpp>

#include <new>
#include <stdexcept>

using claims_app::answer;
using claims_app::bad_parameters;
using claims_app::not_found;
using claims_app::problem_error;
using claims_app::problem_of;
using claims_app::render;
using claims_app::to_answer;

TEST_CASE("a problem is told in the members of RFC 9457 and names the request by its id") {
  const answer told = to_answer(bad_parameters({{.where = "limit", .reason = "must be small"}}), "id-1");
  CHECK(told.content_type == "application/problem+json");
  CHECK(
      told.body ==
      R"({"type":"urn:hasten:problem:invalid-parameter","title":"A query parameter is not acceptable","status":400,)"
      R"("detail":"See errors for each parameter and what it must be.","requestId":"id-1",)"
      R"("errors":[{"parameter":"limit","reason":"must be small"}]})");
  CHECK(
      to_answer(not_found(), "id-2", "trace-2").body.ends_with(R"("requestId":"id-2","traceId":"trace-2"})"));
  CHECK(to_answer(not_found(), "id-2")
            .body.starts_with(R"({"type":"about:blank","title":"Not Found","status":404)"));
}

TEST_CASE("a failure is told without a word of its own text") {
  const auto told = [](auto failure) { return problem_of(std::make_exception_ptr(failure)); };
  CHECK(told(problem_error(not_found())).status == 404);
  CHECK(told(std::bad_alloc()).status == 503);
  CHECK(told(std::runtime_error("canary")).status == 500);
  CHECK(told(42).status == 500);
  CHECK(to_answer(told(std::runtime_error("canary")), "").body.find("canary") == std::string::npos);
}

TEST_CASE("being too busy is a 503 that says when to come back, a broken statement is a 500") {
  using hasten::errc;
  for (const errc code : {errc::timeout, errc::overloaded, errc::busy, errc::closed, errc::database_down}) {
    const auto told = problem_of(std::make_exception_ptr(hasten::error(code, "working")));
    CHECK(told.status == 503);
    REQUIRE(told.headers.size() == 1);
    CHECK(told.headers[0].name == "Retry-After");
  }
  CHECK(problem_of(std::make_exception_ptr(hasten::error(errc::bad_row, "reading"))).status == 500);
}

TEST_CASE("an answer in wire form says its type and its length and that nobody keeps it") {
  const auto wire = render({.status = 201, .body = "{}", .headers = {{.name = "Location", .value = "/a"}}});
  CHECK(wire.head.starts_with(
      "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"));
  CHECK(wire.head.find("\r\nCache-Control: no-store\r\n") != std::string::npos);
  CHECK(wire.head.ends_with("\r\nLocation: /a\r\n"));
}

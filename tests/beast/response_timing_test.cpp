// SPDX-License-Identifier: BSL-1.0
#include <hasten/beast/response_timing.hpp>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

using namespace std::chrono_literals;
namespace http = boost::beast::http;
using hasten::status_class;

namespace {

http::response<http::string_body> answer(http::status status) {
  http::response<http::string_body> response(status, 11);
  response.body() = "{}";
  return response;
}

}  // namespace

TEST_CASE("a handler's response is passed on and counted by its status") {
  hasten::manual_clock clock;
  hasten::response_timing timing({.routes = {"GET /claims"}}, clock);
  const auto response = timing.respond(0, [&](auto&) {
    clock.advance(3ms);
    return answer(http::status::not_found);
  });
  CHECK(response.result() == http::status::not_found);
  CHECK(response.body() == "{}");
  CHECK(response.find("Server-Timing") == response.end());
  CHECK(timing.route(0).of(status_class::client_error).max() == 3'000'000);
  CHECK(timing.routes().size() == 1);
}

TEST_CASE("a handler that throws counts as aborted, and the exception goes on") {
  hasten::response_timing timing({.routes = {"GET /claims"}});
  const auto fail = [](auto&) -> http::response<http::string_body> { throw std::runtime_error("gone"); };
  CHECK_THROWS_AS(std::ignore = timing.respond(0, fail), std::runtime_error);
  CHECK(timing.route(0).of(status_class::aborted).count() == 1);
  CHECK(timing.in_flight(0) == 0);
}

TEST_CASE("Server-Timing is sent when it is asked for, and replaces what was there") {
  hasten::manual_clock clock;
  hasten::response_timing timing({.routes = {"GET /claims"}, .send_server_timing = true}, clock);
  const auto response = timing.respond(0, [&](auto& scope) {
    scope.stage("db");
    clock.advance(2500us);
    auto made = answer(http::status::ok);
    hasten::set_server_timing(made, "upstream;dur=1");
    return made;
  });
  CHECK(response.at("Server-Timing") == "total;dur=2.500, db;dur=2.500");
  CHECK(response.count("Server-Timing") == 1);
}

TEST_CASE("an asynchronous server keeps the scope with its connection") {
  hasten::manual_clock clock;
  hasten::response_timing timing({.routes = {"GET /claims"}, .slowest = {.threshold = 5ms}}, clock);
  struct connection {
    decltype(timing)::scope scope;
  };
  {
    connection served{timing.start(0, clock.now())};
    clock.advance(6ms);
    served.scope.finish(200);
    const connection gone{timing.start(0)};
    CHECK(timing.in_flight(0) == 1);
  }
  CHECK(timing.route(0).count() == 2);
  CHECK(timing.route(0).failed() == 1);
  REQUIRE(timing.slowest().worst().size() == 1);
  CHECK(timing.slowest().worst()[0].name == "GET /claims");
}

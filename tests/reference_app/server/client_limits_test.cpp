// SPDX-License-Identifier: BSL-1.0
#include "server/client_limits.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>
#include <vector>

using boost::asio::ip::make_address;
using claims_app::client_limits;

TEST_CASE("a client has as many connections as it may, and one that ends makes room") {
  client_limits limits({.connections = 2});
  auto first = limits.enter(make_address("10.0.0.1"));
  const auto second = limits.enter(make_address("10.0.0.1"));
  CHECK((first && second));
  CHECK_FALSE(limits.enter(make_address("10.0.0.1")));
  CHECK(limits.enter(make_address("10.0.0.2")));
  first.reset();
  CHECK(limits.enter(make_address("10.0.0.1")));
}

TEST_CASE("without a limit there is room for any number") {
  client_limits limits({});
  std::vector<client_limits::place> places;
  for (int at = 0; at < 1000; ++at) places.push_back(*limits.enter(make_address("10.0.0.1")));
  CHECK_FALSE(limits.limits_requests());
}

TEST_CASE("addresses of one IPv6 network of 64 bits are one client, others are not") {
  client_limits limits({.connections = 1});
  const auto first = limits.enter(make_address("2001:db8:1:2::1"));
  CHECK_FALSE(limits.enter(make_address("2001:db8:1:2:ffff::9")));
  CHECK(limits.enter(make_address("2001:db8:1:3::1")));
}

TEST_CASE("a client that asks too often is told when to go on") {
  client_limits limits({.requests_per_second = 0.01, .requests_burst = 2});
  const auto place = limits.enter(make_address("10.0.0.1"));
  const auto other = limits.enter(make_address("10.0.0.2"));
  std::string header;
  CHECK_FALSE(limits.refusal(place->client(), header));
  CHECK(header.find("RateLimit-Policy: \"client\";q=2;w=200") != std::string::npos);
  CHECK(header.find("RateLimit: \"client\";r=1;t=100") != std::string::npos);
  CHECK_FALSE(limits.refusal(place->client(), header));
  const auto refused = limits.refusal(place->client(), header);
  REQUIRE(refused);
  CHECK(refused->status == 429);
  REQUIRE(refused->headers.size() == 1);
  CHECK(refused->headers[0].name == "Retry-After");
  CHECK(std::stoi(refused->headers[0].value) >= 99);
  CHECK_FALSE(limits.refusal(other->client(), header));
}

TEST_CASE("a rate can be set, changed and taken away while clients ask") {
  client_limits limits({});
  const auto place = limits.enter(make_address("10.0.0.1"));
  limits.change_rate(0.01, 1);
  REQUIRE(limits.limits_requests());
  std::string header;
  CHECK_FALSE(limits.refusal(place->client(), header));
  CHECK(header.find("\"client\";q=1;w=100") != std::string::npos);
  CHECK(limits.refusal(place->client(), header));
  limits.change_rate(0.01, 3);
  CHECK_FALSE(limits.refusal(place->client(), header));
  CHECK_THROWS_AS(limits.change_rate(2e6, 3), std::invalid_argument);
  CHECK(limits.limits_requests());
  limits.change_rate(0, 3);
  CHECK_FALSE(limits.limits_requests());
}

TEST_CASE("a rate out of range is refused") {
  CHECK_THROWS_AS(client_limits({.requests_per_second = 2e6}), std::invalid_argument);
  CHECK_THROWS_AS(client_limits({.requests_per_second = 1, .requests_burst = 0}), std::invalid_argument);
}

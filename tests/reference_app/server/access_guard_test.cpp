// SPDX-License-Identifier: BSL-1.0
#include "server/access_guard.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <stdexcept>
#include <string>

using claims_app::access;
using claims_app::access_guard;
using claims_app::generated_token;

TEST_CASE("an admin route opens to the token and to nothing else") {
  const access_guard guard({.token = "correct-horse-battery"});
  CHECK_FALSE(guard.refusal(access::admin, "Bearer correct-horse-battery"));
  CHECK_FALSE(guard.refusal(access::admin, "bearer  correct-horse-battery"));
  for (const char* shown : {"", "Bearer", "Bearer ", "Basic correct-horse-battery", "correct-horse-battery",
                            "Bearer correct-horse-batterx", "Bearer correct-horse-battery2"}) {
    const auto refused = guard.refusal(access::admin, shown);
    REQUIRE(refused);
    CHECK(refused->status == 401);
    REQUIRE(refused->headers.size() == 1);
    CHECK(refused->headers[0].name == "WWW-Authenticate");
  }
}

TEST_CASE("the API needs the token only where it is told so, the probes never") {
  const access_guard local({.token = "correct-horse-battery"});
  const access_guard remote({.token = "correct-horse-battery", .api_needs_token = true});
  CHECK_FALSE(local.refusal(access::api, ""));
  CHECK(remote.refusal(access::api, ""));
  CHECK_FALSE(remote.refusal(access::api, "Bearer correct-horse-battery"));
  CHECK_FALSE(remote.refusal(access::open, ""));
}

TEST_CASE(
    "a token may have any length from sixteen characters on, and no part of it or more than it will do") {
  for (const std::size_t size : {16U, 17U, 63U, 64U, 65U, 512U}) {
    const std::string token(size, 'k');
    const access_guard guard({.token = token});
    CHECK_FALSE(guard.refusal(access::admin, "Bearer " + token));
    CHECK(guard.refusal(access::admin, "Bearer " + token.substr(1)));
    CHECK(guard.refusal(access::admin, "Bearer " + token + "k"));
    CHECK(guard.refusal(access::admin, "Bearer " + std::string(16'000, 'k')));
  }
}

TEST_CASE("a token that could be guessed is refused") {
  CHECK_THROWS_AS(access_guard({.token = "short"}), std::invalid_argument);
}

TEST_CASE("a generated token is 32 bytes and never the same") {
  CHECK(generated_token().size() == 43);
  CHECK(generated_token() != generated_token());
}

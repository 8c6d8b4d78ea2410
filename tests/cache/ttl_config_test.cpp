// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/ttl_config.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

const hasten::ttl_config::table defaults{{"risk_score", 1h}, {"claim", 30min}};

std::string refusal(const hasten::ttl_config::table& table, const hasten::ttl_config::variables& settings,
                    std::string_view prefix = hasten::ttl_config::default_prefix) {
  try {
    const hasten::ttl_config config(table, settings, prefix);
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "";
}

}  // namespace

TEST_CASE("without settings the defaults are in force") {
  const hasten::ttl_config config(defaults, {});
  CHECK(config.ttl("risk_score") == 1h);
  CHECK(config.ttl("claim") == 30min);
}

TEST_CASE("a setting changes the ttl of the cache it names, and no other") {
  const hasten::ttl_config config(defaults, {{"HASTEN_CACHE_TTL_RISK_SCORE", "7200"}, {"PATH", "x"}});
  CHECK(config.ttl("risk_score") == 2h);
  CHECK(config.ttl("claim") == 30min);
}

TEST_CASE("the prefix of the settings can be chosen") {
  const hasten::ttl_config config(defaults, {{"CACHE_TTL_CLAIM", "5"}, {"HASTEN_CACHE_TTL_NONE", "1"}},
                                  "CACHE_TTL_");
  CHECK(config.ttl("claim") == 5s);
  CHECK(refusal(defaults, {}, "") == "ttl_config: prefix must not be empty");
}

TEST_CASE("a setting for a cache that does not exist is refused, and the message lists those that do") {
  CHECK(refusal(defaults, {{"HASTEN_CACHE_TTL_CLAIMS", "60"}}) ==
        "ttl_config: HASTEN_CACHE_TTL_CLAIMS names no cache; there are: claim, risk_score");
}

TEST_CASE("a setting that is not a whole number of seconds in range is refused") {
  for (const char* text : {"", "0", "-1", "1h", " 60", "60 ", "1.5", "315360001", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK(refusal(defaults, {{"HASTEN_CACHE_TTL_CLAIM", text}})
              .starts_with(
                  "ttl_config: HASTEN_CACHE_TTL_CLAIM must be a whole number of seconds, 1..315360000"));
  }
  CHECK(refusal(defaults, {{"HASTEN_CACHE_TTL_CLAIM", "315360000"}}).empty());
}

TEST_CASE("defaults are checked too") {
  CHECK(refusal({{"claim", 0s}}, {}).starts_with("ttl_config: the ttl of claim must be"));
  CHECK(refusal({{"Claim", 1s}}, {}) == "ttl_config: a name must be of a-z, 0-9 and _, got 'Claim'");
  CHECK(refusal({{"", 1s}}, {}).starts_with("ttl_config: a name must be"));
}

TEST_CASE("asking for a cache that was not configured is refused") {
  const hasten::ttl_config config(defaults, {});
  CHECK_THROWS_AS(config.ttl("payer"), std::invalid_argument);
}

TEST_CASE("settings are read from the environment of the process") {
  REQUIRE(setenv("HASTEN_TEST_TTL_CLAIM", "90", 1) == 0);
  const auto config = hasten::ttl_config::from_environment(defaults, "HASTEN_TEST_TTL_");
  REQUIRE(unsetenv("HASTEN_TEST_TTL_CLAIM") == 0);
  CHECK(config.ttl("claim") == 90s);
  CHECK(config.ttls().size() == 2);
}

// SPDX-License-Identifier: BSL-1.0
#include "shared/answer_ttls.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <stdexcept>

using namespace std::chrono_literals;
using claims_app::answer_ttls;
using variables = hasten::ttl_config::variables;

TEST_CASE("each kind of answer has its time by default") {
  const answer_ttls ttls;
  CHECK(ttls.by_kind().at("risk_score") == 1h);
  CHECK(ttls.by_kind().at("remittance") == 30min);
  CHECK(ttls.by_kind().at("episode") == 30min);
  CHECK(ttls.by_kind().at("practice_config") == 24h);
  CHECK(ttls.of("claims:page:0:abc") == 30min);
  CHECK(ttls.of("payers:abc") == 24h);
  CHECK(ttls.of("providers:abc") == 1h);
  CHECK(ttls.of("metrics:denials:0") == 30min);
  CHECK(ttls.of("unknown:1") == 30min);
  CHECK(ttls.of("") == 30min);
}

TEST_CASE("variables change the time of a kind, the one with the longer prefix wins") {
  const answer_ttls ttls(
      {{"CACHE_TTL_CLAIM", "10"}, {"CACHE_TTL_PAYER", "20"}, {"HASTEN_CACHE_TTL_PAYER", "30"}});
  CHECK(ttls.of("claims:1") == 10s);
  CHECK(ttls.of("payers:1") == 30s);
  CHECK(ttls.of("providers:1") == 1h);
}

TEST_CASE("no answer is kept longer than the bound for all") {
  const answer_ttls ttls({{"CACHE_TTL_CLAIM", "10"}}, 60s);
  CHECK(ttls.of("claims:1") == 10s);
  CHECK(ttls.of("payers:1") == 60s);
}

TEST_CASE("the times can be taken over from others while they are asked for") {
  answer_ttls ttls;
  ttls = answer_ttls({{"CACHE_TTL_PAYER", "20"}}, 60s);
  CHECK(ttls.of("payers:1") == 20s);
  CHECK(ttls.of("claims:1") == 60s);
  CHECK(answer_ttls(ttls).by_kind() == ttls.by_kind());
}

TEST_CASE("a variable that names no kind, or no time, is refused") {
  CHECK_THROWS_AS(answer_ttls(variables{{"CACHE_TTL_CLAIMS", "10"}}), std::invalid_argument);
  CHECK_THROWS_AS(answer_ttls(variables{{"HASTEN_CACHE_TTL_CLAIM", "soon"}}), std::invalid_argument);
}

// SPDX-License-Identifier: BSL-1.0
#include "risk/risk_model.hpp"

#include <catch2/catch_test_macros.hpp>

#include <numeric>
#include <string>
#include <utility>

using namespace claims_app;

namespace {

// Nothing speaks against this one.
risk_inputs plain() {
  return {.billed_cents = 10'000,
          .lines = 1,
          .lines_without_diagnosis = 0,
          .has_statement_dates = true,
          .days_to_receipt = 5,
          .filing_days_max = 90,
          .payer = {},
          .provider = {},
          .everybody = {}};
}

const risk_factor& factor(const risk_score& score, std::string_view name) {
  for (const risk_factor& each : score.factors) {
    if (each.name == name) return each;
  }
  FAIL("no factor " << name);
  return score.factors[0];
}

int points_of(const risk_inputs& inputs, std::string_view name) {
  return factor(score_risk(inputs), name).points;
}

}  // namespace

TEST_CASE("a claim that nothing speaks against scores zero") {
  const risk_score score = score_risk(plain());
  CHECK(score.points == 0);
  CHECK(score.level == risk_level::low);
}

TEST_CASE("the score is the sum of its factors, within the maximum of each, and says why") {
  const risk_inputs worst{.billed_cents = std::nullopt,
                          .lines = 0,
                          .lines_without_diagnosis = 2,
                          .has_statement_dates = false,
                          .days_to_receipt = 400,
                          .filing_days_max = 90,
                          .payer = {.decided = 1'000, .denied = 1'000},
                          .provider = {.decided = 1'000, .denied = 1'000},
                          .everybody = {.decided = 5'000, .denied = 500}};
  const risk_score score = score_risk(worst);
  int sum = 0;
  int most = 0;
  for (const risk_factor& each : score.factors) {
    CHECK(each.points >= 0);
    CHECK(each.points <= each.points_max);
    CHECK_FALSE(each.reason.empty());
    sum += each.points;
    most += each.points_max;
  }
  CHECK(score.points == sum);
  CHECK(most == 100);
  CHECK(score.points == 80);  // without a charge there is nothing to say about its amount
  CHECK(score.level == risk_level::high);
  CHECK(risk_points(worst) == 80);
}

TEST_CASE("a larger charge scores more") {
  auto claim = plain();
  for (const auto& [cents, points] :
       {std::pair{49'999, 0}, {50'000, 5}, {250'000, 10}, {1'000'000, 15}, {5'000'000, 20}}) {
    claim.billed_cents = cents;
    CHECK(points_of(claim, "amount") == points);
  }
}

TEST_CASE("a payer's denials weigh a point for each percent, drawn towards what is usual") {
  auto claim = plain();
  claim.everybody = {.decided = 1'000, .denied = 100};
  CHECK(points_of(claim, "payer_denials") == 10);  // nothing known of this payer: the usual
  claim.payer = {.decided = 1, .denied = 1};
  CHECK(points_of(claim, "payer_denials") == 14);  // and not 30
  claim.payer = {.decided = 980, .denied = 198};
  CHECK(points_of(claim, "payer_denials") == 20);
  claim.payer = {.decided = 1'000, .denied = 900};
  CHECK(points_of(claim, "payer_denials") == 30);
}

TEST_CASE("a provider's denials weigh a point for each three percent") {
  auto claim = plain();
  claim.provider = {.decided = 80, .denied = 12};
  CHECK(points_of(claim, "provider_denials") == 4);
  claim.provider = {.decided = 800, .denied = 800};
  CHECK(points_of(claim, "provider_denials") == 10);
}

TEST_CASE("each missing field is named and counted") {
  auto claim = plain();
  claim.has_statement_dates = false;
  CHECK(points_of(claim, "missing_fields") == 4);
  claim.lines_without_diagnosis = 1;
  CHECK(points_of(claim, "missing_fields") == 8);
  claim.lines = 0;
  claim.billed_cents.reset();
  const risk_score score = score_risk(claim);
  CHECK(factor(score, "missing_fields").points == 20);
  CHECK(factor(score, "missing_fields").reason ==
        "Missing: the charge, the lines, statement dates, diagnoses of some lines.");
}

TEST_CASE("the later a claim is received within the payer's limit, the more it scores") {
  auto claim = plain();
  claim.filing_days_max = 100;
  for (const auto& [days, points] : {std::pair{50, 0}, {51, 5}, {80, 5}, {81, 10}, {100, 10}, {101, 20}}) {
    claim.days_to_receipt = days;
    CHECK(points_of(claim, "timely_filing") == points);
  }
}

TEST_CASE("levels begin at 30 and at 60 points") {
  CHECK(level_of(29) == risk_level::low);
  CHECK(level_of(30) == risk_level::medium);
  CHECK(level_of(59) == risk_level::medium);
  CHECK(level_of(60) == risk_level::high);
  CHECK(name_of(risk_level::high) == "high");
}

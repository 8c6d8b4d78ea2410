// SPDX-License-Identifier: BSL-1.0
#include "seeding/claim_generator.hpp"

#include "seeding/seed_parameters.hpp"
#include "shared/iso_date.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <map>
#include <set>
#include <stdexcept>
#include <string>

using Catch::Approx;
using claims_app::claim_generator;
using claims_app::claim_record;
using namespace std::chrono_literals;
namespace p = claims_app::seed_parameters;

namespace {

std::string summary(const claim_record& claim) {
  std::string text = claim.source_ref + '|' + claim.member_number + '|' + claim.provider.identifier + '|' +
                     claim.payer.source_identifier + '|' + claim.status + '|' + claim.denial_carc + '|' +
                     claim.date_of_service + '|' + std::to_string(claim.billed_cents.value_or(-1)) + '|' +
                     std::to_string(claim.paid_cents) + '|' + std::to_string(claim.created_at_ms);
  for (const auto& line : claim.lines) text += '|' + line.code + ' ' + line.dx_codes;
  return text;
}

}  // namespace

TEST_CASE("the same seed gives the same claims, another seed others") {
  claim_generator a({.claims = 200, .seed = 5});
  claim_generator b({.claims = 200, .seed = 5});
  claim_generator c({.claims = 200, .seed = 6});
  int same_as_c = 0;
  for (int i = 0; i < 200; ++i) {
    const auto claim = a.next();
    CHECK(summary(claim->record) == summary(b.next()->record));
    if (claim->record.billed_cents == c.next()->record.billed_cents) ++same_as_c;
  }
  CHECK_FALSE(a.next());
  CHECK(same_as_c < 20);
}

TEST_CASE("every claim is whole: it adds up, its dates are in order, its status explains itself") {
  const claim_generator::options options{.claims = 5000, .seed = 1};
  claim_generator claims(options);
  std::set<std::string> references;
  while (const auto next = claims.next()) {
    const claim_record& claim = next->record;
    INFO(summary(claim));
    REQUIRE(next->practice < claims.practices());
    REQUIRE(references.insert(claim.source_ref).second);
    REQUIRE((claim.claim_type == "professional" || claim.claim_type == "institutional"));
    const auto service = claims_app::parse_iso_date(claim.date_of_service);
    REQUIRE(service);
    REQUIRE(std::chrono::sys_days(*service) < options.anchor);
    REQUIRE(std::chrono::sys_days(*service) >= options.anchor - std::chrono::days(p::window_days));
    REQUIRE(claim.statement_to >= claim.statement_from);
    REQUIRE(claim.updated_at_ms >= claim.created_at_ms);

    std::int64_t billed = 0;
    std::int64_t paid = 0;
    for (const auto& line : claim.lines) {
      billed += line.billed_cents.value_or(0);
      paid += line.paid_cents;
      REQUIRE(line.paid_cents >= 0);
    }
    REQUIRE_FALSE(claim.lines.empty());
    REQUIRE(claim.billed_cents == billed);
    REQUIRE(claim.paid_cents == paid);
    REQUIRE((claim.status == "denied") == !claim.denial_carc.empty());
    if (claim.status == "approved") {
      REQUIRE(claim.paid_cents + claim.patient_resp_cents == claim.allowed_cents);
      REQUIRE(claim.allowed_cents <= claim.billed_cents);
    } else {
      REQUIRE(claim.paid_cents == 0);
    }
    if (claim.status == "denied") REQUIRE_FALSE(claim.denial_reason.empty());
  }
  CHECK(references.size() == 5000);
}

TEST_CASE("the whole looks as its parameters say") {
  claim_generator claims({.claims = 20'000, .seed = 3});
  std::map<std::string, double> by_status;
  std::map<std::string, double> by_payer;
  double professional = 0;
  double lines = 0;
  std::int64_t allowed = 0;
  std::int64_t patient_share = 0;
  std::set<std::string> reasons;
  while (const auto next = claims.next()) {
    const claim_record& claim = next->record;
    ++by_status[claim.status];
    by_payer[claim.payer.payer_type] += 1.0 / 20'000;
    professional += claim.claim_type == "professional" ? 1.0 / 20'000 : 0;
    lines += static_cast<double>(claim.lines.size()) / 20'000;
    if (!claim.denial_carc.empty()) reasons.insert(claim.denial_carc);
    if (claim.status != "approved" || claim.payer.payer_type == "self_pay") continue;
    allowed += claim.allowed_cents.value_or(0);
    patient_share += claim.patient_resp_cents;
  }
  CHECK(by_status["denied"] / 20'000 > 0.07);
  CHECK(by_status["denied"] / 20'000 < 0.15);
  CHECK(by_status["pending"] / 20'000 > 0.01);
  CHECK(by_status["pending"] / 20'000 < 0.05);
  CHECK(professional == Approx(0.82).margin(0.02));
  CHECK(lines == Approx(3.5).margin(0.4));
  CHECK(by_payer.size() == p::payer_kinds.size());
  CHECK(by_payer["commercial"] == Approx(0.40).margin(0.08));
  CHECK(reasons.size() == p::denial_reasons.size());
  CHECK(static_cast<double>(patient_share) / static_cast<double>(allowed) == Approx(0.21).margin(0.08));
}

TEST_CASE("the smallest and a large number of claims find their people") {
  claim_generator one({.claims = 1});
  CHECK(one.next());
  CHECK_FALSE(one.next());
  claim_generator many({.claims = 1'000'000});
  CHECK(many.practices() == 60);
  CHECK(many.next());
}

TEST_CASE("options out of range are refused") {
  CHECK_THROWS_AS(claim_generator({.claims = 0}), std::invalid_argument);
  CHECK_THROWS_AS(claim_generator({.claims = 100'000'001}), std::invalid_argument);
  CHECK_THROWS_AS(claim_generator({.anchor = 1979y / 12 / 31}), std::invalid_argument);
}

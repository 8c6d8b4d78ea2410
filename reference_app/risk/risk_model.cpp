// SPDX-License-Identifier: BSL-1.0
#include "risk/risk_model.hpp"

#include <algorithm>
#include <cmath>

namespace claims_app {

namespace {

constexpr int amount_max = 20;
constexpr int payer_max = 30;
constexpr int missing_max = 20;
constexpr int filing_max = 20;
constexpr int provider_max = 10;

constexpr std::int64_t dollars(std::int64_t whole) { return whole * 100; }

int amount_points(const risk_inputs& of) noexcept {
  if (!of.billed_cents) return 0;
  if (*of.billed_cents < dollars(500)) return 0;
  if (*of.billed_cents < dollars(2'500)) return 5;
  if (*of.billed_cents < dollars(10'000)) return 10;
  return *of.billed_cents < dollars(50'000) ? 15 : amount_max;
}

// In percent, drawn towards what is usual.
double denial_rate(const outcome_history& of, const outcome_history& everybody) noexcept {
  const double usual = everybody.decided == 0
                           ? 0.0
                           : static_cast<double>(everybody.denied) / static_cast<double>(everybody.decided);
  return 100.0 * (static_cast<double>(of.denied) + usual * risk_score::history_weight) /
         (static_cast<double>(of.decided) + risk_score::history_weight);
}

int payer_points(const risk_inputs& of) noexcept {
  return std::min(payer_max, static_cast<int>(denial_rate(of.payer, of.everybody)));
}

int provider_points(const risk_inputs& of) noexcept {
  return std::min(provider_max, static_cast<int>(denial_rate(of.provider, of.everybody) / 3.0));
}

int missing_points(const risk_inputs& of) noexcept {
  int points = 0;
  if (!of.billed_cents) points += 8;
  if (of.lines == 0) points += 8;
  if (!of.has_statement_dates) points += 4;
  if (of.lines_without_diagnosis > 0) points += 4;
  return std::min(points, missing_max);
}

int filing_points(const risk_inputs& of) noexcept {
  if (of.days_to_receipt * 2 <= of.filing_days_max) return 0;
  if (of.days_to_receipt * 5 <= of.filing_days_max * 4) return 5;
  return of.days_to_receipt <= of.filing_days_max ? 10 : filing_max;
}

std::string in_tenths(double value) {
  const auto tenths = static_cast<std::int64_t>(std::llround(value * 10));
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

std::string reason_of_amount(const risk_inputs& of) {
  if (!of.billed_cents) return "No charge is known.";
  return "The charge is " + in_tenths(static_cast<double>(*of.billed_cents) / 100.0 / 1000.0) +
         " thousand dollars.";
}

std::string reason_of_history(std::string_view whose, const outcome_history& of,
                              const outcome_history& everybody) {
  std::string out =
      "Of " + std::to_string(of.decided) + " decided claims of this " + std::string(whose) + ", ";
  out += std::to_string(of.denied) + " were denied; weighed with everybody's, ";
  return out + in_tenths(denial_rate(of, everybody)) + " %.";
}

std::string reason_of_missing(const risk_inputs& of) {
  std::string missing;
  const auto add = [&missing](bool is_missing, std::string_view what) {
    if (!is_missing) return;
    if (!missing.empty()) missing += ", ";
    missing += what;
  };
  add(!of.billed_cents, "the charge");
  add(of.lines == 0, "the lines");
  add(!of.has_statement_dates, "statement dates");
  add(of.lines_without_diagnosis > 0, "diagnoses of some lines");
  return missing.empty() ? "Nothing is missing." : "Missing: " + missing + ".";
}

std::string reason_of_filing(const risk_inputs& of) {
  return "Received " + std::to_string(of.days_to_receipt) +
         " days after the date of service; the payer allows " + std::to_string(of.filing_days_max) + ".";
}

}  // namespace

std::string_view name_of(risk_level of) noexcept {
  switch (of) {
    case risk_level::low:
      break;
    case risk_level::medium:
      return "medium";
    case risk_level::high:
      return "high";
  }
  return "low";
}

risk_level level_of(int points) noexcept {
  if (points >= risk_score::high_from) return risk_level::high;
  return points >= risk_score::medium_from ? risk_level::medium : risk_level::low;
}

int risk_points(const risk_inputs& of) noexcept {
  return amount_points(of) + payer_points(of) + missing_points(of) + filing_points(of) + provider_points(of);
}

risk_score score_risk(const risk_inputs& of) {
  risk_score out;
  out.points = risk_points(of);
  out.level = level_of(out.points);
  out.factors = {risk_factor{"amount", amount_points(of), amount_max, reason_of_amount(of)},
                 risk_factor{"payer_denials", payer_points(of), payer_max,
                             reason_of_history("payer", of.payer, of.everybody)},
                 risk_factor{"missing_fields", missing_points(of), missing_max, reason_of_missing(of)},
                 risk_factor{"timely_filing", filing_points(of), filing_max, reason_of_filing(of)},
                 risk_factor{"provider_denials", provider_points(of), provider_max,
                             reason_of_history("provider", of.provider, of.everybody)}};
  return out;
}

}  // namespace claims_app

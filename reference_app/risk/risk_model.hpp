// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// How claims of one payer or provider ended so far. Pending ones do not count.
struct outcome_history {
  std::int64_t decided = 0;
  std::int64_t denied = 0;

  friend bool operator==(const outcome_history&, const outcome_history&) = default;
};

/// All that the score looks at. Of the patient it knows nothing.
struct risk_inputs {
  std::optional<std::int64_t> billed_cents;
  std::int64_t lines = 0;
  std::int64_t lines_without_diagnosis = 0;
  bool has_statement_dates = false;
  std::int64_t days_to_receipt = 0;  // from the date of service to when the claim was received
  std::int64_t filing_days_max = 0;  // what the payer allows for that
  outcome_history payer;
  outcome_history provider;
  outcome_history everybody;
};

/// One part of the score.
struct risk_factor {
  std::string_view name;
  int points = 0;
  int points_max = 0;
  std::string reason;  // in words, with the figure that decided
};

enum class risk_level : std::uint8_t { low, medium, high };
[[nodiscard]] std::string_view name_of(risk_level of) noexcept;

/// How likely a claim is to be denied, as a sum of points that anybody can add up again: 0 to 100.
///
/// | factor | most | points |
/// |---|---|---|
/// | `amount` | 20 | none below 500, 5 below 2,500, 10 below 10,000, 15 below 50,000, then 20; none if no charge is known |
/// | `payer_denials` | 30 | one for each percent of the payer's decided claims that were denied |
/// | `missing_fields` | 20 | 8 without a charge, 8 without lines, 4 without statement dates, 4 if lines lack a diagnosis |
/// | `timely_filing` | 20 | none in the first half of the payer's filing limit, 5 to four fifths, 10 to its end, then 20 |
/// | `provider_denials` | 10 | one for each three percent of the provider's decided claims that were denied |
///
/// A rate is taken as if `history_weight` more claims had ended as everybody's do, so that one denial of one claim does
/// not make a rate of 100 %. From 30 points on the level is medium, from 60 on high.
struct risk_score {
  static constexpr int history_weight = 20;
  static constexpr int medium_from = 30;
  static constexpr int high_from = 60;

  int points = 0;
  risk_level level = risk_level::low;
  std::array<risk_factor, 5> factors;
};

[[nodiscard]] risk_score score_risk(const risk_inputs& of);

/// The same without its reasons: for many claims at once.
[[nodiscard]] int risk_points(const risk_inputs& of) noexcept;
[[nodiscard]] risk_level level_of(int points) noexcept;

}  // namespace claims_app

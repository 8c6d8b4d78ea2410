// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "risk/risk_model.hpp"

#include <hasten/soci/monitored_session.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

/// All SQL about risk.
namespace claims_app {

/// What a claim itself brings to its score; the histories are looked up apart, because many claims share them.
struct risk_subject {
  std::int64_t row = 0;
  std::int64_t payer_row = 0;
  std::int64_t provider_row = 0;
  std::optional<std::int64_t> billed_cents;
  std::int64_t lines = 0;
  std::int64_t lines_without_diagnosis = 0;
  std::int64_t has_statement_dates = 0;
  std::int64_t days_to_receipt = 0;
  std::int64_t filing_days_max = 0;

  static constexpr auto fields = hasten::field_list(
      &risk_subject::row, &risk_subject::payer_row, &risk_subject::provider_row, &risk_subject::billed_cents,
      &risk_subject::lines, &risk_subject::lines_without_diagnosis, &risk_subject::has_statement_dates,
      &risk_subject::days_to_receipt, &risk_subject::filing_days_max);
};

[[nodiscard]] std::optional<risk_subject> find_risk_subject(hasten::monitored_session& session,
                                                            std::string_view public_id);

/// Returns: up to `limit` claims behind that row, in the order of their rows.
[[nodiscard]] std::vector<risk_subject> read_risk_subjects(hasten::monitored_session& session,
                                                           std::int64_t after, std::int64_t limit);

[[nodiscard]] std::int64_t count_risk_subjects(hasten::monitored_session& session);

[[nodiscard]] outcome_history read_payer_history(hasten::monitored_session& session, std::int64_t payer_row);
[[nodiscard]] outcome_history read_provider_history(hasten::monitored_session& session,
                                                    std::int64_t provider_row);
[[nodiscard]] outcome_history read_everybodys_history(hasten::monitored_session& session);

/// All histories at once, by row.
struct risk_histories {
  std::unordered_map<std::int64_t, outcome_history> payers;
  std::unordered_map<std::int64_t, outcome_history> providers;
  outcome_history everybody;
};
[[nodiscard]] risk_histories read_risk_histories(hasten::monitored_session& session);

[[nodiscard]] risk_inputs inputs_of(const risk_subject& subject);

}  // namespace claims_app

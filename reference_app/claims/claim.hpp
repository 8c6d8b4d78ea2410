// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/json_writer.hpp"

#include <hasten/soci/row_mapping.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace claims_app {

/// A claim as it is shown: public ids only. Nothing here names a patient, a birth date or a member number.
struct claim {
  std::int64_t row = 0;  // for the cursor; never shown
  std::string id;
  std::string status;
  std::string provider_id;
  std::string payer_id;
  std::string patient_id;
  std::string claim_type;
  std::optional<std::int64_t> billed_cents;
  std::optional<std::int64_t> allowed_cents;
  std::int64_t paid_cents = 0;
  std::int64_t patient_resp_cents = 0;
  std::string date_of_service;
  std::optional<std::string> statement_from;
  std::optional<std::string> statement_to;
  std::optional<std::string> denial_carc;
  std::optional<std::string> denial_reason;
  std::string source_id;
  std::string source;
  std::int64_t created_at = 0;
  std::int64_t updated_at = 0;
  std::int64_t version = 1;

  static constexpr auto fields = hasten::field_list(
      &claim::row, &claim::id, &claim::status, &claim::provider_id, &claim::payer_id, &claim::patient_id,
      &claim::claim_type, &claim::billed_cents, &claim::allowed_cents, &claim::paid_cents,
      &claim::patient_resp_cents, &claim::date_of_service, &claim::statement_from, &claim::statement_to,
      &claim::denial_carc, &claim::denial_reason, &claim::source_id, &claim::source, &claim::created_at,
      &claim::updated_at, &claim::version);
};

/// One service of a claim.
struct claim_line {
  std::int64_t number = 0;
  std::string code_system;
  std::string code;
  std::optional<std::string> modifiers;  // separated by blanks
  std::optional<std::string> dx_codes;   // separated by blanks
  std::optional<std::string> place_of_service;
  double units = 1;
  std::optional<std::int64_t> billed_cents;
  std::int64_t paid_cents = 0;

  static constexpr auto fields =
      hasten::field_list(&claim_line::number, &claim_line::code_system, &claim_line::code,
                         &claim_line::modifiers, &claim_line::dx_codes, &claim_line::place_of_service,
                         &claim_line::units, &claim_line::billed_cents, &claim_line::paid_cents);
};

/// Returns: the strong entity tag of a claim with its lines, which change with it only.
[[nodiscard]] std::string tag_of(const claim& what);

/// Writes the members of a claim into the object that is open.
void write_members(json_writer& json, const claim& what);

void write_lines(json_writer& json, const std::vector<claim_line>& lines);

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace claims_app {

/// One line of a claim, as it goes into the database.
struct claim_line_record {
  std::string code_system = {};  ///< hcpcs, drg or snomed
  std::string code = {};
  std::string dx_codes = {};          ///< separated by blanks; empty: none
  std::string place_of_service = {};  ///< empty: none
  double units = 1;
  std::optional<std::int64_t> billed_cents = {};  ///< nothing: the source carries no charge for the line
  std::int64_t paid_cents = 0;
};

/// Who pays, as the source names it.
struct payer_record {
  std::string source_identifier = {};
  std::string name = {};
  std::string payer_type = "unknown";
};

/// Who was paid, as the source names it.
struct provider_record {
  std::string identifier_system = {};  ///< npi, ccn or source
  std::string identifier = {};
  std::string name = {};  ///< empty: the source does not name it
};

/// One claim on its way into the database: what a source says, checked and in our units.
///
/// It holds the member number, which the writer hashes and forgets: never log or show a record.
struct claim_record {
  std::string source_ref = {};
  std::string member_number = {};
  provider_record provider = {};
  payer_record payer = {};
  std::string claim_type = "institutional";  ///< professional or institutional
  std::string status = "approved";           ///< pending, approved or denied
  std::optional<std::int64_t> billed_cents = {};
  std::optional<std::int64_t> allowed_cents = {};
  std::int64_t paid_cents = 0;
  std::int64_t patient_resp_cents = 0;
  std::string date_of_service = {};  ///< this and the two below: YYYY-MM-DD
  std::string statement_from = {};   ///< empty: the source does not state it
  std::string statement_to = {};     ///< empty: the source does not state it
  std::string denial_carc = {};      ///< empty unless denied
  std::string denial_reason = {};
  std::int64_t created_at_ms = 0;
  std::int64_t updated_at_ms = 0;
  std::vector<claim_line_record> lines = {};
};

}  // namespace claims_app

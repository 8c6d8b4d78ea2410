// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace claims_app {

/// Why a row is not imported. A closed set on purpose: no text of a row can get into a reason.
enum class refusal {
  no_claim_id,
  no_patient,
  no_provider,
  bad_segment,
  bad_date,
  no_date,
  dates_reversed,
  bad_amount,
  amount_out_of_range,
  negative_charge,
  bad_units,
  bad_code,
  bad_text,
  unknown_transaction,
  bad_transaction,
  too_many_lines,
  duplicate_claim,
};

/// Returns: the reason as a short sentence for people.
[[nodiscard]] constexpr const char* refusal_text(refusal reason) noexcept {
  switch (reason) {
    case refusal::no_claim_id:
      return "the claim id is missing";
    case refusal::no_patient:
      return "the patient id is missing";
    case refusal::no_provider:
      return "the provider id is missing";
    case refusal::bad_segment:
      return "the segment is not a number";
    case refusal::bad_date:
      return "a date is not a day of the calendar";
    case refusal::no_date:
      return "there is no date of service";
    case refusal::dates_reversed:
      return "the statement ends before it begins";
    case refusal::bad_amount:
      return "an amount is not a decimal number";
    case refusal::amount_out_of_range:
      return "the amounts do not fit 64 bits together";
    case refusal::negative_charge:
      return "a charge is negative";
    case refusal::bad_units:
      return "the units are not a number above zero";
    case refusal::bad_code:
      return "a code is missing or has characters no code has";
    case refusal::bad_text:
      return "an identifier is too long or has characters no identifier has";
    case refusal::unknown_transaction:
      return "the transaction has an unknown type";
    case refusal::bad_transaction:
      return "a transaction of the claim was refused";
    case refusal::too_many_lines:
      return "the claim has too many lines";
    case refusal::duplicate_claim:
      return "the claim id stands in an earlier row too";
  }
  return "unknown";
}

inline constexpr int refusal_count = static_cast<int>(refusal::duplicate_claim) + 1;

}  // namespace claims_app

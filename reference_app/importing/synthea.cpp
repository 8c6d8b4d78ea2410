// SPDX-License-Identifier: BSL-1.0
#include "importing/synthea.hpp"

#include "importing/fields.hpp"
#include "shared/iso_date.hpp"
#include "shared/money.hpp"

#include <charconv>
#include <cmath>
#include <utility>

namespace claims_app {
namespace {

std::optional<std::int64_t> read_amount(std::string_view text) {
  return text.empty() ? std::optional<std::int64_t>(0) : cents_from_decimal(text);
}

std::optional<synthea_kind> read_kind(std::string_view text) {
  if (text == "CHARGE") return synthea_kind::charge;
  if (text == "PAYMENT") return synthea_kind::payment;
  if (text == "TRANSFERIN") return synthea_kind::transfer_in;
  if (text == "TRANSFEROUT") return synthea_kind::transfer_out;
  if (text == "ADJUSTMENT") return synthea_kind::adjustment;
  return std::nullopt;
}

bool is_patient_method(std::string_view method) {
  return method == "COPAY" || method == "CASH" || method == "CHECK" || method == "CC";
}

// Returns 0 for an empty field and nothing for one that names no diagnosis a claim can have.
std::optional<std::size_t> read_diagnosis_number(std::string_view text) {
  if (text.empty()) return 0;
  if (text.size() != 1 || text.front() < '1' || text.front() > '8') return std::nullopt;
  return static_cast<std::size_t>(text.front() - '0');
}

std::optional<double> read_units(std::string_view text) {
  if (text.empty()) return 1;
  double units = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), units);
  if (failure != std::errc() || end != text.data() + text.size() || !std::isfinite(units) || units <= 0)
    return std::nullopt;
  return units;
}

payer_record payer_of(std::string_view insurance) {
  if (insurance.empty())
    return {.source_identifier = "self_pay", .name = "Self-pay", .payer_type = "self_pay"};
  // claims.csv names payers by id only; the id's first block is enough to tell them apart by eye.
  return {.source_identifier = std::string(insurance),
          .name = "Synthea payer " + std::string(insurance.substr(0, insurance.find('-'))),
          .payer_type = "unknown"};
}

bool add_to(std::int64_t& total, std::int64_t amount) {
  const auto sum = add_cents(total, amount);
  if (sum) total = *sum;
  return sum.has_value();
}

std::optional<refusal> add_charge(synthea_claim& claim, const synthea_transaction& charge) {
  if (charge.amount_cents < 0) return refusal::negative_charge;
  if (claim.record.lines.size() == synthea_lines_max) return refusal::too_many_lines;
  std::int64_t billed = claim.record.billed_cents.value_or(0);
  if (!add_to(billed, charge.amount_cents)) return refusal::amount_out_of_range;
  claim.record.billed_cents = billed;
  claim.charged_to_patient = charge.to_patient;
  if (charge.to_patient && !add_to(claim.record.patient_resp_cents, charge.amount_cents))
    return refusal::amount_out_of_range;
  claim_line_record line{.code_system = "snomed",
                         .code = std::string(charge.code),
                         .place_of_service = std::string(charge.place_of_service),
                         .units = charge.units,
                         .billed_cents = charge.amount_cents};
  for (const std::size_t number : charge.diagnoses) {
    if (number == 0 || claim.diagnoses[number - 1].empty()) continue;
    if (!line.dx_codes.empty()) line.dx_codes += ' ';
    line.dx_codes += claim.diagnoses[number - 1];
  }
  claim.record.lines.push_back(std::move(line));
  return std::nullopt;
}

std::optional<refusal> add_payment(synthea_claim& claim, const synthea_transaction& payment) {
  bool fits = true;
  if (payment.by_payer) {
    fits = add_to(claim.record.paid_cents, payment.payment_cents);
    if (fits && !claim.record.lines.empty())
      fits = add_to(claim.record.lines.back().paid_cents, payment.payment_cents);
  } else if (payment.is_copay && !claim.charged_to_patient) {
    fits = add_to(claim.record.patient_resp_cents, payment.payment_cents);
  }
  // Any other payment of the patient settles a share that was counted when it was charged or transferred.
  return fits ? std::nullopt : std::optional(refusal::amount_out_of_range);
}

}  // namespace

synthea_claim_mapper::synthea_claim_mapper(const csv_reader& reader) {
  column_finder column(reader);
  id_ = column("Id");
  patient_ = column("PATIENTID");
  provider_ = column("PROVIDERID");
  insurance_ = column("PRIMARYPATIENTINSURANCEID");
  service_date_ = column("SERVICEDATE");
  status_1_ = column("STATUS1");
  status_2_ = column("STATUS2");
  status_patient_ = column("STATUSP");
  type_ = column("HEALTHCARECLAIMTYPEID1");
  for (std::size_t i = 0; i < diagnosis_.size(); ++i)
    diagnosis_[i] = column("DIAGNOSIS" + std::to_string(i + 1));
  column.require_all();
}

bool synthea_claim_mapper::recognises(const csv_reader& reader) {
  return has_columns(reader, {"Id", "PATIENTID", "SERVICEDATE", "STATUS1", "HEALTHCARECLAIMTYPEID1"});
}

std::variant<synthea_claim, refusal> synthea_claim_mapper::map(std::span<const std::string_view> row) const {
  if (row[id_].empty()) return refusal::no_claim_id;
  if (row[patient_].empty()) return refusal::no_patient;
  if (row[provider_].empty()) return refusal::no_provider;
  if (!is_identifier(row[id_]) || !is_identifier(row[patient_]) || !is_identifier(row[provider_]) ||
      (!row[insurance_].empty() && !is_identifier(row[insurance_])))
    return refusal::bad_text;
  if (row[service_date_].empty()) return refusal::no_date;
  const auto date = parse_instant_date(row[service_date_]);
  if (!date) return refusal::bad_date;

  synthea_claim claim;
  claim.record.source_ref = row[id_];
  claim.record.member_number = row[patient_];
  claim.record.provider = {.identifier_system = "source", .identifier = std::string(row[provider_])};
  claim.record.payer = payer_of(row[insurance_]);
  claim.record.claim_type = row[type_] == "1" ? "professional" : "institutional";
  const bool closed = row[status_1_] == "CLOSED" && row[status_patient_] == "CLOSED" &&
                      (row[status_2_].empty() || row[status_2_] == "CLOSED");
  claim.record.status = closed ? "approved" : "pending";
  claim.record.date_of_service = claim.record.statement_from = to_iso_date(*date);
  for (std::size_t i = 0; i < diagnosis_.size(); ++i) {
    if (!row[diagnosis_[i]].empty() && !is_code(row[diagnosis_[i]])) return refusal::bad_code;
    claim.diagnoses[i] = row[diagnosis_[i]];
  }
  return claim;
}

synthea_transaction_mapper::synthea_transaction_mapper(const csv_reader& reader) {
  column_finder column(reader);
  claim_id_ = column("CLAIMID");
  type_ = column("TYPE");
  amount_ = column("AMOUNT");
  method_ = column("METHOD");
  to_date_ = column("TODATE");
  place_ = column("PLACEOFSERVICE");
  code_ = column("PROCEDURECODE");
  units_ = column("UNITS");
  transfer_type_ = column("TRANSFERTYPE");
  payments_ = column("PAYMENTS");
  adjustments_ = column("ADJUSTMENTS");
  for (std::size_t i = 0; i < diagnosis_.size(); ++i)
    diagnosis_[i] = column("DIAGNOSISREF" + std::to_string(i + 1));
  column.require_all();
}

bool synthea_transaction_mapper::recognises(const csv_reader& reader) {
  return has_columns(reader, {"CLAIMID", "CHARGEID", "TYPE", "PAYMENTS", "TRANSFERTYPE"});
}

std::optional<refusal> synthea_transaction_mapper::map_amounts(std::span<const std::string_view> row,
                                                               synthea_transaction& to) const {
  const auto amount = read_amount(row[amount_]);
  const auto payment = read_amount(row[payments_]);
  const auto adjustments = read_amount(row[adjustments_]);
  if (!amount || !payment || !adjustments) return refusal::bad_amount;
  to.amount_cents = *amount;
  to.payment_cents = *payment;
  to.adjustments_cents = *adjustments;
  return std::nullopt;
}

std::variant<synthea_transaction, refusal> synthea_transaction_mapper::map(
    std::span<const std::string_view> row) const {
  synthea_transaction result;
  const auto kind = read_kind(row[type_]);
  if (!kind) return refusal::unknown_transaction;
  result.kind = *kind;
  if (const auto refused = map_amounts(row, result)) return *refused;
  result.to_patient = row[transfer_type_] == "p";
  if (*kind == synthea_kind::payment) {
    result.by_payer = row[method_] == "ECHECK";
    result.is_copay = row[method_] == "COPAY";
    if (!result.by_payer && !is_patient_method(row[method_])) return refusal::unknown_transaction;
  }
  if (*kind != synthea_kind::charge) return result;

  if (!is_code(row[code_])) return refusal::bad_code;
  if (!row[place_].empty() && !is_identifier(row[place_])) return refusal::bad_text;
  result.code = row[code_];
  result.place_of_service = row[place_];
  const auto units = read_units(row[units_]);
  if (!units) return refusal::bad_units;
  result.units = *units;
  if (!row[to_date_].empty()) {
    const auto date = parse_instant_date(row[to_date_]);
    if (!date) return refusal::bad_date;
    result.to_date = to_iso_date(*date);
  }
  for (std::size_t i = 0; i < diagnosis_.size(); ++i) {
    const auto number = read_diagnosis_number(row[diagnosis_[i]]);
    if (!number) return refusal::bad_code;
    result.diagnoses[i] = *number;
  }
  return result;
}

std::optional<refusal> add_transaction(synthea_claim& claim, const synthea_transaction& added) {
  // The negative of an amount always exists: cents_from_decimal() gives no lowest value.
  if (!add_to(claim.adjusted_cents, -added.adjustments_cents)) return refusal::amount_out_of_range;
  switch (added.kind) {
    case synthea_kind::charge:
      // An end before the service is Synthea's way to say that there is none: 1970-01-01.
      if (added.to_date >= claim.record.date_of_service && added.to_date > claim.record.statement_to)
        claim.record.statement_to = added.to_date;
      return add_charge(claim, added);
    case synthea_kind::payment:
      return add_payment(claim, added);
    case synthea_kind::transfer_in:
      if (added.to_patient && !add_to(claim.record.patient_resp_cents, added.amount_cents))
        return refusal::amount_out_of_range;
      return std::nullopt;
    case synthea_kind::transfer_out:
    case synthea_kind::adjustment:
      return std::nullopt;
  }
  return refusal::unknown_transaction;
}

std::variant<claim_record, refusal> finish_claim(synthea_claim claim) {
  if (claim.record.billed_cents) {
    const auto allowed = add_cents(*claim.record.billed_cents, claim.adjusted_cents);
    if (!allowed) return refusal::amount_out_of_range;
    claim.record.allowed_cents = allowed;
  }
  return std::move(claim.record);
}

}  // namespace claims_app

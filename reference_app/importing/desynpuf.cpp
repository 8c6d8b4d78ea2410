// SPDX-License-Identifier: BSL-1.0
#include "importing/desynpuf.hpp"

#include "importing/fields.hpp"
#include "shared/iso_date.hpp"
#include "shared/money.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

namespace claims_app {
namespace {

using std::chrono::year_month_day;

// An empty field is no date; any other must be one.
bool read_date(std::string_view text, std::optional<year_month_day>& date) {
  if (text.empty()) return true;
  date = parse_compact_date(text);
  return date.has_value();
}

// An empty amount is none: one row in thirty leaves the deductible empty.
std::optional<std::int64_t> read_amount(std::string_view text) {
  return text.empty() ? std::optional<std::int64_t>(0) : cents_from_decimal(text);
}

std::optional<std::int64_t> sum(std::initializer_list<std::int64_t> amounts) {
  std::optional<std::int64_t> total = 0;
  for (const std::int64_t amount : amounts)
    if (total) total = add_cents(*total, amount);
  return total;
}

std::string text_of(const std::optional<year_month_day>& date) { return date ? to_iso_date(*date) : ""; }

std::optional<refusal> map_dates(claim_record& claim, std::string_view from, std::string_view thru,
                                 std::string_view admission) {
  std::optional<year_month_day> from_date;
  std::optional<year_month_day> thru_date;
  std::optional<year_month_day> admission_date;
  if (!read_date(from, from_date) || !read_date(thru, thru_date) || !read_date(admission, admission_date))
    return refusal::bad_date;
  if (!from_date && !admission_date) return refusal::no_date;
  if (from_date && thru_date && *thru_date < *from_date) return refusal::dates_reversed;
  claim.date_of_service = to_iso_date(from_date ? *from_date : *admission_date);
  claim.statement_from = text_of(from_date);
  claim.statement_to = text_of(thru_date);
  return std::nullopt;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 6 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

desynpuf_mapper::desynpuf_mapper(const csv_reader& reader) {
  column_finder column(reader);
  beneficiary_ = column("DESYNPUF_ID");
  claim_id_ = column("CLM_ID");
  segment_ = column("SEGMENT");
  from_ = column("CLM_FROM_DT");
  thru_ = column("CLM_THRU_DT");
  provider_ = column("PRVDR_NUM");
  payment_ = column("CLM_PMT_AMT");
  primary_payer_ = column("NCH_PRMRY_PYR_CLM_PD_AMT");
  admission_ = column("CLM_ADMSN_DT");
  deductible_ = column("NCH_BENE_IP_DDCTBL_AMT");
  coinsurance_ = column("NCH_BENE_PTA_COINSRNC_LBLTY_AM");
  blood_deductible_ = column("NCH_BENE_BLOOD_DDCTBL_LBLTY_AM");
  drg_ = column("CLM_DRG_CD");
  for (std::size_t i = 0; i < diagnoses; ++i) diagnosis_[i] = column("ICD9_DGNS_CD_" + std::to_string(i + 1));
  for (std::size_t i = 0; i < procedures; ++i) hcpcs_[i] = column("HCPCS_CD_" + std::to_string(i + 1));
  column.require_all();
}

bool desynpuf_mapper::recognises(const csv_reader& reader) {
  return has_columns(reader, {"DESYNPUF_ID", "CLM_ID", "SEGMENT", "CLM_PMT_AMT"});
}

std::variant<claim_record, refusal> desynpuf_mapper::map(std::span<const std::string_view> row) const {
  claim_record claim;
  if (row[claim_id_].empty()) return refusal::no_claim_id;
  if (row[beneficiary_].empty()) return refusal::no_patient;
  if (row[provider_].empty()) return refusal::no_provider;
  if (!is_identifier(row[claim_id_]) || !is_identifier(row[beneficiary_]) || !is_identifier(row[provider_]))
    return refusal::bad_text;
  if (!is_number(row[segment_])) return refusal::bad_segment;
  claim.source_ref.append(row[claim_id_]).append(":").append(row[segment_]);
  claim.member_number = row[beneficiary_];
  claim.provider = {.identifier_system = "ccn", .identifier = std::string(row[provider_]), .name = ""};
  claim.payer = {.source_identifier = "medicare", .name = "Medicare", .payer_type = "medicare"};
  if (const auto refused = map_dates(claim, row[from_], row[thru_], row[admission_])) return *refused;

  if (row[payment_].empty()) return refusal::bad_amount;
  const auto paid = read_amount(row[payment_]);
  const auto primary_payer = read_amount(row[primary_payer_]);
  const auto deductible = read_amount(row[deductible_]);
  const auto coinsurance = read_amount(row[coinsurance_]);
  const auto blood_deductible = read_amount(row[blood_deductible_]);
  if (!paid || !primary_payer || !deductible || !coinsurance || !blood_deductible) return refusal::bad_amount;
  const auto patient_share = sum({*deductible, *coinsurance, *blood_deductible});
  const auto allowed = patient_share ? sum({*paid, *primary_payer, *patient_share}) : std::nullopt;
  if (!allowed) return refusal::amount_out_of_range;
  claim.paid_cents = *paid;
  claim.patient_resp_cents = *patient_share;
  claim.allowed_cents = allowed;

  claim_line_record stay{.code_system = "drg", .code = std::string(row[drg_]), .paid_cents = *paid};
  for (const std::size_t column : diagnosis_) {
    if (row[column].empty()) continue;
    if (!is_code(row[column])) return refusal::bad_code;
    if (!stay.dx_codes.empty()) stay.dx_codes += ' ';
    stay.dx_codes += row[column];
  }
  if (!is_code(stay.code)) return refusal::bad_code;
  claim.lines.push_back(std::move(stay));
  for (const std::size_t column : hcpcs_) {
    if (row[column].empty()) continue;
    if (!is_code(row[column])) return refusal::bad_code;
    claim.lines.push_back({.code_system = "hcpcs", .code = std::string(row[column])});
  }
  return claim;
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "importing/desynpuf.hpp"

#include "importing/bad_input.hpp"
#include "reference_app/importing/desynpuf_rows.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <string>

using claims_app::claim_record;
using claims_app::desynpuf_mapper;
using claims_app::refusal;

namespace {

std::variant<claim_record, refusal> map(const desynpuf_row& row) {
  csv_reader_of reader(desynpuf_header() + row.text());
  const desynpuf_mapper mapper(reader.value);
  REQUIRE(reader.value.next() == claims_app::csv_reader::outcome::row);
  return mapper.map(reader.value.fields());
}

refusal refused(const desynpuf_row& row) {
  const auto mapped = map(row);
  REQUIRE(std::holds_alternative<refusal>(mapped));
  return std::get<refusal>(mapped);
}

}  // namespace

TEST_CASE("an inpatient row becomes a claim with a line for its stay") {
  const auto mapped = map({.payment = "26000.00",
                           .primary_payer = "100.00",
                           .deductible = "1068.00",
                           .coinsurance = "2.50",
                           .blood_deductible = "0.25",
                           .diagnoses = {"7866", "1970"},
                           .hcpcs = {"G0463", "J1100"}});
  REQUIRE(std::holds_alternative<claim_record>(mapped));
  const auto& claim = std::get<claim_record>(mapped);
  CHECK(claim.source_ref == "196201177000368:1");
  CHECK(claim.member_number == "00016F745862898F");
  CHECK(claim.provider.identifier_system == "ccn");
  CHECK(claim.provider.identifier == "3900MB");
  CHECK(claim.payer.source_identifier == "medicare");
  CHECK(claim.payer.payer_type == "medicare");
  CHECK(claim.claim_type == "institutional");
  CHECK(claim.status == "approved");
  CHECK_FALSE(claim.billed_cents);
  CHECK(claim.paid_cents == 2'600'000);
  CHECK(claim.patient_resp_cents == 107'075);
  CHECK(claim.allowed_cents == 2'717'075);
  CHECK(claim.date_of_service == "2009-04-12");
  CHECK(claim.statement_from == "2009-04-12");
  CHECK(claim.statement_to == "2009-04-18");
  REQUIRE(claim.lines.size() == 3);
  CHECK(claim.lines[0].code_system == "drg");
  CHECK(claim.lines[0].code == "201");
  CHECK(claim.lines[0].dx_codes == "7866 1970");
  CHECK(claim.lines[0].paid_cents == 2'600'000);
  CHECK(claim.lines[1].code_system == "hcpcs");
  CHECK(claim.lines[1].code == "G0463");
  CHECK(claim.lines[2].code == "J1100");
}

TEST_CASE("a second segment is a claim of its own, dated by its admission") {
  const auto mapped =
      map({.segment = "2", .from = "", .thru = "", .admission = "20080827", .deductible = ""});
  REQUIRE(std::holds_alternative<claim_record>(mapped));
  const auto& claim = std::get<claim_record>(mapped);
  CHECK(claim.source_ref == "196201177000368:2");
  CHECK(claim.date_of_service == "2008-08-27");
  CHECK(claim.statement_from.empty());
  CHECK(claim.statement_to.empty());
  CHECK(claim.patient_resp_cents == 0);
}

TEST_CASE("a negative payment is money taken back, not a mistake") {
  const auto mapped = map({.payment = "-8000.00", .deductible = "0"});
  REQUIRE(std::holds_alternative<claim_record>(mapped));
  CHECK(std::get<claim_record>(mapped).paid_cents == -800'000);
  CHECK(std::get<claim_record>(mapped).allowed_cents == -800'000);
}

TEST_CASE("a row that makes no claim is refused by name") {
  CHECK(refused({.claim_id = ""}) == refusal::no_claim_id);
  CHECK(refused({.beneficiary = ""}) == refusal::no_patient);
  CHECK(refused({.provider = ""}) == refusal::no_provider);
  CHECK(refused({.claim_id = "1 2"}) == refusal::bad_text);
  CHECK(refused({.provider = std::string(65, '1')}) == refusal::bad_text);
  CHECK(refused({.segment = ""}) == refusal::bad_segment);
  CHECK(refused({.segment = "x"}) == refusal::bad_segment);
  CHECK(refused({.from = "20090230"}) == refusal::bad_date);
  CHECK(refused({.thru = "2009-04-18"}) == refusal::bad_date);
  CHECK(refused({.admission = "0"}) == refusal::bad_date);
  CHECK(refused({.from = "", .admission = ""}) == refusal::no_date);
  CHECK(refused({.from = "20090419"}) == refusal::dates_reversed);
  CHECK(refused({.payment = ""}) == refusal::bad_amount);
  CHECK(refused({.payment = "12,5"}) == refusal::bad_amount);
  CHECK(refused({.deductible = "NaN"}) == refusal::bad_amount);
  CHECK(refused({.payment = "92233720368547758.07", .deductible = "0.01"}) == refusal::amount_out_of_range);
  CHECK(refused({.drg = ""}) == refusal::bad_code);
  CHECK(refused({.diagnoses = {"78 66"}}) == refusal::bad_code);
  CHECK(refused({.hcpcs = {"G'"}}) == refusal::bad_code);
}

TEST_CASE("columns are found by name, in any order, and all that miss are named") {
  csv_reader_of other("DESYNPUF_ID,CLM_ID,SEGMENT,CLM_PMT_AMT\n");
  CHECK(desynpuf_mapper::recognises(other.value));
  CHECK_THROWS_MATCHES(desynpuf_mapper(other.value), claims_app::bad_input,
                       Catch::Matchers::MessageMatches(Catch::Matchers::StartsWith(
                           "the header lacks: CLM_FROM_DT, CLM_THRU_DT, PRVDR_NUM")));
  csv_reader_of synthea("Id,PATIENTID\n");
  CHECK_FALSE(desynpuf_mapper::recognises(synthea.value));
}

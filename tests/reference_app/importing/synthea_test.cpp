// SPDX-License-Identifier: BSL-1.0
#include "importing/synthea.hpp"

#include "importing/bad_input.hpp"
#include "reference_app/importing/desynpuf_rows.hpp"
#include "reference_app/importing/synthea_rows.hpp"

#include <catch2/catch_test_macros.hpp>

#include <initializer_list>
#include <string>

using namespace claims_app;

namespace {

std::variant<synthea_claim, refusal> map(const synthea_claim_row& row) {
  csv_reader_of reader(synthea_claims_header() + row.text());
  const synthea_claim_mapper mapper(reader.value);
  REQUIRE(reader.value.next() == csv_reader::outcome::row);
  return mapper.map(reader.value.fields());
}

refusal refused(const synthea_claim_row& row) {
  const auto mapped = map(row);
  REQUIRE(std::holds_alternative<refusal>(mapped));
  return std::get<refusal>(mapped);
}

// Adds the rows to the claim; gives the first refusal, if there is one.
std::optional<refusal> add_all(synthea_claim& claim, std::initializer_list<synthea_transaction_row> rows) {
  std::string text = synthea_transactions_header();
  for (const auto& row : rows) text += row.text();
  csv_reader_of reader(text);
  const synthea_transaction_mapper mapper(reader.value);
  while (reader.value.next() == csv_reader::outcome::row) {
    const auto mapped = mapper.map(reader.value.fields());
    if (const auto* reason = std::get_if<refusal>(&mapped)) return *reason;
    if (const auto reason = add_transaction(claim, std::get<synthea_transaction>(mapped))) return reason;
  }
  return std::nullopt;
}

synthea_claim a_claim() { return std::get<synthea_claim>(map({})); }

claim_record finished(const synthea_claim& claim) { return std::get<claim_record>(finish_claim(claim)); }

}  // namespace

TEST_CASE("a row of claims.csv becomes a claim that waits for its amounts") {
  const auto claim = a_claim().record;
  CHECK(claim.source_ref == "claim-1");
  CHECK(claim.member_number == "patient-1");
  CHECK(claim.provider.identifier_system == "source");
  CHECK(claim.provider.identifier == "provider-1");
  CHECK(claim.payer.source_identifier == "df166300-5a78");
  CHECK(claim.payer.name == "Synthea payer df166300");
  CHECK(claim.payer.payer_type == "unknown");
  CHECK(claim.claim_type == "professional");
  CHECK(claim.status == "approved");
  CHECK(claim.date_of_service == "2014-05-06");
  CHECK(claim.statement_from == "2014-05-06");
  CHECK_FALSE(claim.billed_cents);
}

TEST_CASE("type, status and payer follow the row") {
  const auto record = [](const synthea_claim_row& row) { return std::get<synthea_claim>(map(row)).record; };
  CHECK(record({.type = "2"}).claim_type == "institutional");
  CHECK(record({.insurance = ""}).payer.payer_type == "self_pay");
  CHECK(record({.status_2 = "CLOSED"}).status == "approved");
  CHECK(record({.status_1 = "BILLED"}).status == "pending");
  CHECK(record({.status_2 = "BILLED"}).status == "pending");
  CHECK(record({.status_patient = "BILLED"}).status == "pending");
}

TEST_CASE("a row that makes no claim is refused by name") {
  CHECK(refused({.id = ""}) == refusal::no_claim_id);
  CHECK(refused({.patient = ""}) == refusal::no_patient);
  CHECK(refused({.provider = ""}) == refusal::no_provider);
  CHECK(refused({.id = "a b"}) == refusal::bad_text);
  CHECK(refused({.insurance = std::string(65, 'i')}) == refusal::bad_text);
  CHECK(refused({.service_date = ""}) == refusal::no_date);
  CHECK(refused({.service_date = "2014-05-32T08:34:30Z"}) == refusal::bad_date);
  CHECK(refused({.diagnosis_2 = "6536 3002"}) == refusal::bad_code);
}

TEST_CASE("insurers' payments and the patient's share add up to what was billed") {
  synthea_claim claim = a_claim();
  CHECK_FALSE(add_all(
      claim, {{.amount = "85.55", .reference_1 = "1", .reference_2 = "2", .transfer_type = "1"},
              {.type = "PAYMENT", .method = "COPAY", .payments = "50.00"},
              {.type = "PAYMENT", .method = "ECHECK", .payments = "20.00"},
              {.type = "TRANSFEROUT"},
              {.type = "TRANSFERIN", .amount = "15.55", .transfer_type = "p"},
              {.type = "PAYMENT", .method = "CHECK", .payments = "15.55"},
              {.amount = "100.00", .to_date = "1970-01-01T00:00:00Z", .code = "140", .transfer_type = "1"},
              {.type = "PAYMENT", .method = "ECHECK", .payments = "60.00"},
              {.type = "TRANSFERIN", .amount = "40.00", .transfer_type = "2"},
              {.type = "PAYMENT", .method = "ECHECK", .payments = "40.00"},
              {.amount = "10.00", .to_date = "2014-05-07T08:49:30Z", .transfer_type = "p"},
              {.type = "PAYMENT", .method = "COPAY", .payments = "10.00"}}));
  const auto record = finished(claim);
  CHECK(record.billed_cents == 19'555);
  CHECK(record.allowed_cents == 19'555);
  CHECK(record.paid_cents == 12'000);
  CHECK(record.patient_resp_cents == 7'555);
  CHECK(record.paid_cents + record.patient_resp_cents == record.billed_cents);
  CHECK(record.statement_to == "2014-05-07");
  REQUIRE(record.lines.size() == 3);
  CHECK(record.lines[0].code_system == "snomed");
  CHECK(record.lines[0].code == "185345009");
  CHECK(record.lines[0].dx_codes == "195662009 65363002");
  CHECK(record.lines[0].place_of_service == "place-1");
  CHECK(record.lines[0].billed_cents == 8'555);
  CHECK(record.lines[0].paid_cents == 2'000);
  CHECK(record.lines[1].paid_cents == 10'000);
  CHECK(record.lines[2].paid_cents == 0);
}

TEST_CASE("what the provider gave up is billed but not allowed") {
  synthea_claim claim = a_claim();
  CHECK_FALSE(add_all(claim, {{.amount = "100.00", .transfer_type = "1"},
                              {.type = "ADJUSTMENT", .adjustments = "30.00"},
                              {.type = "PAYMENT", .method = "ECHECK", .payments = "70.00"}}));
  CHECK(finished(claim).billed_cents == 10'000);
  CHECK(finished(claim).allowed_cents == 7'000);
}

TEST_CASE("a claim without transactions has unknown amounts, not zero") {
  const auto record = finished(a_claim());
  CHECK_FALSE(record.billed_cents);
  CHECK_FALSE(record.allowed_cents);
  CHECK(record.paid_cents == 0);
  CHECK(record.lines.empty());
}

TEST_CASE("a transaction that cannot be read is refused by name") {
  synthea_claim claim = a_claim();
  CHECK(add_all(claim, {{.type = "REFUND"}}) == refusal::unknown_transaction);
  CHECK(add_all(claim, {{.type = "PAYMENT", .method = "BARTER"}}) == refusal::unknown_transaction);
  CHECK(add_all(claim, {{.amount = "1.005"}}) == refusal::bad_amount);
  CHECK(add_all(claim, {{.payments = "x"}}) == refusal::bad_amount);
  CHECK(add_all(claim, {{.amount = "-1.00"}}) == refusal::negative_charge);
  CHECK(add_all(claim, {{.amount = "1.00", .code = ""}}) == refusal::bad_code);
  CHECK(add_all(claim, {{.amount = "1.00", .place = "a b"}}) == refusal::bad_text);
  CHECK(add_all(claim, {{.amount = "1.00", .reference_1 = "9"}}) == refusal::bad_code);
  CHECK(add_all(claim, {{.amount = "1.00", .units = "0"}}) == refusal::bad_units);
  CHECK(add_all(claim, {{.amount = "1.00", .units = "1x"}}) == refusal::bad_units);
  CHECK(add_all(claim, {{.amount = "1.00", .to_date = "tomorrow"}}) == refusal::bad_date);
  CHECK(add_all(claim, {{.amount = "92233720368547758.07"}, {.amount = "0.01"}}) ==
        refusal::amount_out_of_range);
}

TEST_CASE("a claim takes no more lines than the bound") {
  synthea_claim claim = a_claim();
  const synthea_transaction charge{.amount_cents = 1, .code = "1"};
  for (std::size_t i = 0; i < synthea_lines_max; ++i) REQUIRE_FALSE(add_transaction(claim, charge));
  CHECK(add_transaction(claim, charge) == refusal::too_many_lines);
}

TEST_CASE("each file is recognised by its header, and refused if a column misses") {
  csv_reader_of claims(synthea_claims_header());
  csv_reader_of transactions(synthea_transactions_header());
  CHECK(synthea_claim_mapper::recognises(claims.value));
  CHECK_FALSE(synthea_claim_mapper::recognises(transactions.value));
  CHECK(synthea_transaction_mapper::recognises(transactions.value));
  CHECK_FALSE(synthea_transaction_mapper::recognises(claims.value));
  CHECK_THROWS_AS(synthea_claim_mapper(transactions.value), bad_input);
  CHECK_THROWS_AS(synthea_transaction_mapper(claims.value), bad_input);
}

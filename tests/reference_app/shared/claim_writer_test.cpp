// SPDX-License-Identifier: BSL-1.0
#include "shared/claim_writer.hpp"

#include "reference_app/importing/import_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>

using claims_app::claim_record;
using claims_app::claim_writer;

namespace {

claim_record a_denied_claim() {
  claim_record claim;
  claim.source_ref = "r1";
  claim.member_number = "member";
  claim.provider = {.identifier_system = "npi", .identifier = "123", .name = "Dr A. Farrow"};
  claim.payer = {.source_identifier = "payer-1", .name = "A Payer", .payer_type = "commercial"};
  claim.claim_type = "professional";
  claim.status = "denied";
  claim.billed_cents = 12'345;
  claim.allowed_cents = 0;
  claim.date_of_service = claim.statement_from = "2024-02-29";
  claim.denial_carc = "16";
  claim.denial_reason = "Information missing or wrong";
  claim.created_at_ms = 1;
  claim.updated_at_ms = 2;
  claim.lines = {{.code_system = "hcpcs", .code = "G0463", .dx_codes = "I10", .billed_cents = 12'345},
                 {.code_system = "hcpcs", .code = "J1100", .units = 2.5}};
  return claim;
}

}  // namespace

TEST_CASE("a claim arrives with everything it names, and NULL where nothing is stated") {
  import_fixture fixture;
  claim_writer writer(
      fixture.session(), fixture.database().members(),
      [](std::string_view kind, std::string_view key) { return std::string(kind) + ":" + std::string(key); });
  const auto source = writer.data_source("practice", "csv", "source", 7);
  CHECK(source.is_new);
  CHECK_FALSE(source.last_cursor);
  CHECK(writer.insert(source, a_denied_claim()));
  CHECK(fixture.number("SELECT count(*) FROM claims WHERE public_id='claim:r1' AND claim_type='professional'"
                       " AND status='denied' AND billed_cents=12345 AND allowed_cents=0 AND paid_cents=0"
                       " AND date_of_service='2024-02-29' AND statement_from='2024-02-29'"
                       " AND statement_to IS NULL AND denial_carc='16' AND created_at=1 AND updated_at=2") ==
        1);
  CHECK(fixture.number("SELECT count(*) FROM claim_lines WHERE line_no=1 AND code='G0463' AND dx_codes='I10'"
                       " AND billed_cents=12345 AND place_of_service IS NULL") == 1);
  CHECK(fixture.number("SELECT count(*) FROM claim_lines WHERE line_no=2 AND units=2.5 AND dx_codes IS NULL"
                       " AND billed_cents IS NULL") == 1);
  CHECK(fixture.text("SELECT name FROM providers") == "Dr A. Farrow");
  CHECK(fixture.text("SELECT payer_type FROM payers") == "commercial");
  CHECK(fixture.number("SELECT updated_at FROM practices") == 7);
}

TEST_CASE("a claim the source has brought before is left as it is, by any writer") {
  import_fixture fixture;
  const auto new_id = [&, n = 0](std::string_view, std::string_view) mutable {
    return "id" + std::to_string(++n);
  };
  claim_writer first(fixture.session(), fixture.database().members(), new_id);
  const auto source = first.data_source("practice", "csv", "source", 0);
  CHECK(first.insert(source, a_denied_claim()));
  auto changed = a_denied_claim();
  changed.billed_cents = 1;
  CHECK_FALSE(first.insert(source, changed));
  first.forget();
  CHECK_FALSE(first.insert(source, changed));
  claim_writer second(fixture.session(), fixture.database().members(),
                      [](std::string_view, std::string_view key) { return "second" + std::string(key); });
  const auto again = second.data_source("practice", "csv", "source", 0);
  CHECK(again.id == source.id);
  CHECK_FALSE(again.is_new);
  CHECK_FALSE(second.insert(again, changed));
  CHECK(fixture.number("SELECT billed_cents FROM claims") == 12'345);
  CHECK(fixture.number("SELECT count(*) FROM claim_lines") == 2);
  CHECK(fixture.number("SELECT (SELECT count(*) FROM patients) + (SELECT count(*) FROM providers) +"
                       " (SELECT count(*) FROM payers)") == 3);
  CHECK(second.insert(second.data_source("practice", "csv", "other", 0), changed));
}

TEST_CASE("a cursor is kept with its data source") {
  import_fixture fixture;
  claim_writer writer(fixture.session(), fixture.database().members(),
                      [](std::string_view kind, std::string_view) { return std::string(kind); });
  const auto source = writer.data_source("practice", "csv", "source", 0);
  writer.set_cursor(source, "here", 9);
  CHECK(writer.data_source("practice", "csv", "source", 0).last_cursor == "here");
  CHECK(fixture.number("SELECT last_sync_at FROM data_sources") == 9);
}

TEST_CASE("a writer without ids is refused") {
  import_fixture fixture;
  CHECK_THROWS_AS(claim_writer(fixture.session(), fixture.database().members(), nullptr),
                  std::invalid_argument);
}

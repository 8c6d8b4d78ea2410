// SPDX-License-Identifier: BSL-1.0
// Imports the published data sets where they are at hand and holds the result against what is known of them.
#include "reference_app/importing/desynpuf_aggregates.hpp"
#include "reference_app/importing/import_fixture.hpp"
#include "support/text_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

namespace {

std::filesystem::path data_folder(std::string_view below) {
  return std::filesystem::path(HASTEN_SHARED_DATA) / "claims" / below;
}

void skip_without(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file))
    SKIP("the data set is not here; set HASTEN_SHARED_DATA to the folder that holds claims/"
         << file.filename());
}

// Imports up to `files_max` files into one database and compares every one with what is expected of it.
void import_and_compare(std::size_t files_max) {
  const auto folder = data_folder("desynpuf");
  skip_without(folder / "expected_aggregates.json");
  const auto expected = boost::json::parse(read_file(folder / "expected_aggregates.json")).as_object();
  REQUIRE(expected.size() == 16);
  import_fixture fixture;
  std::size_t imported = 0;
  std::int64_t rows = 0;
  for (const auto& [file, aggregates] : expected) {
    if (imported++ == files_max) break;
    const auto report = fixture.desynpuf(folder / std::string(file));
    CHECK(report.rejected == 0);
    const auto found = desynpuf_aggregates(fixture.session(), report.source);
    INFO(std::string(file));
    CHECK(boost::json::serialize(found) == boost::json::serialize(aggregates));
    rows += aggregates.at("rows").as_int64();
  }
  CHECK(fixture.number("SELECT count(*) FROM claims") == rows);
  CHECK(fixture.number("SELECT count(*) FROM claim_lines WHERE code_system = 'drg'") == rows);
  CHECK_FALSE(std::filesystem::exists(fixture.rejects_path()));
}

}  // namespace

TEST_CASE("two DE-SynPUF files give exactly the expected aggregates") { import_and_compare(2); }

TEST_CASE("all DE-SynPUF files give exactly the expected aggregates", "[.all]") {
  import_and_compare(std::numeric_limits<std::size_t>::max());
}

TEST_CASE("Synthea's claims add up by what their transactions say") {
  const auto folder = data_folder("synthea_csv");
  skip_without(folder / "claims.csv");
  import_fixture fixture;
  const auto transactions = folder / "claims_transactions.csv.gz";
  const auto report = fixture.synthea(transactions, folder / "claims.csv", {.claims_held_max = 200});
  CHECK(report.inserted == 561);
  CHECK(report.rejected == 0);
  CHECK(report.orphans == 0);
  CHECK(fixture.number("SELECT count(*) FROM claim_lines") == 1579);
  CHECK(fixture.number("SELECT count(*) FROM claims WHERE status = 'approved'") == 560);
  CHECK(fixture.number("SELECT count(*) FROM claims WHERE status = 'pending'") == 1);
  CHECK(fixture.number("SELECT count(*) FROM claims WHERE paid_cents + patient_resp_cents <> billed_cents") ==
        0);
  CHECK(fixture.number("SELECT count(*) FROM claims c WHERE billed_cents <> (SELECT sum(l.billed_cents) FROM"
                       " claim_lines l WHERE l.claim_id = c.id)") == 0);
  CHECK(fixture.number("SELECT count(*) FROM claims c WHERE paid_cents <> (SELECT sum(l.paid_cents) FROM"
                       " claim_lines l WHERE l.claim_id = c.id)") == 0);
  CHECK(fixture.number("SELECT count(*) FROM payers") == 5);
  CHECK(fixture.number("SELECT count(*) FROM claims c JOIN payers p ON p.id = c.payer_id"
                       " WHERE p.payer_type = 'self_pay'") == 3);
}

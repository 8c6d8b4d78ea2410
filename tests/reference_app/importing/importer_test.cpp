// SPDX-License-Identifier: BSL-1.0
#include "importing/importer.hpp"

#include "importing/bad_input.hpp"
#include "reference_app/importing/desynpuf_rows.hpp"
#include "reference_app/importing/import_fixture.hpp"
#include "reference_app/importing/synthea_rows.hpp"
#include "support/text_file.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <stdexcept>
#include <string>

using claims_app::bad_input;

namespace {

std::string desynpuf_text(int claims) {
  std::string text = desynpuf_header();
  for (int i = 0; i < claims; ++i)
    text += desynpuf_row{.claim_id = std::to_string(1'000 + i),
                         .beneficiary = "member-" + std::to_string(i % 7),
                         .provider = "P" + std::to_string(i % 3),
                         .payment = std::to_string(i) + ".25"}
                .text();
  return text;
}

struct synthea_text {
  std::string claims = synthea_claims_header();
  std::string transactions = synthea_transactions_header();

  // `count` claims of two lines each; their transactions are mixed, not claim after claim.
  explicit synthea_text(int count) {
    for (int i = 0; i < count; ++i) claims += synthea_claim_row{.id = "c" + std::to_string(i)}.text();
    for (int line = 0; line < 2; ++line)
      for (int i = count - 1; i >= 0; --i) {
        const std::string id = "c" + std::to_string(i);
        transactions += synthea_transaction_row{.claim = id, .amount = "10.00", .transfer_type = "1"}.text();
        transactions +=
            synthea_transaction_row{.claim = id, .type = "PAYMENT", .method = "ECHECK", .payments = "7.00"}
                .text();
      }
  }
};

}  // namespace

TEST_CASE("DE-SynPUF rows arrive in the schema, one data source for the file") {
  import_fixture fixture;
  const auto file = write_gz_file(fixture.path("inpatient_X.csv.gz"), desynpuf_text(20));
  const auto report = fixture.desynpuf(file, {.batch_rows = 7});
  CHECK(report.source == "inpatient_X");
  CHECK(report.inserted == 20);
  CHECK(report.already_there == 0);
  CHECK(report.rejected == 0);
  CHECK(fixture.number("SELECT count(*) FROM claims") == 20);
  CHECK(fixture.number("SELECT count(*) FROM patients") == 7);
  CHECK(fixture.number("SELECT count(*) FROM providers WHERE identifier_system = 'ccn'") == 3);
  CHECK(fixture.number("SELECT sum(paid_cents) FROM claims") == 19 * 20 / 2 * 100 + 20 * 25);
  CHECK(fixture.text("SELECT name FROM practices") == "DE-SynPUF");
  CHECK(fixture.text("SELECT kind FROM data_sources") == "csv");
  CHECK(fixture.text("SELECT last_cursor FROM data_sources").ends_with(" records=20 rejected=0 complete"));
  CHECK(fixture.shown().find("100 %  20 rows") != std::string::npos);
}

TEST_CASE("importing a file a second time reads nothing and changes nothing") {
  import_fixture fixture;
  const auto file = write_file(fixture.path("a.csv"), desynpuf_text(20));
  static_cast<void>(fixture.desynpuf(file));
  const auto again = fixture.desynpuf(file);
  CHECK(again.was_complete);
  CHECK(again.inserted == 0);
  CHECK(again.already_there == 0);
  CHECK(fixture.number("SELECT count(*) FROM claims") == 20);
}

TEST_CASE("a changed file of the same name is read from its start, and only what is new is added") {
  import_fixture fixture;
  static_cast<void>(fixture.desynpuf(write_file(fixture.path("a.csv"), desynpuf_text(20))));
  const auto longer = fixture.desynpuf(write_file(fixture.path("a.csv"), desynpuf_text(25)));
  CHECK_FALSE(longer.was_complete);
  CHECK(longer.resumed_at == 0);
  CHECK(longer.inserted == 5);
  CHECK(longer.already_there == 20);
  // One byte differs in the middle; the size does not.
  std::string edited = desynpuf_text(25);
  const std::size_t at = edited.find("1010,");
  edited[at] = '9';
  const auto other = fixture.desynpuf(write_file(fixture.path("a.csv"), edited));
  CHECK(other.inserted == 1);
  CHECK(other.already_there == 24);
  CHECK(fixture.number("SELECT count(*) FROM claims") == 26);
}

TEST_CASE("the same claims under another source are other claims") {
  import_fixture fixture;
  const auto file = write_file(fixture.path("a.csv"), desynpuf_text(5));
  static_cast<void>(fixture.desynpuf(file));
  CHECK(fixture.desynpuf(file, {.source = "second"}).inserted == 5);
  CHECK(fixture.number("SELECT count(*) FROM claims") == 10);
  CHECK(fixture.number("SELECT count(*) FROM patients") == 5);
}

TEST_CASE("bad rows are told by line and reason, never by value, and the good ones are imported") {
  import_fixture fixture;
  std::string text = desynpuf_header();
  text += desynpuf_row{.claim_id = "1"}.text();
  text += desynpuf_row{.claim_id = "2", .beneficiary = "CANARYBENE", .payment = "CANARYPAY"}.text();
  text += "CANARYCLAIM,CANARYBENE\n";
  text += desynpuf_row{.claim_id = "CANARY 4"}.text();
  text += desynpuf_row{.claim_id = "5", .admission = "CANARYDATE"}.text();
  text += "\"CANARYQUOTE\n";
  text += desynpuf_row{.claim_id = "7"}.text();
  const auto report = fixture.desynpuf(write_file(fixture.path("a.csv"), text), {.batch_rows = 2});
  CHECK(report.inserted == 2);
  CHECK(report.rejected == 5);
  CHECK(read_file(fixture.rejects_path()) ==
        "file,line,reason\n"
        "a.csv,3,an amount is not a decimal number\n"
        "a.csv,4,\"the row has 2 fields, the header 68\"\n"
        "a.csv,5,an identifier is too long or has characters no identifier has\n"
        "a.csv,6,a date is not a day of the calendar\n"
        "a.csv,7,a quoted field does not end\n");
  CHECK(fixture.shown().find("CANARY") == std::string::npos);
  CHECK(fixture.shown().find("5 rejected") != std::string::npos);
  // The same answer when it is asked again: the rows are still not in the database.
  const auto again = fixture.desynpuf(fixture.path("a.csv"));
  CHECK(again.was_complete);
  CHECK(again.rejected == 5);
}

TEST_CASE("an identifier reaches the database only as a keyed hash") {
  import_fixture fixture;
  static_cast<void>(fixture.desynpuf(write_file(
      fixture.path("a.csv"), desynpuf_header() + desynpuf_row{.beneficiary = "CANARYBENE"}.text())));
  CHECK(fixture.number("SELECT length(member_bidx) FROM patients") == 32);
  fixture.session().script("test.checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)");
  CHECK(read_file(fixture.database_path()).find("CANARYBENE") == std::string::npos);
  CHECK(read_file(fixture.database_path()).find("3900MB") != std::string::npos);
}

TEST_CASE("a truncated file is an error, and what was committed before the cut stays") {
  import_fixture fixture;
  const std::string packed = read_file(write_gz_file(fixture.path("whole.csv.gz"), desynpuf_text(2000)));
  const auto cut =
      write_file(fixture.path("a.csv.gz"), std::string_view(packed).substr(0, packed.size() * 3 / 4));
  CHECK_THROWS_MATCHES(fixture.desynpuf(cut, {.batch_rows = 100}), bad_input,
                       Catch::Matchers::Message("a.csv.gz: the compressed file is truncated"));
  const auto kept = fixture.number("SELECT count(*) FROM claims");
  CHECK(kept > 500);
  CHECK(kept % 100 == 0);
  CHECK(fixture.text("SELECT last_cursor FROM data_sources").ends_with("partial"));
  const auto whole = fixture.desynpuf(write_file(fixture.path("a.csv.gz"), packed));
  CHECK(whole.inserted + whole.already_there == 2000);
  CHECK(fixture.number("SELECT count(*) FROM claims") == 2000);
}

TEST_CASE("a file of another format is refused before anything is written") {
  import_fixture fixture;
  CHECK_THROWS_MATCHES(
      fixture.desynpuf(write_file(fixture.path("a.csv"), "CLM_ID,SEGMENT\n1,1\n")), bad_input,
      Catch::Matchers::MessageMatches(Catch::Matchers::StartsWith("a.csv: the header lacks: DESYNPUF_ID, ")));
  const auto claims = write_file(fixture.path("claims.csv"), synthea_claims_header());
  CHECK_THROWS_AS(fixture.synthea(claims, claims), bad_input);
  CHECK_THROWS_AS(fixture.synthea(claims, fixture.path("missing.csv")), bad_input);
  CHECK(fixture.number("SELECT count(*) FROM data_sources") == 0);
}

TEST_CASE("options out of range are refused by name") {
  import_fixture fixture;
  const auto file = write_file(fixture.path("a.csv"), desynpuf_text(1));
  CHECK_THROWS_MATCHES(fixture.desynpuf(file, {.batch_rows = 0}), std::invalid_argument,
                       Catch::Matchers::Message("import: batch must be 1..100000, got 0"));
  CHECK_THROWS_AS(fixture.desynpuf(file, {.batch_rows = 100'001}), std::invalid_argument);
  CHECK_THROWS_AS(fixture.synthea(file, file, {.claims_held_max = 0}), std::invalid_argument);
}

TEST_CASE("Synthea's two files come in either order and give the same, however few claims are held") {
  for (const std::size_t held : {std::size_t{1}, std::size_t{3}, std::size_t{50'000}}) {
    import_fixture fixture;
    const synthea_text text(10);
    const auto claims = write_file(fixture.path("claims.csv"), text.claims);
    const auto transactions = write_gz_file(fixture.path("claims_transactions.csv.gz"), text.transactions);
    const claims_app::import_options options{.batch_rows = 4, .claims_held_max = held};
    const auto report = held == 3 ? fixture.synthea(claims, transactions, options)
                                  : fixture.synthea(transactions, claims, options);
    CHECK(report.source == "synthea");
    CHECK(report.inserted == 10);
    CHECK(report.rejected == 0);
    CHECK(report.orphans == 0);
    CHECK(fixture.number("SELECT count(*) FROM claims WHERE billed_cents = 2000 AND paid_cents = 1400") ==
          10);
    CHECK(fixture.number("SELECT count(*) FROM claim_lines WHERE billed_cents = 1000 AND paid_cents = 700") ==
          20);
    CHECK(fixture.synthea(claims, transactions).was_complete);
  }
}

TEST_CASE("claims of many lines make smaller groups, not more memory") {
  import_fixture fixture;
  std::string claims = synthea_claims_header();
  std::string transactions = synthea_transactions_header();
  for (int i = 0; i < 4; ++i) {
    claims += synthea_claim_row{.id = "c" + std::to_string(i)}.text();
    for (int line = 0; line < 30 + i; ++line)
      transactions += synthea_transaction_row{.claim = "c" + std::to_string(i), .amount = "1.00"}.text();
  }
  const auto report =
      fixture.synthea(write_file(fixture.path("claims.csv"), claims),
                      write_file(fixture.path("transactions.csv"), transactions), {.claims_held_max = 4});
  CHECK(report.inserted == 4);
  CHECK(report.orphans == 0);
  for (int i = 0; i < 4; ++i)
    CHECK(fixture.number("SELECT billed_cents FROM claims WHERE source_ref = 'c" + std::to_string(i) + "'") ==
          100 * (30 + i));
}

TEST_CASE("a claim with a bad transaction is refused whole, and each refusal is told once") {
  import_fixture fixture;
  synthea_text text(3);
  text.claims += synthea_claim_row{.id = "c1"}.text();                         // line 5: a second time
  text.claims += synthea_claim_row{.id = "late", .service_date = "x"}.text();  // line 6
  text.transactions += "too,short\n";                                          // line 14
  text.transactions += synthea_transaction_row{.claim = "c0", .amount = "CANARY"}.text();    // line 15
  text.transactions += synthea_transaction_row{.claim = "nobody", .amount = "1.00"}.text();  // line 16
  const auto report = fixture.synthea(write_file(fixture.path("claims.csv"), text.claims),
                                      write_file(fixture.path("transactions.csv"), text.transactions),
                                      {.batch_rows = 1, .claims_held_max = 5});
  CHECK(report.inserted == 2);
  CHECK(report.rejected == 5);
  CHECK(report.orphans == 1);
  CHECK(read_file(fixture.rejects_path()) ==
        "file,line,reason\n"
        "transactions.csv,14,\"the row has 2 fields, the header 17\"\n"
        "transactions.csv,15,an amount is not a decimal number\n"
        "claims.csv,2,a transaction of the claim was refused\n"
        "claims.csv,5,the claim id stands in an earlier row too\n"
        "claims.csv,6,a date is not a day of the calendar\n");
  CHECK(fixture.number("SELECT count(*) FROM claims WHERE source_ref IN ('c1', 'c2')") == 2);
}

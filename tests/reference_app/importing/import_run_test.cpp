// SPDX-License-Identifier: BSL-1.0
#include "importing/import_run.hpp"

#include "reference_app/importing/desynpuf_rows.hpp"
#include "reference_app/importing/import_fixture.hpp"
#include "support/text_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>

using claims_app::claim_record;
using claims_app::import_run;

namespace {

claim_record a_claim(int number) {
  claim_record claim;
  claim.source_ref = std::to_string(number);
  claim.member_number = "member";
  claim.provider = {.identifier_system = "ccn", .identifier = "P1", .name = ""};
  claim.payer = {.source_identifier = "medicare", .name = "Medicare", .payer_type = "medicare"};
  claim.date_of_service = "2009-04-12";
  return claim;
}

import_run::input input_of(std::string digest) {
  return {.practice = "practice", .source = "source", .digest = std::move(digest)};
}

}  // namespace

TEST_CASE("a run that dies goes on behind its last commit, whenever it dies") {
  for (int dies_at = 0; dies_at <= 10; ++dies_at) {
    import_fixture fixture;
    fixture.with_environment([&](auto& environment) {
      import_run run(environment, input_of("digest"), 3);
      for (int i = 0; i < dies_at; ++i) {
        auto claim = a_claim(i);
        run.accept(claim);
        run.advance();
      }
    });  // gone without finish(), as after a kill
    CHECK(fixture.number("SELECT count(*) FROM claims") == dies_at / 3 * 3);
    fixture.with_environment([&](auto& environment) {
      import_run run(environment, input_of("digest"), 3);
      CHECK(run.records_done() == static_cast<std::uint64_t>(dies_at / 3 * 3));
      CHECK_FALSE(run.is_complete());
      for (auto i = static_cast<int>(run.records_done()); i < 10; ++i) {
        auto claim = a_claim(i);
        run.accept(claim);
        run.advance();
      }
      run.finish();
      CHECK(run.report().already_there == 0);
    });
    CHECK(fixture.number("SELECT count(*) FROM claims") == 10);
  }
}

TEST_CASE("refusals survive a kill with the rows around them, and are counted once") {
  import_fixture fixture;
  const auto go = [&](int until) {
    return fixture.with_environment([&](auto& environment) {
      import_run run(environment, input_of("digest"), 4);
      for (auto i = static_cast<int>(run.records_done()); i < until; ++i) {
        if (i % 2 == 0) {
          run.reject("a.csv", static_cast<std::uint64_t>(i) + 2, "reason");
        } else {
          auto claim = a_claim(i);
          run.accept(claim);
        }
        run.advance();
      }
      if (until == 10) run.finish();
      return run.report();
    });
  };
  static_cast<void>(go(7));
  const auto report = go(10);
  CHECK(report.rejected == 5);
  CHECK(
      read_file(fixture.rejects_path()) ==
      "file,line,reason\na.csv,2,reason\na.csv,4,reason\na.csv,6,reason\na.csv,8,reason\na.csv,10,reason\n");
  CHECK(fixture.number("SELECT count(*) FROM claims") == 5);
}

TEST_CASE("another digest starts from the beginning, the same one where it was") {
  import_fixture fixture;
  fixture.with_environment([&](auto& environment) {
    import_run run(environment, input_of("one"), 1);
    auto claim = a_claim(1);
    run.accept(claim);
    run.advance();
  });
  fixture.with_environment([&](auto& environment) {
    CHECK(import_run(environment, input_of("one"), 1).records_done() == 1);
    CHECK(import_run(environment, input_of("two"), 1).records_done() == 0);
    CHECK(import_run(environment, input_of("one"), 1).records_done() == 0);  // "two" took the cursor over
  });
}

TEST_CASE("a claim that the database refuses rolls its batch back and ends the run") {
  import_fixture fixture;
  fixture.with_environment([&](auto& environment) {
    import_run run(environment, input_of("digest"), 100);
    auto good = a_claim(1);
    run.accept(good);
    run.advance();
    auto bad = a_claim(2);
    bad.claim_type = "poetry";
    CHECK_THROWS_AS(run.accept(bad), hasten::error);
  });
  CHECK(fixture.number("SELECT count(*) FROM claims") == 0);
  CHECK(fixture.text("SELECT last_cursor FROM data_sources").ends_with("records=0 rejected=0 partial"));
}

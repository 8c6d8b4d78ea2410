// SPDX-License-Identifier: BSL-1.0
#include "seeding/seeder.hpp"

#include "reference_app/importing/import_fixture.hpp"
#include "shared/public_id.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using claims_app::already_seeded;
using claims_app::seed_database;

namespace {

// Everything that must come out the same, in one long text.
std::string contents(import_fixture& fixture) {
  return fixture.text(
             "SELECT group_concat(t, '/') FROM (SELECT public_id || source_ref || status || "
             "coalesce(billed_cents, '') ||"
             " date_of_service || provider_id || payer_id || patient_id || coalesce(denial_carc, '') AS t "
             "FROM claims"
             " ORDER BY id)") +
         fixture.text(
             "SELECT group_concat(public_id, '/') FROM (SELECT public_id FROM patients ORDER BY id)") +
         fixture.text(
             "SELECT group_concat(public_id || name, '/') FROM (SELECT * FROM providers ORDER BY id)") +
         fixture.text(
             "SELECT group_concat(code || dx_codes, '/') FROM (SELECT * FROM claim_lines"
             " ORDER BY claim_id, line_no)");
}

}  // namespace

TEST_CASE("the same seed fills two databases alike, public ids included") {
  import_fixture one;
  import_fixture two;
  import_fixture other;
  const auto seed = [](import_fixture& into, std::uint64_t number) {
    return seed_database(into.session(), into.database().members(), {.claims = 1500, .seed = number});
  };
  CHECK(seed(one, 1).inserted == 1500);
  CHECK(seed(two, 1).inserted == 1500);
  CHECK(seed(other, 2).inserted == 1500);
  CHECK(contents(one) == contents(two));
  CHECK(contents(one) != contents(other));
  CHECK(claims_app::is_public_id(one.text("SELECT public_id FROM claims LIMIT 1")));
  CHECK(one.number("SELECT count(DISTINCT kind) FROM data_sources WHERE kind='seed'") == 1);
}

TEST_CASE("a database is seeded once, unless asked again; then only what is new is added") {
  import_fixture fixture;
  const auto seed = [&](std::size_t claims, std::uint64_t number, bool again) {
    return seed_database(fixture.session(), fixture.database().members(), {.claims = claims, .seed = number},
                         again);
  };
  CHECK(seed(100, 1, false).inserted == 100);
  CHECK_THROWS_AS(seed(100, 1, false), already_seeded);
  CHECK_THROWS_AS(seed(100, 2, false), already_seeded);
  CHECK(fixture.number("SELECT count(*) FROM claims") == 100);
  const auto same = seed(100, 1, true);
  CHECK(same.inserted == 0);
  CHECK(same.already_there == 100);
  CHECK(seed(100, 2, true).inserted == 100);
  CHECK(seed(5000, 1, true).inserted > 4000);
  CHECK(fixture.number("SELECT count(*) FROM claims") > 4100);
}

TEST_CASE("a seed that was cut off goes on when the same one is asked for") {
  import_fixture fixture;
  const claims_app::claim_generator::options wanted{.claims = 2500};
  const auto seed = [&] { return seed_database(fixture.session(), fixture.database().members(), wanted); };
  CHECK_FALSE(claims_app::is_seed_unfinished(fixture.session(), wanted));
  fixture.session().script(
      "test.cut",
      "CREATE TRIGGER cut BEFORE INSERT ON claims WHEN (SELECT count(*) FROM claims) = 1500"
      " BEGIN SELECT RAISE(ABORT, 'cut'); END");
  CHECK_THROWS_AS(seed(), hasten::error);
  fixture.session().script("test.mend", "DROP TRIGGER cut");
  CHECK(fixture.number("SELECT count(*) FROM claims") == 1000);
  CHECK(claims_app::is_seed_unfinished(fixture.session(), wanted));
  CHECK_THROWS_AS(seed_database(fixture.session(), fixture.database().members(), {.claims = 100}),
                  already_seeded);
  const auto rest = seed();
  CHECK(rest.inserted == 1500);
  CHECK(rest.already_there == 1000);
  CHECK_FALSE(claims_app::is_seed_unfinished(fixture.session(), wanted));
  CHECK_THROWS_AS(seed(), already_seeded);
}

TEST_CASE("seeded claims lie beside imported ones") {
  import_fixture fixture;
  fixture.session().script(
      "test.import",
      "INSERT INTO practices VALUES(1, 'p', 'DE-SynPUF', 0);"
      "INSERT INTO data_sources(public_id, practice_id, kind, name) VALUES('d', 1, 'csv', 'a');"
      "INSERT INTO payers VALUES(1, 'm', 'Medicare', 'medicare', 'medicare', 90);");
  CHECK(seed_database(fixture.session(), fixture.database().members(), {.claims = 300}).inserted == 300);
  CHECK(fixture.number("SELECT count(*) FROM payers WHERE source_identifier = 'medicare'") == 1);
}

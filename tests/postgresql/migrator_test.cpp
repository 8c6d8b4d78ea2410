// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/migrator.hpp>

#include <hasten/soci/detail/postgresql_api.hpp>

#include <catch2/catch_test_macros.hpp>
#include <soci/soci.h>

#include <support/postgresql_fixture.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

std::vector<hasten::migration> four() {
  return {
      {.version = 1,
       .name = "orders",
       .up = "CREATE TABLE orders(id bigint PRIMARY KEY, note text);"
             "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN n > 0 THEN "
             "2*n ELSE "
             "n END; SELECT 2*n; END;"
             "CREATE FUNCTION body() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END; $$;",
       .down = "DROP FUNCTION body; DROP FUNCTION twice; DROP TABLE orders;"},
      {.version = 2,
       .name = "index",
       .up = "-- hasten: no_transaction\nDROP INDEX IF EXISTS by_note;\nCREATE INDEX CONCURRENTLY by_note ON "
             "orders(note);",
       .down = "DROP INDEX by_note"},
      {.version = 3,
       .name = "fill",
       .up_code =
           [](hasten::monitored_session& db) { db.exec({"fill", "INSERT INTO orders VALUES(?1, 'x')"}, 7); },
       .down_code = [](hasten::monitored_session& db) { db.exec({"empty", "DELETE FROM orders"}); }},
      {.version = 4, .name = "notes", .up = "CREATE TABLE notes(id int)", .down = "DROP TABLE notes"}};
}

struct fixture : postgresql_fixture {
  hasten::query_monitor monitor;
  hasten::monitored_session db{open(), monitor};
  hasten::migrator steps{db};

  [[nodiscard]] std::unique_ptr<soci::session> open() const {
    return std::make_unique<soci::session>(soci::postgresql, server.connection());
  }
  bool has(const std::string& relation) {
    return db.scalar<bool>({"has", "SELECT to_regclass(?1) IS NOT NULL"}, relation);
  }
};

hasten::errc code_of(auto&& action) {
  try {
    action();
  } catch (const hasten::error& failure) {
    return static_cast<hasten::errc>(failure.code().value());
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("PostgreSQL goes up, inside and outside of transactions, and down again") {
  fixture at;
  const auto known = four();
  const auto rehearsal = at.steps.apply(known, {.dry_run = true});
  REQUIRE(rehearsal.steps.size() == 4);
  CHECK(rehearsal.steps[0].executed);
  CHECK_FALSE(rehearsal.steps[1].executed);
  CHECK_FALSE(at.has("orders"));
  CHECK(at.steps.status(known).pending.size() == 4);
  CHECK(at.steps.apply(known).version == 4);
  CHECK(at.has("by_note"));
  CHECK(at.db.scalar<int>({"n", "SELECT count(*)::int FROM orders"}) == 1);
  CHECK(at.steps.apply(known).steps.empty());
  CHECK(at.steps.list(known)[1].state == hasten::migration_state::applied);
  CHECK(at.steps.roll_back(known, 2).version == 2);
  CHECK_FALSE(at.has("notes"));
  CHECK(at.steps.apply(known, {.target = 0}).version == 0);
  CHECK_FALSE(at.has("orders"));
  CHECK_THROWS_AS(at.steps.apply(known, {.backup = "x.db"}), std::invalid_argument);
}

TEST_CASE("on PostgreSQL a step that fails or ends its transaction leaves nothing of itself") {
  fixture at;
  auto known = four();
  known[3].up = "CREATE TABLE notes(id int); SELECT nonsense";
  CHECK_THROWS_AS(at.steps.apply(known), hasten::query_error);
  CHECK(at.steps.status(four()).version == 3);
  CHECK_FALSE(at.has("notes"));
  for (const char* control : {"; COMMIT", "; commit; BEGIN", "; /* why not */ END", "; SAVEPOINT x"}) {
    known[3].up = std::string("CREATE TABLE notes(id int)") + control;
    CHECK(code_of([&] { at.steps.apply(known); }) == hasten::errc::migration_refused);
    CHECK_FALSE(at.has("notes"));
  }
  known[3].up = "";
  known[3].up_code = [](hasten::monitored_session& db) {
    db.script("end", "CREATE TABLE notes(id int); COMMIT");
  };
  CHECK(code_of([&] { at.steps.apply(known); }) == hasten::errc::migration_refused);
  CHECK_FALSE(at.db.in_transaction());
}

TEST_CASE(
    "on PostgreSQL one program migrates and the others wait, also while an index is built concurrently") {
  const fixture at;
  const auto known = four();
  std::vector<std::thread> programs;
  std::vector<std::size_t> done(4);
  std::vector<std::string> failed(4);
  for (std::size_t program = 0; program < done.size(); ++program)
    programs.emplace_back([&, program] {
      try {
        hasten::query_monitor own;
        hasten::monitored_session db(at.open(), own);
        done[program] =
            hasten::migrator(db).apply(known, {.patience = std::chrono::seconds(60)}).steps.size();
      } catch (const std::exception& failure) {
        failed[program] = failure.what();
      }
    });
  for (std::thread& each : programs) each.join();
  std::size_t sum = 0;
  for (const std::size_t each : done) sum += each;
  CHECK(sum == 4);
  for (const std::string& each : failed) CHECK(each.empty());
}

TEST_CASE(
    "on PostgreSQL who waits for another program is told at its deadline, and a dead one holds no lock") {
  fixture at;
  auto other = std::make_unique<hasten::monitored_session>(at.open(), at.monitor);
  const auto holding = std::make_unique<hasten::detail::migration_lock>(*other, hasten::steady_time::max());
  CHECK(code_of([&] { at.steps.apply(four(), {.patience = std::chrono::milliseconds(10)}); }) ==
        hasten::errc::busy);
  const auto id = other->scalar<int>({"pid", "SELECT pg_backend_pid()"});
  CHECK(at.db.scalar<bool>({"kill", "SELECT pg_terminate_backend(?1, 10000)"}, id));
  CHECK(at.steps.apply(four()).version == 4);
}

TEST_CASE("a script is cut where its statements end, and nowhere else") {
  using hasten::detail::controls_transaction;
  using hasten::detail::split_script;
  CHECK(split_script("").empty());
  CHECK(split_script(" ; -- nothing\n;").empty());
  CHECK(split_script("SELECT 1; SELECT ';'; SELECT $x$;$x$ -- ;\n").size() == 3);
  CHECK(split_script(
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; SELECT 2")
            .size() == 2);
  CHECK(controls_transaction(" /* x */ Commit"));
  CHECK_FALSE(controls_transaction("CREATE TABLE commit(x int)"));
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/migrator.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace {

std::vector<hasten::migration> three() {
  return {
      {.version = 1,
       .name = "orders",
       .up = "CREATE TABLE orders(id INTEGER); CREATE TABLE lines(id INTEGER);",
       .down = "DROP TABLE lines; DROP TABLE orders;"},
      {.version = 2, .name = "notes", .up = "CREATE TABLE notes(id INTEGER);", .down = "DROP TABLE notes;"},
      {.version = 3,
       .name = "index",
       .up = "CREATE INDEX by_id ON orders(id);",
       .down = "DROP INDEX by_id;"}};
}

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                               monitor};
  hasten::migrator steps{db};

  int tables() {
    return db.scalar<int>(
        {"x", "SELECT count(*) FROM sqlite_schema WHERE type='table' AND name!='hasten_migrations'"});
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

TEST_CASE_METHOD(fixture,
                 "all migrations run in order, each statement of them, and a second run does nothing") {
  const auto known = three();
  const auto report = steps.apply(known);
  REQUIRE(report.steps.size() == 3);
  CHECK(report.steps[0].name == "orders");
  CHECK(report.steps[0].up);
  CHECK(report.steps[0].duration.count() > 0);
  CHECK(report.version == 3);
  CHECK(tables() == 3);
  CHECK(steps.apply(known).steps.empty());
  const auto status = steps.status(known);
  CHECK(status.version == 3);
  CHECK(status.pending.empty());
  REQUIRE(status.applied.size() == 3);
  CHECK(status.applied[1].name == "notes");
  CHECK(status.applied[1].applied_at_ms > 0);
}

TEST_CASE_METHOD(fixture, "status changes nothing, not even in an empty database") {
  const auto known = three();
  const auto status = steps.status(known);
  CHECK(status.version == 0);
  CHECK(status.pending.size() == 3);
  CHECK(db.scalar<int>({"x", "SELECT count(*) FROM sqlite_schema"}) == 0);
}

TEST_CASE_METHOD(fixture, "a migration that fails leaves nothing of itself and keeps those before it") {
  auto known = three();
  known[1].up = "CREATE TABLE notes(id INTEGER); NONSENSE;";
  CHECK(code_of([&] { steps.apply(known); }) == hasten::errc::bad_statement);
  CHECK(steps.status(known).version == 1);
  CHECK(tables() == 2);
  CHECK_FALSE(db.in_transaction());
  known[1].up = three()[1].up;  // it was never applied, so it may be corrected
  CHECK(steps.apply(known).steps.size() == 2);
}

TEST_CASE_METHOD(fixture, "a migration that ends its transaction is refused and undone") {
  for (const char* control : {"COMMIT;", "ROLLBACK;", "END;", "BEGIN;", "SAVEPOINT x;", "RELEASE x;"}) {
    auto known = three();
    known[0].up += control;
    CHECK(code_of([&] { steps.apply(known); }) == hasten::errc::migration_refused);
    CHECK(tables() == 0);
  }
  hasten::transaction change(db);  // the session can still begin and commit
  change.commit();
}

TEST_CASE_METHOD(fixture, "a way back undoes the newest first and forgets it") {
  const auto known = three();
  steps.apply(known);
  const auto report = steps.apply(known, {.target = 1});
  REQUIRE(report.steps.size() == 2);
  CHECK(report.steps[0].version == 3);
  CHECK_FALSE(report.steps[0].up);
  CHECK(report.version == 1);
  CHECK(steps.status(known).version == 1);
  CHECK(tables() == 2);
  CHECK(steps.apply(known).version == 3);
}

TEST_CASE_METHOD(fixture, "a dry run reports what would happen and leaves no trace") {
  const auto known = three();
  const auto report = steps.apply(known, {.dry_run = true});
  CHECK(report.steps.size() == 3);
  CHECK(report.version == 3);
  CHECK(db.scalar<int>({"x", "SELECT count(*) FROM sqlite_schema"}) == 0);
  CHECK_FALSE(db.in_transaction());
}

TEST_CASE_METHOD(fixture, "an edited, unknown or missing migration is refused before anything runs") {
  auto known = three();
  steps.apply(known, {.target = 2});
  auto edited = known;
  edited[0].up += " -- harmless, one might think";
  CHECK(code_of([&] { steps.apply(edited); }) == hasten::errc::migration_refused);
  CHECK(code_of([&] { (void)steps.status(edited); }) == hasten::errc::migration_refused);
  known.resize(1);
  CHECK(code_of([&] { steps.apply(known); }) == hasten::errc::migration_refused);
  CHECK(code_of([&] {
          steps.apply(std::vector<hasten::migration>{{.version = 2, .name = "x", .up = "SELECT 1"}});
        }) == hasten::errc::migration_refused);
  CHECK(steps.status(three()).version == 2);
}

TEST_CASE_METHOD(fixture, "two programs that start at once apply every migration once") {
  const auto known = three();
  hasten::monitored_session second(std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                                   monitor);
  steps.apply(known, {.target = 1});
  hasten::migrator other(second);
  CHECK(other.apply(known).steps.size() == 2);
  CHECK(steps.apply(known).steps.empty());
}

TEST_CASE_METHOD(fixture, "a step in C++ runs in its transaction, forth and back, and cannot end it") {
  auto known = three();
  known.push_back(
      {.version = 4,
       .name = "fill",
       .up_code =
           [](hasten::monitored_session& session) {
             for (int id = 0; id < 3; ++id) session.exec({"fill", "INSERT INTO orders VALUES(?1)"}, id);
           },
       .down_code =
           [](hasten::monitored_session& session) { session.exec({"empty", "DELETE FROM orders"}); }});
  CHECK(steps.apply(known).version == 4);
  CHECK(db.scalar<int>({"x", "SELECT count(*) FROM orders"}) == 3);
  CHECK(steps.roll_back(known, 1).version == 3);
  CHECK(db.scalar<int>({"x", "SELECT count(*) FROM orders"}) == 0);
  known[3].up_code = [](hasten::monitored_session& session) {
    session.exec({"fill", "INSERT INTO orders VALUES(1)"});
    session.exec({"end", "COMMIT"});
  };
  CHECK(code_of([&] { steps.apply(known); }) == hasten::errc::migration_refused);
  known[3].up_code = [](hasten::monitored_session& session) {
    session.exec({"fill", "INSERT INTO orders VALUES(1)"});
    throw hasten::error(hasten::errc::timeout, "on purpose");
  };
  CHECK(code_of([&] { steps.apply(known); }) == hasten::errc::timeout);
  CHECK(db.scalar<int>({"x", "SELECT count(*) FROM orders"}) == 0);
  CHECK(steps.status(three()).version == 3);
}

TEST_CASE_METHOD(fixture, "a step without a transaction runs alone, and a dry run only lists from there on") {
  auto known = three();
  known[1].up = "-- hasten: no_transaction\nVACUUM; CREATE TABLE IF NOT EXISTS notes(id INTEGER);";
  const auto rehearsal = steps.apply(known, {.dry_run = true});
  REQUIRE(rehearsal.steps.size() == 3);
  CHECK(rehearsal.steps[0].executed);
  CHECK_FALSE(rehearsal.steps[1].executed);
  CHECK_FALSE(rehearsal.steps[2].executed);
  CHECK(rehearsal.version == 1);
  const auto report = steps.apply(known);
  CHECK(report.steps.size() == 3);
  CHECK(report.version == 3);
  CHECK(tables() == 3);
  known.push_back({.version = 4, .name = "open", .up = "BEGIN", .no_transaction = true});
  CHECK(code_of([&] { steps.apply(known); }) == hasten::errc::migration_refused);
  CHECK_FALSE(db.in_transaction());
}

TEST_CASE_METHOD(
    fixture, "while another program runs a step without a transaction, one waits for as long as one may") {
  auto known = three();
  known[0].no_transaction = true;
  const hasten::detail::file_lock other(file.path() + ".migrating", hasten::steady_time::max());
  CHECK(code_of([&] { steps.apply(known, {.patience = std::chrono::milliseconds(20)}); }) ==
        hasten::errc::busy);
  CHECK_THROWS_AS(steps.apply(known, {.patience = std::chrono::nanoseconds(0)}), std::invalid_argument);
  CHECK(tables() == 0);
}

TEST_CASE_METHOD(fixture, "before the first step down the database is copied as it was") {
  const auto known = three();
  steps.apply(known);
  db.exec({"fill", "INSERT INTO notes VALUES(7)"});
  const std::filesystem::path copy = file.folder() / "before.db";
  CHECK(steps.apply(known, {.target = 0, .backup = copy}).version == 0);
  CHECK(tables() == 0);
  hasten::monitored_session kept(
      std::make_unique<soci::session>(soci::sqlite3, "db=\"" + copy.string() + "\""), monitor);
  CHECK(kept.scalar<int>({"x", "SELECT id FROM notes"}) == 7);
  CHECK(hasten::migrator(kept).status(known).version == 3);
  steps.apply(known);
  CHECK_THROWS_AS(steps.apply(known, {.target = 0, .backup = copy}), std::invalid_argument);
  CHECK(steps.status(known).version == 3);
}

TEST_CASE_METHOD(fixture, "a database built in another way is taken over by a baseline, once") {
  const auto known = three();
  for (const auto& each : {known[0], known[1]}) db.script("by hand", each.up);
  const auto report = steps.baseline(known, 2);
  CHECK(report.version == 2);
  REQUIRE(report.steps.size() == 2);
  CHECK_FALSE(report.steps[0].executed);
  CHECK(steps.apply(known).steps.size() == 1);
  CHECK(code_of([&] { steps.baseline(known, 3); }) == hasten::errc::migration_refused);
  CHECK(steps.status(known).version == 3);
}

TEST_CASE_METHOD(fixture,
                 "an edit that is known to be harmless is taken over by a repair, which runs nothing") {
  auto known = three();
  steps.apply(known);
  CHECK(steps.repair(known).steps.empty());
  known[0].up += " -- a better comment";
  CHECK(steps.list(known)[0].state == hasten::migration_state::changed);
  CHECK(steps.repair(known).steps.size() == 1);
  CHECK(steps.apply(known).steps.empty());
  known.pop_back();
  CHECK(code_of([&] { steps.repair(known); }) == hasten::errc::migration_refused);
  CHECK(steps.list(known)[2].state == hasten::migration_state::unknown);
}

TEST_CASE_METHOD(fixture, "a step that turns up late is applied where that is allowed") {
  auto known = three();
  const hasten::migration late = known[1];
  known.erase(known.begin() + 1);
  constexpr auto gaps = hasten::out_of_order::apply;
  CHECK(code_of([&] { steps.apply(known); }) == hasten::errc::migration_refused);
  CHECK(steps.apply(known, {.policy = gaps}).version == 3);
  known.insert(known.begin() + 1, late);
  CHECK(steps.status(known, gaps).pending.size() == 1);
  CHECK(steps.apply(known, {.policy = gaps}).steps.size() == 1);
  CHECK(steps.apply(known).steps.empty());  // no gap is left
}

namespace {

// Migrates in a child process, which reports when it has come to the middle of step 2 and is killed there.
void kill_in_the_middle(const temporary_database& file, bool inside) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    hasten::query_monitor monitor;
    hasten::monitored_session session(std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                                      monitor);
    auto known = three();
    known[1] = {.version = 2,
                .name = "notes",
                .checksum = hasten::checksum_of(three()[1]),
                .up_code =
                    [&ends](hasten::monitored_session& half) {
                      half.script("half", "CREATE TABLE IF NOT EXISTS notes(id INTEGER);");
                      for (int id = 0; id < 5000; ++id)
                        half.exec({"add", "INSERT INTO lines VALUES(?1)"}, id);
                      static_cast<void>(::write(ends[1], "x", 1));
                      for (;;) ::pause();
                    },
                .no_transaction = !inside};
    hasten::migrator(session).apply(known);
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ends[0], &byte, 1) == 1);
  ::kill(child, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace

TEST_CASE("after a kill in the middle of a migration another run completes it, and nothing is doubled") {
  const temporary_database file;
  kill_in_the_middle(file, true);
  hasten::query_monitor monitor;
  hasten::monitored_session db(std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                               monitor);
  hasten::migrator steps(db);
  CHECK(steps.status(three()).version == 1);
  CHECK(db.scalar<int>({"x", "SELECT count(*) FROM lines"}) == 0);
  CHECK(steps.apply(three()).steps.size() == 2);
  CHECK(db.scalar<int>({"x", "SELECT count(*) FROM hasten_migrations"}) == 3);
  CHECK(db.scalar<std::string>({"x", "PRAGMA integrity_check"}) == "ok");
}

TEST_CASE("after a kill in a step without a transaction the step runs again, and nobody is locked out") {
  const temporary_database file;
  kill_in_the_middle(file, false);
  hasten::query_monitor monitor;
  hasten::monitored_session db(std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                               monitor);
  auto known = three();
  known[1].up = "CREATE TABLE IF NOT EXISTS notes(id INTEGER);";
  known[1].checksum = hasten::checksum_of(three()[1]);
  known[1].no_transaction = true;
  CHECK(hasten::migrator(db).apply(known).steps.size() == 2);
  CHECK(hasten::migrator(db).status(known).version == 3);
}

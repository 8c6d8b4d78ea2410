// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/migrator.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

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

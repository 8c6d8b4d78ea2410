// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/migration_plan.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace {

std::vector<hasten::migration> three() {
  return {{.version = 1, .name = "one", .up = "CREATE TABLE a(x);", .down = "DROP TABLE a;"},
          {.version = 2, .name = "two", .up = "CREATE TABLE b(x);", .down = "DROP TABLE b;"},
          {.version = 3, .name = "three", .up = "CREATE TABLE c(x);", .down = ""}};
}

std::vector<hasten::applied_migration> first(std::size_t count) {
  std::vector<hasten::applied_migration> rows;
  for (const hasten::migration& step : three())
    if (rows.size() < count)
      rows.push_back({.version = step.version, .name = step.name, .checksum = hasten::checksum_of(step)});
  return rows;
}

std::string refusal(const std::vector<hasten::migration>& known,
                    const std::vector<hasten::applied_migration>& applied,
                    int target = hasten::migration_newest) {
  try {
    (void)hasten::plan_migrations(known, applied, target);
  } catch (const hasten::error& failure) {
    CHECK(failure.code() == hasten::errc::migration_refused);
    return failure.what();
  }
  return "";
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the steps that are not applied yet run in order") {
  const auto known = three();
  const auto plan = hasten::plan_migrations(known, first(1));
  REQUIRE(plan.up);
  REQUIRE(plan.steps.size() == 2);
  CHECK(plan.steps[0]->version == 2);
  CHECK(plan.steps[1]->version == 3);
  CHECK(hasten::plan_migrations(known, first(3)).steps.empty());
  CHECK(hasten::plan_migrations(known, first(0), 2).steps.size() == 2);
}

TEST_CASE("the way back runs the newest step first") {
  auto known = three();
  known[2].down = "DROP TABLE c;";
  const auto plan = hasten::plan_migrations(known, first(3), 1);
  REQUIRE_FALSE(plan.up);
  REQUIRE(plan.steps.size() == 2);
  CHECK(plan.steps[0]->version == 3);
  CHECK(plan.steps[1]->version == 2);
}

TEST_CASE("a gap, a duplicate and an empty step are refused") {
  auto known = three();
  known.erase(known.begin() + 1);
  CHECK(says(refusal(known, {}), "version 2 is missing before 3"));
  known = three();
  known[2].version = 2;
  CHECK(says(refusal(known, {}), "version 2 occurs twice"));
  known = three();
  known[1].up.clear();
  CHECK(says(refusal(known, {}), "version 2 does nothing"));
  known = three();
  known[0].name.clear();
  CHECK(says(refusal(known, {}), "version 1 has no name"));
  known = three();
  known[0].version = 0;
  CHECK(says(refusal(known, {}), "version 1 is missing before 0"));
}

TEST_CASE("a database that is ahead, has a gap or knows another text is refused") {
  const auto known = three();
  auto applied = first(3);
  applied.push_back({.version = 4, .name = "four", .checksum = "x"});
  CHECK(says(refusal(known, applied), "version 4, which this program does not know"));
  applied = first(3);
  applied.erase(applied.begin() + 1);
  CHECK(says(refusal(known, applied), "the database has version 3 but not 2"));
  auto edited = three();
  edited[0].up += " CREATE TABLE d(x);";
  CHECK(says(refusal(edited, first(1)), "version 1 was changed after it had been applied"));
}

TEST_CASE("a target out of range and a step that cannot be undone are refused") {
  CHECK(says(refusal(three(), first(1), 4), "target must be 0..3, got 4"));
  CHECK(says(refusal(three(), first(1), -2), "target must be 0..3, got -2"));
  CHECK(says(refusal(three(), first(3), 1), "version 3 cannot be undone"));
}

TEST_CASE("a checksum sees words but not line endings, trailing blanks or a byte order mark") {
  const std::string plain = hasten::migration_checksum("CREATE TABLE a(x);\nCREATE TABLE b(x);\n");
  CHECK(plain.size() == 16);
  CHECK(plain == hasten::migration_checksum("\xEF\xBB\xBF"
                                            "CREATE TABLE a(x); \r\nCREATE TABLE b(x);"));
  CHECK(plain != hasten::migration_checksum("CREATE TABLE a(x);\nCREATE TABLE c(x);\n"));
  CHECK(plain != hasten::migration_checksum("CREATE TABLE a(x);CREATE TABLE b(x);\n"));
  CHECK(hasten::migration_checksum("") == hasten::migration_checksum("\n\r\n"));
}

TEST_CASE("a declared checksum stands for the text") {
  auto known = three();
  known[0].checksum = "fixed";
  auto applied = first(1);
  CHECK_FALSE(refusal(known, applied).empty());
  applied[0].checksum = "fixed";
  CHECK(refusal(known, applied).empty());
}

TEST_CASE("with gaps allowed, a step that turns up late is applied in its turn, and undone in its turn") {
  auto known = three();
  known[2].down = "DROP TABLE c;";
  known.push_back({.version = 10, .name = "ten", .up = "SELECT 1", .down = "SELECT 1"});
  CHECK(says(refusal(known, {}), "version 4 is missing before 10"));
  std::vector<hasten::applied_migration> applied = first(1);
  applied.push_back({.version = 10, .name = "ten", .checksum = hasten::checksum_of(known[3])});
  constexpr auto late = hasten::out_of_order::apply;
  const auto up = hasten::plan_migrations(known, applied, hasten::migration_newest, late);
  REQUIRE(up.up);
  REQUIRE(up.steps.size() == 2);
  CHECK(up.steps[0]->version == 2);
  CHECK(up.steps[1]->version == 3);
  const auto down = hasten::plan_migrations(known, applied, 1, late);
  REQUIRE_FALSE(down.up);
  REQUIRE(down.steps.size() == 1);
  CHECK(down.steps[0]->version == 10);
  CHECK_THROWS_AS(hasten::plan_migrations(known, applied, 7, late), hasten::error);
  std::swap(known[0], known[1]);
  CHECK_THROWS_AS(hasten::plan_migrations(known, {}, 3, late), hasten::error);
}

TEST_CASE("the way back by a number of steps ends at the version before them") {
  CHECK(hasten::target_before(first(3), 1) == 2);
  CHECK(hasten::target_before(first(3), 3) == 0);
  CHECK(hasten::target_before(first(3), 9) == 0);
  CHECK(hasten::target_before(first(0), 1) == 0);
}

TEST_CASE("a step without a transaction says so by its field or in its first comment") {
  using hasten::runs_without_transaction;
  hasten::migration step{
      .version = 1, .name = "x", .up = "-- an index\n\n--  hasten: no_transaction \r\nVACUUM;"};
  CHECK(runs_without_transaction(step, true));
  CHECK_FALSE(runs_without_transaction(step, false));
  step.up = "VACUUM; -- hasten: no_transaction";
  CHECK_FALSE(runs_without_transaction(step, true));
  step.up = "VACUUM;\n-- hasten: no_transaction";
  CHECK_FALSE(runs_without_transaction(step, true));
  step.up = "--";
  CHECK_FALSE(runs_without_transaction(step, true));
  step.no_transaction = true;
  CHECK(runs_without_transaction(step, false));
}

TEST_CASE(
    "a step in C++ is known by its name or by a declared checksum, and excludes SQL for that direction") {
  std::vector<hasten::migration> known = three();
  known[2] = {.version = 3, .name = "code", .up_code = [](hasten::monitored_session&) {}};
  CHECK(refusal(known, {}).empty());
  CHECK(hasten::checksum_of(known[2]) == hasten::migration_checksum("code"));
  CHECK_FALSE(hasten::can_be_undone(known[2]));
  known[2].down_code = known[2].up_code;
  CHECK(hasten::can_be_undone(known[2]));
  known[2].up = "SELECT 1";
  CHECK(says(refusal(known, {}), "version 3 has both SQL and code"));
}

TEST_CASE("a list tells of every version how it stands, and refuses nothing") {
  auto known = three();
  auto applied = first(2);
  applied[0].applied_at_ms = 7;
  applied[0].duration_us = 9;
  applied.push_back({.version = 9, .name = "nine", .checksum = "x"});
  known[1].up += " -- edited";
  const auto entries = hasten::list_migrations(known, applied);
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].state == hasten::migration_state::applied);
  CHECK(entries[0].applied_at_ms == 7);
  CHECK(entries[0].duration_us == 9);
  CHECK(entries[0].can_be_undone);
  CHECK(entries[1].state == hasten::migration_state::changed);
  CHECK(entries[2].state == hasten::migration_state::pending);
  CHECK_FALSE(entries[2].can_be_undone);
  CHECK(entries[3].version == 9);
  CHECK(entries[3].state == hasten::migration_state::unknown);
  CHECK(hasten::name_of(entries[3].state) == "unknown");
}

TEST_CASE("a baseline takes versions as done where there is no history, and only there") {
  const auto known = three();
  CHECK(hasten::plan_baseline(known, {}, 2).size() == 2);
  CHECK_THROWS_AS(hasten::plan_baseline(known, first(1), 2), hasten::error);
  CHECK_THROWS_AS(hasten::plan_baseline(known, {}, 4), hasten::error);
}

TEST_CASE("a repair takes over texts and names that were edited, but no version that it does not know") {
  auto known = three();
  CHECK(hasten::plan_repair(known, first(3)).empty());
  known[0].up += " -- edited";
  known[2].name = "renamed";
  const auto steps = hasten::plan_repair(known, first(3));
  REQUIRE(steps.size() == 2);
  CHECK(steps[0]->version == 1);
  CHECK(steps[1]->version == 3);
  known.pop_back();
  CHECK_THROWS_AS(hasten::plan_repair(known, first(3)), hasten::error);
}

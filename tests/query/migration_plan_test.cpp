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

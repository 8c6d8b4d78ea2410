// SPDX-License-Identifier: BSL-1.0
#include "migrations/migrate_command.hpp"

#include "migrations/embedded_migrations.hpp"
#include "migrations/local_database.hpp"
#include "support/child_process.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const int newest = claims_app::sqlite_migrations().back().version;

child_process::result migrate(const fs::path& database, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {HASTEN_REFERENCE_APP, "migrate", "--database", database.string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(arguments);
}

bool says(const child_process::result& ran, const std::string& text) {
  UNSCOPED_INFO(ran.output);
  return ran.output.find(text) != std::string::npos;
}

// How many copies lie beside the database that were made before a step down.
int copies(const fs::path& folder) {
  int count = 0;
  for (const auto& each : fs::directory_iterator(folder))
    count += each.path().filename().string().find(".before-down-") != std::string::npos ? 1 : 0;
  return count;
}

void alter_history(const fs::path& database, const char* change) {
  claims_app::local_database opened(database);
  opened.session().script("test.history", change);
}

}  // namespace

TEST_CASE("a database goes up, is told about, goes down after a copy was made, and up again") {
  const temporary_folder folder;
  const fs::path file = folder.path() / "claims.db";
  CHECK(says(migrate(file), "applied 0001 claims in "));
  CHECK(says(migrate(file, {"up"}), "nothing to do"));
  auto status = migrate(file, {"status", "--exit-code"});
  CHECK(status.status == 0);
  CHECK(says(status, "0001 claims "));
  CHECK(says(status, " applied 20"));

  auto rehearsed = migrate(file, {"down", std::to_string(newest), "--dry-run"});
  CHECK(rehearsed.status == 0);
  CHECK(says(rehearsed, "dry run: nothing was changed"));
  CHECK(copies(folder.path()) == 0);
  CHECK(migrate(file, {"status", "--exit-code"}).status == 0);

  CHECK(says(migrate(file, {"down"}), "the database as it was: "));
  CHECK(copies(folder.path()) == 1);
  CHECK(migrate(file, {"status", "--exit-code"}).status == 3);
  CHECK(says(migrate(file, {"to", "0", "--no-backup"}), "schema version 0"));
  CHECK(copies(folder.path()) == 1);
  auto pending = migrate(file, {"status"});
  CHECK(pending.status == 0);
  CHECK(says(pending, " pending"));
  CHECK(says(migrate(file, {"up", "--dry-run"}), "applied 0001"));
  CHECK(says(migrate(file, {"to", std::to_string(newest)}), "schema version " + std::to_string(newest)));
}

TEST_CASE("what was edited is refused, told, and taken over by a repair") {
  const temporary_folder folder;
  const fs::path file = folder.path() / "claims.db";
  REQUIRE(migrate(file).status == 0);
  alter_history(file, "UPDATE hasten_migrations SET checksum='of another text' WHERE version=1");
  auto refused = migrate(file);
  CHECK(refused.status == 1);
  CHECK(says(refused, "version 1 was changed after it had been applied"));
  CHECK(says(migrate(file, {"status"}), " changed"));
  CHECK(says(migrate(file, {"repair"}), "took over the text of 0001"));
  CHECK(migrate(file).status == 0);
}

TEST_CASE("a database without a history is taken over by a baseline") {
  const temporary_folder folder;
  const fs::path file = folder.path() / "claims.db";
  REQUIRE(migrate(file).status == 0);
  alter_history(file, "DROP TABLE hasten_migrations");
  CHECK(migrate(file).status == 1);  // the tables are there already
  CHECK(says(migrate(file, {"baseline", std::to_string(newest)}), "took as applied 0001"));
  CHECK(says(migrate(file), "nothing to do"));
  CHECK(migrate(file, {"baseline", "1"}).status == 1);
}

TEST_CASE("verbs other than up make no database, and what is no version is refused") {
  const temporary_folder folder;
  const fs::path file = folder.path() / "claims.db";
  for (const char* verb : {"status", "down", "repair"})
    CHECK(says(migrate(file, {verb}), "there is no database"));
  CHECK_FALSE(fs::exists(file));
  REQUIRE(migrate(file).status == 0);
  CHECK(migrate(file, {"to", "9999"}).status == 1);
  CHECK(migrate(file, {"to"}).status != 0);
  CHECK(migrate(file, {"sideways"}).status != 0);
}

// SPDX-License-Identifier: BSL-1.0
#include "migrations/embedded_migrations.hpp"

#include "support/text_file.hpp"

#include <hasten/soci/sql_job_store.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>

using claims_app::sqlite_migrations;

TEST_CASE("the program holds every migration of the folder, in order, word for word") {
  const std::filesystem::path folder = HASTEN_MIGRATIONS;
  int version = 0;
  for (const auto& migration : sqlite_migrations()) {
    CHECK(migration.version == ++version);
    std::string name = std::to_string(version);
    name = std::string(4 - name.size(), '0') + name + "_" + migration.name;
    CHECK(migration.up == read_file(folder / (name + ".up.sql")));
    CHECK(migration.down == read_file(folder / (name + ".down.sql")));
    CHECK(migration.checksum.size() == 64);
  }
  const auto files = std::count_if(std::filesystem::directory_iterator(folder), {}, [](const auto& file) {
    return file.path().filename().string().ends_with(".up.sql");
  });
  CHECK(version == files);
  CHECK(version >= 1);
}

TEST_CASE("a migration that was released is never edited") {
  REQUIRE_FALSE(sqlite_migrations().empty());
  CHECK(sqlite_migrations()[0].checksum ==
        "53a86fbc34a51ee97124cd647de68a4e7bbf47b08a738794298f87a1a4f34798");
}

TEST_CASE("the table of jobs is the one that the library works on") {
  const auto& jobs = sqlite_migrations()[1];
  REQUIRE(jobs.name == "jobs");
  const std::string text(jobs.up);
  CHECK(text.substr(text.find('\n') + 1) ==
        hasten::sql_job_store::schema(2).up);  // after the comment above it
}

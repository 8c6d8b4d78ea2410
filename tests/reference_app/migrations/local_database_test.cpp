// SPDX-License-Identifier: BSL-1.0
#include "migrations/local_database.hpp"

#include "migrations/embedded_migrations.hpp"
#include "support/temporary_folder.hpp"
#include "support/text_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <stdexcept>

using claims_app::local_database;

TEST_CASE("a database is made with the newest schema and its key, once") {
  const temporary_folder folder;
  const auto path = folder.path() / "claims.db";
  {
    local_database first(path);
    CHECK(first.migrated().version == static_cast<int>(claims_app::sqlite_migrations().size()));
    CHECK(first.migrated().steps.size() == claims_app::sqlite_migrations().size());
    CHECK(first.session().scalar<std::int64_t>({"test.claims", "SELECT count(*) FROM claims"}) == 0);
  }
  CHECK(std::filesystem::exists(folder.path() / "claims.db.key"));
  const std::string key = read_file(folder.path() / "claims.db.key");
  local_database second(path);
  CHECK(second.migrated().steps.empty());
  CHECK(read_file(folder.path() / "claims.db.key") == key);
}

TEST_CASE("a key that is missing is made again only while nobody depends on it") {
  const temporary_folder folder;
  const auto path = folder.path() / "claims.db";
  {
    const local_database first(path);
  }
  std::filesystem::remove(folder.path() / "claims.db.key");
  {
    local_database again(path);
    again.session().script("test.patient",
                           "INSERT INTO practices VALUES(1, 'p', 'p', 0);"
                           "INSERT INTO patients VALUES(1, 'q', 1, x'00', 0)");
  }
  CHECK_NOTHROW(local_database(path));
  std::filesystem::remove(folder.path() / "claims.db.key");
  CHECK_THROWS_AS(local_database(path), std::runtime_error);
}

TEST_CASE("a file that is no database is refused") {
  const temporary_folder folder;
  const auto path = write_file(folder.path() / "claims.db", std::string(4096, 'x'));
  CHECK_THROWS_AS(local_database(path), hasten::error);
  CHECK_THROWS_AS(local_database(folder.path() / "missing" / "claims.db"), hasten::error);
}

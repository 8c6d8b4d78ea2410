// SPDX-License-Identifier: BSL-1.0
#include "jobs/job_handlers.hpp"

#include "migrations/embedded_migrations.hpp"

#include <catch2/catch_test_macros.hpp>

TEST_CASE("the app's table of jobs is the one that the library works on") {
  const auto migrations = claims_app::sqlite_migrations();
  REQUIRE(migrations.size() >= 2);
  CHECK(migrations[1].name == "jobs");
  CHECK(migrations[1].up.ends_with(hasten::sql_job_store::schema(2).up));
}

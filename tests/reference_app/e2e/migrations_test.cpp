// SPDX-License-Identifier: BSL-1.0
#include "e2e/running_service.hpp"
#include "migrations/embedded_migrations.hpp"

using e2e::check_problem;
using e2e::running_service;
using e2e::text;
using e2e::with_token;
namespace json = e2e::json;

namespace {

const int newest = claims_app::sqlite_migrations().back().version;

json::value list(httplib::Client& client, const char* path = "/api/v1/admin/migrations") {
  const auto told = client.Get(path, with_token());
  REQUIRE(told);
  INFO(told->body);
  REQUIRE(told->status == 200);
  return json::parse(told->body);
}

void alter_history(const running_service& running, const char* change) {
  claims_app::local_database opened(running.database());
  opened.session().script("test.history", change);
}

}  // namespace

TEST_CASE("the operator sees the schema's history and that nothing is left to run") {
  running_service running(5);
  auto client = running.client();
  for (const char* path : {"/api/v1/admin/migrations", "/api/monitoring/migrations"}) {
    const auto told = list(client, path);
    CHECK(told.at("version").as_int64() == newest);
    CHECK(told.at("pending").as_int64() == 0);
    CHECK(told.at("agree").as_bool());
    const auto& first = told.at("migrations").as_array().at(0);
    CHECK(text(first, "name") == "claims");
    CHECK(text(first, "state") == "applied");
    CHECK(text(first, "appliedAt").ends_with("Z"));
    CHECK(first.at("durationMs").as_double() > 0);
  }
  for (const char* path : {"/api/v1/admin/migrations/run", "/api/monitoring/migrations/run"}) {
    const auto ran = client.Post(path, with_token(), "{}", "application/json");
    REQUIRE(ran);
    CHECK(ran->status == 200);
    CHECK(json::parse(ran->body).at("steps").as_array().empty());
    CHECK(json::parse(ran->body).at("version").as_int64() == newest);
  }
}

TEST_CASE("a history that does not agree is listed, and running is refused without touching anything") {
  running_service running(5);
  auto client = running.client();
  alter_history(running, "UPDATE hasten_migrations SET checksum='of another text' WHERE version=1");
  const auto told = list(client);
  CHECK_FALSE(told.at("agree").as_bool());
  CHECK(text(told.at("migrations").as_array().at(0), "state") == "changed");
  for (const char* query : {"", "?dry_run=true"})
    check_problem(client.Post("/api/v1/admin/migrations/run" + std::string(query), with_token(), "{}",
                              "application/json"),
                  409);
}

TEST_CASE("the migration routes want the token, known parameters and the right method") {
  running_service running(5);
  auto client = running.client();
  check_problem(client.Get("/api/v1/admin/migrations"), 401);
  check_problem(client.Post("/api/v1/admin/migrations/run", "{}", "application/json"), 401);
  check_problem(client.Get("/api/v1/admin/migrations?x=1", with_token()), 400);
  check_problem(client.Get("/api/v1/admin/migrations/run", with_token()), 405);
  check_problem(
      client.Post("/api/v1/admin/migrations/run?dry_run=perhaps", with_token(), "{}", "application/json"),
      400);
  const auto dry =
      client.Post("/api/v1/admin/migrations/run?dry_run=true", with_token(), "{}", "application/json");
  REQUIRE(dry);
  CHECK(dry->status == 200);
  CHECK(json::parse(dry->body).at("dryRun").as_bool());
}

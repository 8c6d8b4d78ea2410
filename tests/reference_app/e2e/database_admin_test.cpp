// SPDX-License-Identifier: BSL-1.0
#include "admin/database_handlers.hpp"
#include "e2e/running_service.hpp"

#include <hasten/soci/transaction.hpp>

#include <algorithm>
#include <chrono>
#include <source_location>
#include <string>
#include <vector>

using e2e::body_of;
using e2e::running_service;
using e2e::text;

namespace {

e2e::json::value ask(httplib::Client& client, const std::string& path, int status = 200) {
  const auto result = client.Get(path, e2e::with_token());
  REQUIRE(result);
  INFO(result->body);
  REQUIRE(result->status == status);
  return e2e::json::parse(result->body);
}

}  // namespace

TEST_CASE("the database's health tells its file, log and sizes, and whether it is sound if asked") {
  running_service service(50);
  auto client = service.client();
  for (const char* path : {"/api/v1/admin/database/health", "/api/admin/database/health"}) {
    const auto health = ask(client, path);
    CHECK(text(health, "status") == "up");
    CHECK(text(health, "journalMode") == "wal");
    CHECK(text(health, "check") == "not_checked");
    CHECK(health.at("openTransactions").at("count").as_int64() >= 0);  // the server has its own
    CHECK(health.at("bytes").to_number<std::int64_t>() > 100'000);
    CHECK(health.at("sizes").as_array().size() > 10);
  }
  CHECK(text(ask(client, "/api/v1/admin/database/health?check=true"), "check") == "sound");
  (void)ask(client, "/api/v1/admin/database/health?check=perhaps", 400);
}

TEST_CASE("the database's health tells the transactions that are open, and which line began the oldest") {
  const temporary_folder folder;
  hasten::query_monitor queries;
  hasten::plan_book plans;
  hasten::session_pool sessions({.path = (folder.path() / "any.db").string(), .readers = 1}, queries);
  claims_app::database_handlers handlers({.sessions = sessions, .queries = queries, .plans = plans});
  std::vector<claims_app::route> routes;
  handlers.add_routes(routes);
  const auto open = [&] {
    const auto health =
        std::ranges::find(routes, "/api/v1/admin/database/health", &claims_app::route::pattern);
    claims_app::work task{.deadline = hasten::steady_clock_source::now() + std::chrono::seconds(30)};
    return e2e::json::parse(health->get({}).load(task).body).at("openTransactions");
  };
  {
    auto session = sessions.write(hasten::steady_clock_source::now() + std::chrono::seconds(30));
    const unsigned line = std::source_location::current().line() + 1;
    const hasten::transaction left_open(*session);
    const auto told = open();
    CHECK(told.at("count").as_int64() == 1);
    CHECK(told.at("oldestAgeMs").to_number<double>() >= 0);
    CHECK(text(told, "oldestAt") == "database_admin_test.cpp:" + std::to_string(line));
    CHECK(told.as_object().size() == 3);
  }
  const auto none = open();
  CHECK(none.at("count").as_int64() == 0);
  CHECK(none.as_object().size() == 1);
}

TEST_CASE("statements are listed with their times and plans, sorted as asked") {
  running_service service(50);
  auto client = service.client();
  (void)e2e::get(client, "/api/v1/claims?limit=5");
  (void)e2e::get(client, "/api/v1/claims?limit=6");
  (void)e2e::get(client, "/api/v1/payers");
  const auto queries = ask(client, "/api/v1/admin/database/queries?sort=calls&limit=3");
  const auto& statements = queries.at("statements").as_array();
  REQUIRE(statements.size() == 3);
  CHECK(statements[0].at("calls").to_number<int>() >= statements[1].at("calls").to_number<int>());
  const auto all = ask(client, "/api/v1/admin/database/queries?limit=500");
  bool found = false;
  for (const auto& each : all.at("plans").as_array()) {
    if (text(each, "name") != "claims.page") continue;
    found = true;
    CHECK(each.at("good").as_bool());
    CHECK(text(each, "shape").starts_with("select c.id, c.public_id"));
    CHECK_FALSE(each.at("steps").as_array().empty());
  }
  CHECK(found);
  for (const char* bad : {"?sort=name", "?limit=0", "?limit=501", "?x=1"})
    (void)ask(client, std::string("/api/v1/admin/database/queries") + bad, 400);
}

TEST_CASE("metrics tell statements, plans and sessions") {
  running_service service(5);
  auto client = service.client();
  (void)e2e::get(client, "/api/v1/claims");
  const auto metrics = ask(client, "/api/v1/admin/database/metrics");
  CHECK(metrics.at("statements").at("calls").to_number<int>() > 0);
  CHECK(metrics.at("plans").at("kept").to_number<int>() > 0);
  CHECK(metrics.at("plans").at("failures").to_number<int>() == 0);
  CHECK(metrics.at("readers").at("sizeMax").to_number<int>() > 0);
}

TEST_CASE("recommendations come with evidence and an action, and apply nothing") {
  running_service service(50);
  auto client = service.client();
  (void)e2e::get(client, "/api/v1/claims?status=denied");
  const auto told = ask(client, "/api/v1/admin/database/recommendations");
  CHECK(told.at("complete").as_bool());
  for (const auto& each : told.at("recommendations").as_array()) {
    CHECK_FALSE(text(each, "evidence").empty());
    CHECK_FALSE(text(each, "action").empty());
  }
  CHECK(e2e::json::serialize(told).find("index_missing") == std::string::npos);  // the schema has them all
}

TEST_CASE("the upkeep runs when it is asked for") {
  running_service service(50);
  auto client = service.client();
  (void)e2e::get(client, "/api/v1/claims");
  for (const char* path : {"/api/v1/admin/database/optimize", "/api/monitoring/optimize"}) {
    const auto result = client.Post(path, e2e::with_token(), "", "application/json");
    REQUIRE(result);
    INFO(result->body);
    REQUIRE(result->status == 200);
    const auto body = e2e::json::parse(result->body);
    REQUIRE(body.at("steps").as_array().size() == 3);
    CHECK(text(body.at("steps").as_array()[0], "outcome") == "done");
    CHECK(body.at("plansFailed").to_number<int>() == 0);
  }
  CHECK(ask(client, "/api/v1/admin/database/health").at("analysed").as_bool());
}

TEST_CASE("nobody sees the database without the token") {
  running_service service(5);
  auto client = service.client();
  for (const char* path : {"health", "metrics", "queries", "recommendations"}) {
    const auto result = client.Get(std::string("/api/v1/admin/database/") + path);
    REQUIRE(result);
    CHECK(result->status == 401);
  }
  for (const char* path : {"/api/v1/admin/database/optimize", "/api/monitoring/optimize"}) {
    const auto result = client.Post(path, "", "application/json");
    REQUIRE(result);
    CHECK(result->status == 401);
    const auto get = client.Get(path, e2e::with_token());
    REQUIRE(get);
    CHECK(get->status == 405);
  }
}

// SPDX-License-Identifier: BSL-1.0
#include "e2e/raw_client.hpp"
#include "e2e/running_service.hpp"

#include <future>
#include <memory>
#include <string>
#include <vector>

using e2e::all_samples;
using e2e::body_of;
using e2e::check_problem;
using e2e::running_service;
using e2e::text;
using e2e::with_token;

namespace {

boost::json::value pool_of(const boost::json::value& stats) { return stats.at("pools").as_array().at(0); }

/// A task counts as completed once it has returned, which may be after its client has the answer.
void await_first_completion(httplib::Client& client) {
  for (;;) {  // hangs if no task is ever counted
    const auto pool = pool_of(body_of(client.Get("/api/v1/admin/workers/stats", with_token())));
    if (pool.at("completed").as_int64() >= 1) return;
  }
}

}  // namespace

TEST_CASE("an operator sees what the workers do, under either address") {
  running_service running(10);
  auto client = running.client();
  static_cast<void>(e2e::get(client, "/api/v1/claims"));
  await_first_completion(client);
  for (const char* path : {"/api/v1/admin/workers/stats", "/api/admin/workers/stats"}) {
    const auto result = client.Get(path, with_token());
    const auto pool = pool_of(body_of(result));
    CHECK(result->status == 200);
    CHECK(text(pool, "name") == "claims");
    CHECK(pool.at("threads").as_int64() == 2);
    CHECK(pool.at("completed").as_int64() >= 1);
    CHECK(pool.at("utilisation").to_number<double>() >= 0);
    CHECK(pool.at("lanes").as_array().size() == 3);
    CHECK_FALSE(pool.at("paused").as_bool());
  }
  check_problem(client.Get("/api/v1/admin/workers/stats"), 401);
}

TEST_CASE("a paused pool begins nothing until it is resumed, and says so meanwhile") {
  running_service running(10);
  auto client = running.client();
  const auto paused =
      client.Post("/api/v1/admin/workers/claims/pause", with_token(), "{}", "application/json");
  CHECK(body_of(paused).at("paused").as_bool());
  auto waiting = std::async(std::launch::async, [&] { return running.client().Get("/api/v1/claims"); });
  for (;;) {  // hangs if the request never gets as far
    const auto pool = pool_of(body_of(client.Get("/api/v1/admin/workers/stats", with_token())));
    CHECK(pool.at("paused").as_bool());
    if (pool.at("queued").as_int64() == 1) break;
  }
  const auto resumed =
      client.Post("/api/v1/admin/workers/claims/resume", with_token(), "{}", "application/json");
  CHECK_FALSE(body_of(resumed).at("paused").as_bool());
  const auto answered = waiting.get();
  REQUIRE(answered);
  CHECK(answered->status == 200);
}

TEST_CASE("only a pool that exists is paused, by an operator and by POST") {
  running_service running(1);
  auto client = running.client();
  check_problem(client.Post("/api/v1/admin/workers/other/pause", with_token(), "{}", "application/json"),
                404);
  check_problem(client.Post("/api/v1/admin/workers/claims/pause", "{}", "application/json"), 401);
  check_problem(client.Get("/api/v1/admin/workers/claims/pause", with_token()), 405);
  check_problem(client.Post("/api/v1/admin/workers/claims/stop", with_token(), "{}", "application/json"),
                404);
}

TEST_CASE(
    "operators have a listener of their own, with nothing of the clients' on it, and the other way round") {
  running_service running(1, [](claims_app::serve_config& config) { config.separates_admin = true; });
  auto clients = running.client();
  auto operators = running.admin_client();
  for (const char* path : {"/api/v1/admin/cache/stats", "/api/admin/workers/stats", "/metrics"}) {
    check_problem(clients.Get(path, with_token()), 404);
    CHECK(operators.Get(path, with_token())->status == 200);
    check_problem(operators.Get(path), 401);
  }
  check_problem(clients.Post("/api/v1/admin/workers/claims/pause", with_token(), "{}", "application/json"),
                404);
  CHECK(clients.Get("/api/v1/claims")->status == 200);
  check_problem(operators.Get("/api/v1/claims", with_token()), 404);
  for (const char* path : {"/livez", "/readyz", "/startupz", "/api/v1/health"}) {
    CHECK(clients.Get(path)->status == 200);
    CHECK(operators.Get(path)->status == 200);
  }
}

TEST_CASE("an API that can take nothing more still answers its operator") {
  running_service running(10, [](claims_app::serve_config& config) {
    config.separates_admin = true;
    config.queue = 1;
    config.client_connections = 4;
  });
  auto operators = running.admin_client();
  const auto post = [&](const char* path) {
    return operators.Post(path, with_token(), "{}", "application/json");
  };
  const auto queued = [&] {
    return pool_of(body_of(operators.Get("/api/v1/admin/workers/stats", with_token())))
        .at("queued")
        .as_int64();
  };
  CHECK(body_of(post("/api/v1/admin/workers/claims/pause")).at("paused").as_bool());
  std::vector<std::unique_ptr<e2e::raw_client>> all;
  for (int count = 0; count < 4; ++count) {
    all.push_back(std::make_unique<e2e::raw_client>(running.port()));
    all.back()->send("GET /api/v1/claims?limit=" + std::to_string(count + 1) +
                     " HTTP/1.1\r\nHost: h\r\n\r\n");
    while (count == 0 && queued() == 0) {
    }
    if (count > 0) CHECK(all.back()->read().status == 503);
  }
  CHECK(e2e::raw_client(running.port()).is_closed());

  for (const char* path : {"/livez", "/metrics", "/api/v1/admin/performance", "/api/v1/admin/health",
                           "/api/v1/admin/cache/stats"})
    CHECK(operators.Get(path, with_token())->status == 200);
  const auto waiting = body_of(operators.Get("/api/v1/admin/requests/inflight", with_token()));
  CHECK(boost::json::serialize(waiting).find("/api/v1/claims") != std::string::npos);
  CHECK(body_of(operators.Get("/api/v1/admin/database/health", with_token())).is_object());
  CHECK(queued() == 1);
  CHECK_FALSE(body_of(post("/api/v1/admin/workers/claims/resume")).at("paused").as_bool());
  CHECK(all.front()->read().status == 200);
}

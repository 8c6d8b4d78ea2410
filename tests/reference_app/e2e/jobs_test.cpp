// SPDX-License-Identifier: BSL-1.0
#include "e2e/running_service.hpp"

#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/sql_job_store.hpp>

#include <array>
#include <chrono>
#include <string>
#include <thread>

using e2e::check_problem;
using e2e::running_service;
using e2e::text;
using e2e::with_token;
namespace json = e2e::json;

namespace {

// The server's jobs, seen by another program on the same file.
struct beside {
  hasten::query_monitor monitor;
  hasten::session_pool pool;
  hasten::sql_job_store store{pool};

  explicit beside(const running_service& running)
      : pool({.path = running.database(), .readers = 1}, monitor) {}

  hasten::job_id add(const std::string& kind, hasten::job_options chosen = {}) {
    return store.enqueue(std::array{hasten::make_job(kind, 1, chosen)}, hasten::wall_clock_source::now())
        .at(0)
        .id;
  }
};

std::string job_path(hasten::job_id id) { return "/api/v1/jobs/" + std::to_string(id); }

json::value post(httplib::Client& client, const std::string& path, int status) {
  const auto told = client.Post(path, with_token(), "{}", "application/json");
  REQUIRE(told);
  INFO(told->body);
  REQUIRE(told->status == status);
  return json::parse(told->body);
}

std::string step(hasten::job_id id, const char* what) {
  return "/api/v1/admin/jobs/" + std::to_string(id) + "/" + what;
}

}  // namespace

TEST_CASE("a client follows a job by its number") {
  running_service running(5);
  beside other(running);
  const auto id = other.add("nobody.runs.this");
  auto client = running.client();
  const auto job = e2e::get(client, job_path(id));
  CHECK(job.at("id").as_int64() == id);
  CHECK(text(job, "kind") == "nobody.runs.this");
  CHECK(text(job, "state") == "available");
  CHECK(job.at("attempt").as_int64() == 0);
  CHECK(job.at("finishedAt").is_null());
  CHECK(job.at("reason").is_null());
  CHECK(text(job, "createdAt").ends_with("Z"));
}

TEST_CASE("what is no job is not found") {
  running_service running(5);
  auto client = running.client();
  for (const char* id : {"4711", "0", "-1", "x", "99999999999999999999"})
    CHECK(client.Get(std::string("/api/v1/jobs/") + id)->status == 404);
  CHECK(client.Post(step(4711, "retry"), with_token(), "{}", "application/json")->status == 404);
}

TEST_CASE("operators list jobs by state and mend them; others may not") {
  running_service running(5);
  beside other(running);
  auto client = running.client();
  const auto first = other.add("a");
  const auto second = other.add("b");
  CHECK(client.Get("/api/v1/admin/jobs")->status == 401);
  CHECK(client.Post(step(first, "cancel"), "{}", "application/json")->status == 401);

  CHECK(text(post(client, step(first, "cancel"), 200), "state") == "cancelled");
  CHECK(post(client, step(second, "retry"), 409).at("status").as_int64() == 409);
  CHECK(post(client, step(second, "discard"), 409).at("status").as_int64() == 409);

  const auto list = [&](const std::string& query) {
    const auto told = client.Get("/api/v1/admin/jobs" + query, with_token());
    REQUIRE(told);
    INFO(told->body);
    REQUIRE(told->status == 200);
    return json::parse(told->body);
  };
  const auto cancelled = list("?state=cancelled");
  REQUIRE(cancelled.at("jobs").as_array().size() == 1);
  CHECK(cancelled.at("jobs").as_array()[0].at("id").as_int64() == first);
  CHECK(cancelled.at("nextBefore").is_null());
  CHECK(cancelled.at("counts").at("available").as_int64() == 1);
  CHECK(list("").at("jobs").as_array().empty());  // the dead ones
  CHECK(client.Get("/api/v1/admin/jobs?state=lost", with_token())->status == 400);
  CHECK(client.Get("/api/v1/admin/jobs?limit=0", with_token())->status == 400);

  CHECK(text(post(client, step(first, "retry"), 200), "state") == "available");
  post(client, step(first, "cancel"), 200);
  post(client, step(first, "discard"), 200);
  CHECK(client.Get(job_path(first))->status == 404);
}

TEST_CASE("pages of jobs follow one another") {
  running_service running(5);
  beside other(running);
  for (int i = 0; i < 5; ++i) other.add("a");
  auto client = running.client();
  std::vector<std::int64_t> seen;
  std::string query = "?state=available&limit=2";
  for (int page = 0; page < 3; ++page) {
    const auto told = json::parse(client.Get("/api/v1/admin/jobs" + query, with_token())->body);
    for (const auto& each : told.at("jobs").as_array()) seen.push_back(each.at("id").as_int64());
    if (told.at("nextBefore").is_null()) break;
    query = "?state=available&limit=2&before=" + std::to_string(told.at("nextBefore").as_int64());
  }
  CHECK(seen == std::vector<std::int64_t>{5, 4, 3, 2, 1});
}

TEST_CASE("scoring all claims is started by a client, followed, and ends with its result") {
  running_service running(40);
  auto client = running.client();
  const auto accepted = client.Post("/api/v1/risk/recompute", "{}", "application/json");
  REQUIRE(accepted);
  INFO(accepted->body);
  REQUIRE(accepted->status == 202);
  const std::string path = accepted->get_header_value("Location");
  CHECK(path == job_path(json::parse(accepted->body).at("id").as_int64()));
  json::value job;
  const auto limit = hasten::steady_clock_source::now() + std::chrono::seconds(30);
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    job = e2e::get(client, path);
  } while (text(job, "state") != "completed" && hasten::steady_clock_source::now() < limit);
  INFO(json::serialize(job));
  REQUIRE(text(job, "state") == "completed");
  CHECK(job.at("progress").to_number<double>() == 1.0);
  const auto& result = job.at("result");
  CHECK(result.at("claims").as_int64() == 40);
  CHECK(result.at("low").as_int64() + result.at("medium").as_int64() + result.at("high").as_int64() == 40);
}

TEST_CASE("a job that is asked for again under its key is the same job, finished or not") {
  running_service running(5);
  auto client = running.client();
  const auto ask = [&](const char* key) {
    return client.Post("/api/v1/risk/recompute", {{"Idempotency-Key", key}}, "{}", "application/json");
  };
  const auto first = ask("night-1");
  REQUIRE(first);
  REQUIRE(first->status == 202);
  const std::string path = first->get_header_value("Location");
  for (int round = 0; round < 2'000 && text(e2e::get(client, path), "state") != "completed"; ++round)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const auto again = ask("night-1");
  CHECK(again->status == 202);
  CHECK(again->get_header_value("Location") == path);
  CHECK(again->get_header_value("Idempotency-Replayed") == "true");
  CHECK(text(json::parse(again->body), "state") == "completed");
  CHECK(ask("night-2")->get_header_value("Location") != path);
  check_problem(
      client.Post("/api/v1/risk/recompute", {{"Idempotency-Key", "night-1"}}, "[]", "application/json"), 409);
}

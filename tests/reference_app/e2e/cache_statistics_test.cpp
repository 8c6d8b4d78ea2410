// SPDX-License-Identifier: BSL-1.0
#include "e2e/running_service.hpp"

#include <algorithm>
#include <string>

using e2e::running_service;

namespace {

e2e::json::value asked(httplib::Client& client, const std::string& path) {
  const auto answer = client.Get(path, e2e::with_token());
  REQUIRE(answer);
  INFO(answer->body);
  REQUIRE(answer->status == 200);
  return e2e::json::parse(answer->body);
}

int reset(httplib::Client& client, const std::string& query = "") {
  const auto answer =
      client.Post("/api/v1/admin/cache/stats/reset" + query, e2e::with_token(), "", "application/json");
  REQUIRE(answer);
  return answer->status;
}

}  // namespace

TEST_CASE("the cache's statistics tell namespaces and hot keys, and begin anew when told to") {
  running_service running(20);
  auto client = running.client();
  for (int i = 0; i < 3; ++i)
    for (const char* path : {"/api/v1/claims?limit=5", "/api/v1/denials/metrics", "/api/v1/payers"})
      REQUIRE(client.Get(path));

  const auto stats = asked(client, "/api/v1/admin/cache/stats");
  CHECK(stats.at("hits").as_int64() == 6);
  CHECK(!stats.at("advice").as_array().empty());
  const auto& spaces = stats.at("namespaces").as_array();
  REQUIRE(spaces.size() == 3);
  CHECK(spaces[0].at("name").as_string() == "claims:");
  CHECK(spaces[1].at("name").as_string() == "metrics:");
  CHECK(spaces[2].at("name").as_string() == "payers:");
  for (const auto& each : spaces) CHECK(each.at("loads").as_int64() == 1);

  const auto& hot = stats.at("hotKeys").as_array();
  REQUIRE(!hot.empty());
  const std::string key(hot[0].at("key").as_string());
  const auto one = asked(client, "/api/v1/admin/cache/stats?key=" + key);
  CHECK(one.at("key").as_string() == key);
  CHECK(one.at("lookups").as_int64() >= 1);

  CHECK(reset(client, "?key=" + key) == 200);
  CHECK(reset(client, "?key=" + key) == 404);
  CHECK(client.Get("/api/v1/admin/cache/stats?key=" + key, e2e::with_token())->status == 404);
  CHECK(asked(client, "/api/v1/admin/cache/stats").at("hits").as_int64() == 6);
  CHECK(reset(client) == 200);
  CHECK(asked(client, "/api/v1/admin/cache/stats").at("hits").as_int64() == 0);
}

TEST_CASE("what another program commits to the file makes the answers about it anew") {
  running_service running(5);
  auto client = running.client();
  const auto payers = [&] {
    return e2e::json::parse(client.Get("/api/v1/payers")->body).at("data").as_array().size();
  };
  const std::size_t before = payers();
  {
    claims_app::local_database other(running.database());
    other.session().exec({"test.payer",
                          "INSERT INTO payers(public_id, name, payer_type, source_identifier) "
                          "VALUES('01JD8T00000000000000000000', 'new', 'commercial', 'new')"});
  }
  CHECK(payers() == before);
  running.service().look_after();
  CHECK(payers() == before + 1);
  running.service().look_after();
  REQUIRE(client.Get("/api/v1/payers"));
  CHECK(client.Get("/api/v1/payers")->get_header_value("Server-Timing").find("cache;desc=hit") !=
        std::string::npos);
}

TEST_CASE("the cache's statistics are for the operator, and want known parameters") {
  running_service running(1);
  auto client = running.client();
  CHECK(client.Get("/api/v1/admin/cache/stats")->status == 401);
  CHECK(client.Post("/api/v1/admin/cache/stats/reset", "", "application/json")->status == 401);
  CHECK(client.Get("/api/v1/admin/cache/stats?keys=1", e2e::with_token())->status == 400);
}

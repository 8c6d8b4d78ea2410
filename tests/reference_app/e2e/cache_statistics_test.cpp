// SPDX-License-Identifier: BSL-1.0
#include "e2e/captured_log.hpp"
#include "e2e/running_service.hpp"

#include <algorithm>
#include <string>
#include <vector>

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

TEST_CASE("an operator lists the keys of the cache, and evicts one, some or all of its answers") {
  running_service running(20);
  auto client = running.client();
  const auto fill = [&] {
    const auto page = e2e::get(client, "/api/v1/claims?limit=5");
    const std::string claim = "/api/v1/claims/" + e2e::text(page.at("data").as_array().at(0), "id");
    for (const std::string& path : {claim, std::string("/api/v1/payers")}) (void)e2e::get(client, path);
    REQUIRE(client.Get(claim, {{"Accept-Encoding", "gzip"}}));
  };
  fill();

  const auto all = asked(client, "/api/v1/admin/cache");
  CHECK(e2e::text(all.at("caches").as_array().at(0), "name") == "answers");
  const auto& entries = all.at("entries").as_array();
  REQUIRE(entries.size() == 4);  // one claim is kept compressed as well
  CHECK(all.at("matching").as_int64() == 4);
  std::vector<std::string> keys;
  for (const auto& each : entries) {
    keys.push_back(e2e::text(each, "key"));
    CHECK(each.as_object().size() == 3);  // nothing of the answer itself
    CHECK(each.at("bytes").as_int64() > 0);
    CHECK(each.at("expiresInMs").to_number<double>() > 0);
  }
  CHECK(std::ranges::is_sorted(keys));
  const auto some = asked(client, "/api/v1/admin/cache?prefix=claims:&limit=1");
  CHECK(some.at("matching").as_int64() == 3);
  REQUIRE(some.at("entries").as_array().size() == 1);
  CHECK(e2e::text(some.at("entries").as_array().at(0), "key") == keys[0]);

  const auto evicted = [&](const std::string& query) {
    return e2e::body_of(client.Delete("/api/v1/admin/cache" + query, e2e::with_token()))
        .at("evicted")
        .as_int64();
  };
  const auto packed =
      std::ranges::find_if(keys, [](const std::string& key) { return key.ends_with("~gzip"); });
  REQUIRE(packed != keys.end());
  const std::string claim_key = packed->substr(0, packed->size() - 5);
  CHECK(evicted("?key=" + claim_key) == 2);
  e2e::check_problem(client.Delete("/api/v1/admin/cache?key=" + claim_key, e2e::with_token()), 404);
  CHECK(evicted("?prefix=claims:") == 1);
  CHECK(evicted("?prefix=claims:") == 0);
  CHECK(evicted("") == 1);
  CHECK(asked(client, "/api/v1/admin/cache").at("entries").as_array().empty());
  fill();
  CHECK(evicted("") == 4);
}

TEST_CASE("who evicts says what, is the operator, and leaves a line in the log without a key") {
  const e2e::captured_log log;
  {
    running_service running(1);
    auto client = running.client();
    (void)e2e::get(client, "/api/v1/payers");
    CHECK(client.Get("/api/v1/admin/cache")->status == 401);
    CHECK(client.Delete("/api/v1/admin/cache")->status == 401);
    for (const char* query : {"?key=a&prefix=b", "?prefix=", "?key=a&key=b", "?tag=a"}) {
      INFO(query);
      e2e::check_problem(client.Delete(std::string("/api/v1/admin/cache") + query, e2e::with_token()), 400);
    }
    for (const char* query : {"?limit=0", "?limit=1001", "?key=a"})
      CHECK(client.Get(std::string("/api/v1/admin/cache") + query, e2e::with_token())->status == 400);
    CHECK(asked(client, "/api/v1/admin/cache").at("entries").as_array().size() == 1);
    CHECK(client.Delete("/api/v1/admin/cache?key=canary", e2e::with_token())->status == 404);
    CHECK(client.Delete("/api/v1/admin/cache?prefix=payers:", e2e::with_token())->status == 200);
  }
  CHECK(log.text().find("chosen by key: evicted=0") != std::string::npos);
  CHECK(log.text().find("chosen by prefix: evicted=1") != std::string::npos);
  CHECK(log.text().find("canary") == std::string::npos);
  CHECK(log.text().find("payers:") == std::string::npos);
}

TEST_CASE("the cache's statistics are for the operator, and want known parameters") {
  running_service running(1);
  auto client = running.client();
  CHECK(client.Get("/api/v1/admin/cache/stats")->status == 401);
  CHECK(client.Post("/api/v1/admin/cache/stats/reset", "", "application/json")->status == 401);
  CHECK(client.Get("/api/v1/admin/cache/stats?keys=1", e2e::with_token())->status == 400);
}

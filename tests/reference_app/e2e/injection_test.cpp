// SPDX-License-Identifier: BSL-1.0
// Texts that would change a statement if any were pasted together from them, through every parameter there is.
#include "e2e/running_service.hpp"

#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

using e2e::get;
using e2e::running_service;
using e2e::text;
using e2e::with_token;
namespace json = e2e::json;

namespace {

constexpr std::array<std::string_view, 18> attacks{
    "'",
    "\"",
    "`",
    "';DROP TABLE claims;--",
    "' OR '1'='1",
    "\" OR \"\"=\"",
    "1 OR 1=1",
    "1;DELETE FROM claims",
    "1) UNION SELECT public_id,1,2,3,4,5,6,7 FROM claims--",
    "denied' UNION SELECT * FROM patients--",
    "denied'/**/OR/**/1=1--",
    "') OR ('a'='a",
    "%' OR status LIKE '%",
    "x' AND 1=CAST((SELECT member_bidx FROM patients) AS INT)--",
    "2024-01-01'; ATTACH DATABASE '/tmp/x.db' AS x;--",
    "2024-01-01' AND randomblob(100000000) IS NOT NULL--",
    "\\'; UPDATE claims SET paid_cents=999;--",
    "0x27204f5220313d31"};

constexpr std::array<std::pair<const char*, const char*>, 14> parameters{{{"/api/v1/claims", "status"},
                                                                          {"/api/v1/claims", "payer_id"},
                                                                          {"/api/v1/claims", "provider_id"},
                                                                          {"/api/v1/claims", "from"},
                                                                          {"/api/v1/claims", "to"},
                                                                          {"/api/v1/claims", "limit"},
                                                                          {"/api/v1/claims", "cursor"},
                                                                          {"/api/v1/claims", "total"},
                                                                          {"/api/v1/payers", "cursor"},
                                                                          {"/api/v1/payers", "limit"},
                                                                          {"/api/v1/providers", "cursor"},
                                                                          {"/api/v1/providers", "limit"},
                                                                          {"/api/v1/denials/metrics", "from"},
                                                                          {"/api/v1/denials/metrics", "to"}}};

std::string encoded(std::string_view value) {
  std::string out;
  for (const char each : value) {
    std::array<char, 4> digits{};
    std::snprintf(digits.data(), digits.size(), "%%%02X",
                  static_cast<unsigned>(static_cast<unsigned char>(each)));
    out += digits.data();
  }
  return out;
}

// All that a statement could have changed, as one text.
std::string fingerprint_of(const running_service& running) {
  claims_app::local_database opened(running.database());
  return opened.session().one<std::string>(
      {"test.fingerprint",
       "SELECT (SELECT count(*)||','||sum(paid_cents)||','||sum(id) FROM claims)||';'||"
       "(SELECT count(*) FROM patients)||';'||(SELECT count(*) FROM payers)||';'||(SELECT count(*) FROM "
       "providers)||"
       "';'||(SELECT group_concat(name) FROM sqlite_schema)||';'||(SELECT group_concat(name) FROM "
       "pragma_database_list)"});
}

json::object good_claim(httplib::Client& client) {
  const auto page = get(client, "/api/v1/claims?limit=1");
  const auto& any = page.at("data").as_array().at(0);
  return {{"providerId", any.at("providerId")},
          {"payerId", any.at("payerId")},
          {"patientId", any.at("patientId")},
          {"claimType", "professional"},
          {"dateOfService", "2024-03-01"},
          {"sourceId", "s-1"},
          {"lines",
           {{{"code", "99213"},
             {"codeSystem", "hcpcs"},
             {"billedCents", 12'500},
             {"modifiers", {"25"}},
             {"placeOfService", "11"},
             {"diagnosisCodes", {"E11.9"}}}}}};
}

}  // namespace

TEST_CASE("no text in any parameter or path reaches a statement as SQL") {
  running_service running(60);
  auto client = running.client();
  const std::string before = fingerprint_of(running);
  const auto all = get(client, "/api/v1/claims?limit=1&total=exact").at("total").as_int64();
  for (const std::string_view attack : attacks) {
    for (const auto& [path, name] : parameters) {
      const auto told = client.Get(std::string(path) + "?" + name + "=" + encoded(attack));
      REQUIRE(told);
      INFO(path << ' ' << name << ' ' << attack << ' ' << told->body);
      CHECK(told->status == 400);
    }
    for (const std::string base : {"/api/v1/claims/", "/api/v1/admin/", "/"}) {
      const auto told = client.Get(base + encoded(attack), with_token());
      REQUIRE(told);
      INFO(base << attack);
      CHECK((told->status == 404 || told->status == 400));
    }
    const auto named = client.Get("/api/v1/claims?" + encoded(attack) + "=1");
    REQUIRE(named);
    CHECK(named->status == 400);
    const auto run = client.Post("/api/v1/admin/migrations/run?dry_run=" + encoded(attack), with_token(),
                                 "{}", "application/json");
    REQUIRE(run);
    CHECK(run->status == 400);
    const auto header = client.Get(
        "/api/v1/claims?limit=1",
        {{"X-Request-Id", std::string(attack)}, {"Authorization", "Bearer " + std::string(attack)}});
    REQUIRE(header);
    CHECK((header->status == 200 || header->status == 401));
  }
  CHECK(fingerprint_of(running) == before);
  CHECK(get(client, "/api/v1/claims?limit=1&total=exact").at("total").as_int64() == all);
}

TEST_CASE("no text in any member of a new claim reaches a statement as SQL") {
  running_service running(20);
  auto client = running.client();
  const json::object good = good_claim(client);
  const auto post = [&](const json::object& body) {
    return client.Post("/api/v1/claims", json::serialize(body), "application/json");
  };
  const auto made = post(good);
  REQUIRE(made);
  INFO(made->body);
  REQUIRE(made->status == 201);
  const std::string before = fingerprint_of(running);
  for (const std::string_view attack : attacks) {
    const json::string value(attack);
    for (const auto& member : good) {
      json::object body = good;
      body[member.key()] = value;
      const auto told = post(body);
      REQUIRE(told);
      INFO(member.key() << ' ' << attack << ' ' << told->body);
      CHECK((told->status == 422 || told->status == 201));
      if (told->status == 201) CHECK(member.key() == "sourceId");  // letters and digits alone are a good one
    }
    for (const auto& member : good.at("lines").as_array().at(0).as_object()) {
      for (const bool within : {false, true}) {
        json::object body = good;
        auto& line = body.at("lines").as_array().at(0).as_object();
        if (within)
          line[member.key()] = json::array{value};
        else
          line[member.key()] = value;
        const auto told = post(body);
        REQUIRE(told);
        INFO(member.key() << ' ' << attack << ' ' << told->body);
        CHECK((told->status == 422 || told->status == 201 || told->status == 409));
      }
    }
    json::object named = good;
    named[attack] = 1;
    const auto told = post(named);
    REQUIRE(told);
    CHECK(told->status == 422);
  }
  // What was accepted are claims; nothing else changed.
  const std::string after = fingerprint_of(running);
  CHECK(after.substr(after.find(';')) == before.substr(before.find(';')));
  CHECK(get(client, "/api/v1/claims?limit=1&total=exact").at("total").as_int64() >= 21);
}

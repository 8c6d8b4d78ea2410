// SPDX-License-Identifier: BSL-1.0
#include "e2e/running_service.hpp"

#include <atomic>
#include <set>
#include <thread>

using e2e::body_of;
using e2e::check_problem;
using e2e::get;
using e2e::running_service;
using e2e::text;
namespace json = e2e::json;

namespace {

// A good body for a service: ids of its own parties.
json::object good_claim(httplib::Client& client) {
  const auto page = get(client, "/api/v1/claims?limit=1");
  const auto& any = page.at("data").as_array().at(0);
  return {{"providerId", any.at("providerId")},
          {"payerId", any.at("payerId")},
          {"patientId", any.at("patientId")},
          {"claimType", "professional"},
          {"dateOfService", "2024-03-01"},
          {"billedCents", 12'500},
          {"lines",
           {{{"code", "99213"},
             {"codeSystem", "hcpcs"},
             {"billedCents", 12'500},
             {"diagnosisCodes", {"E11.9", "I10"}}}}}};
}

httplib::Result post(httplib::Client& client, const json::value& body) {
  return client.Post("/api/v1/claims", json::serialize(body), "application/json");
}

std::string pointers(const httplib::Result& result) {
  const auto told = body_of(result);
  std::string out;
  for (const auto& item : told.at("errors").as_array()) out += text(item, "pointer") + ";";
  return out;
}

}  // namespace

TEST_CASE("a claim that was made is there at once: by itself, in the list, in the total and in the metrics") {
  running_service running(40);
  auto client = running.client();
  const auto body = good_claim(client);
  for (int round = 1; round <= 3; ++round) {
    // Everything is in the cache before the write.
    static_cast<void>(get(client, "/api/v1/claims?total=exact"));
    const auto before = get(client, "/api/v1/denials/metrics");
    const auto made = post(client, body);
    REQUIRE(made);
    INFO(made->body);
    REQUIRE(made->status == 201);
    const auto stored = json::parse(made->body);
    CHECK(made->get_header_value("Location") == "/api/v1/claims/" + text(stored, "id"));
    CHECK(text(stored, "status") == "pending");
    CHECK(text(stored, "source") == "api");
    CHECK(text(stored, "sourceId") == text(stored, "id"));
    CHECK(stored.at("lines").as_array().size() == 1);

    CHECK(get(client, made->get_header_value("Location")) == stored);
    const auto list = get(client, "/api/v1/claims?total=exact");
    CHECK(text(list.at("data").as_array().at(0), "id") == text(stored, "id"));
    CHECK(list.at("total").as_int64() == 40 + round);
    const auto after = get(client, "/api/v1/denials/metrics");
    CHECK(after.at("claims").as_int64() == before.at("claims").as_int64() + 1);
    CHECK(after.at("billedCents").as_int64() == before.at("billedCents").as_int64() + 12'500);
  }
}

TEST_CASE("a reader never sees less than a write that was answered before it asked") {
  running_service running(10);
  auto client = running.client();
  const auto body = good_claim(client);
  std::atomic<std::int64_t> written{10};
  std::atomic<bool> done{false};
  std::atomic<int> too_old{0};
  std::vector<std::thread> readers;
  for (int count = 0; count < 2; ++count)
    readers.emplace_back([&] {
      auto mine = running.client();
      while (!done) {
        const std::int64_t least = written;
        const auto result = mine.Get("/api/v1/claims?limit=1&total=exact");
        if (!result || json::parse(result->body).at("total").as_int64() < least) ++too_old;
      }
    });
  for (int count = 0; count < 40; ++count) {
    const auto made = post(client, body);
    if (made && made->status == 201) ++written;
  }
  done = true;
  for (std::thread& each : readers) each.join();
  CHECK(written == 50);
  CHECK(too_old == 0);
}

TEST_CASE("a claim whose parties are not known is refused by their names") {
  running_service running(5);
  auto client = running.client();
  auto body = good_claim(client);
  body["providerId"] = body["patientId"];
  body["payerId"] = "01HF7YAT31JZ5E7N0Q4M2W8X9K";
  const auto refused = post(client, body);
  check_problem(refused, 422);
  CHECK(pointers(refused) == "/providerId;/payerId;");
  CHECK(get(client, "/api/v1/claims?total=exact").at("total").as_int64() == 5);
}

TEST_CASE("everything that is wrong with a claim is told at once") {
  running_service running(1);
  auto client = running.client();
  const auto refused = post(client, json::parse(R"({"billedCents":-1,"lines":[{}],"colour":"red"})"));
  check_problem(refused, 422);
  CHECK(pointers(refused) ==
        ";/providerId;/payerId;/patientId;/claimType;/billedCents;/dateOfService;"
        "/lines/0/code;/lines/0/codeSystem;");
}

TEST_CASE("a source's id is taken once") {
  running_service running(1);
  auto client = running.client();
  auto body = good_claim(client);
  body["sourceId"] = "visit-1";
  CHECK(post(client, body)->status == 201);
  const auto again = post(client, body);
  check_problem(again, 409);
  CHECK(pointers(again) == "/sourceId;");
  CHECK(get(client, "/api/v1/claims?total=exact").at("total").as_int64() == 2);
}

TEST_CASE("a body that is no JSON, or not said to be, is refused") {
  running_service running(1);
  auto client = running.client();
  const auto broken = client.Post("/api/v1/claims", "{\"a\":}", "application/json");
  check_problem(broken, 400);
  CHECK(text(body_of(broken), "detail") == "The body stops being JSON at byte 5.");
  check_problem(client.Post("/api/v1/claims", "", "application/json"), 400);
  check_problem(client.Post("/api/v1/claims", std::string(10'000, '['), "application/json"), 400);
  for (const char* type : {"text/plain", "application/jsonp", "application/x-www-form-urlencoded"})
    check_problem(client.Post("/api/v1/claims", "{}", type), 415);
  CHECK(client.Post("/api/v1/claims", "{}", "Application/JSON; charset=utf-8")->status == 422);
}

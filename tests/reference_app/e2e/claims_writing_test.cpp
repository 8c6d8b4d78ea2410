// SPDX-License-Identifier: BSL-1.0
#include "e2e/raw_client.hpp"
#include "e2e/running_service.hpp"

#include <atomic>
#include <set>
#include <thread>

using e2e::body_of;
using e2e::check_problem;
using e2e::get;
using e2e::raw_client;
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

httplib::Result patch(httplib::Client& client, const std::string& path, const std::string& etag,
                      const std::string& body) {
  httplib::Headers headers;
  if (!etag.empty()) headers.emplace("If-Match", etag);
  return client.Patch(path, headers, body, "application/merge-patch+json");
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

TEST_CASE("a change is seen at once: in the claim, plain and compressed, in the lists and in the metrics") {
  running_service running(40);
  auto client = running.client();
  auto body = good_claim(client);
  // Long enough to be compressed.
  json::array lines;
  for (int line = 0; line < 12; ++line)
    lines.push_back({{"code", "99213"}, {"codeSystem", "hcpcs"}, {"diagnosisCodes", {"E11.9", "I10"}}});
  body["lines"] = lines;
  const auto made = post(client, body);
  REQUIRE(made->status == 201);
  const std::string path = made->get_header_value("Location");
  std::string etag = made->get_header_value("ETag");
  const httplib::Headers packed = {{"Accept-Encoding", "gzip"}};
  CHECK(client.Get(path)->get_header_value("ETag") == etag);
  CHECK(client.Get(path, packed)->get_header_value("ETag") != etag);
  CHECK(get(client, "/api/v1/claims?status=denied&limit=200").at("data").as_array().size() == 6);

  const auto denied =
      patch(client, path, etag, R"({"status":"denied","denialReason":{"carc":"197","text":"late"}})");
  REQUIRE(denied);
  INFO(denied->body);
  REQUIRE(denied->status == 200);
  const auto stored = body_of(denied);
  CHECK(text(stored, "status") == "denied");
  CHECK(text(stored.at("denialReason"), "carc") == "197");
  CHECK(stored.at("version").as_int64() == 2);
  CHECK(stored.at("lines").as_array().size() == 12);
  const std::string next = denied->get_header_value("ETag");
  CHECK(next != etag);
  CHECK(get(client, path) == stored);
  CHECK(client.Get(path)->get_header_value("ETag") == next);
  CHECK(body_of(client.Get(path, packed)) == stored);
  CHECK(get(client, "/api/v1/claims?status=denied&limit=200").at("data").as_array().size() == 7);
  raw_client raw(running.port());  // for httplib waits for the body of a 304
  raw.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nIf-None-Match: " + next + "\r\n\r\n");
  CHECK(raw.read().status == 304);
  CHECK(client.Get(path, {{"If-None-Match", etag}})->status == 200);

  // The tag of the compressed form names the same claim.
  const std::string packed_tag = client.Get(path, packed)->get_header_value("ETag");
  CHECK(packed_tag != next);
  const auto paid = patch(client, path, packed_tag, R"({"status":"approved","paidCents":5})");
  REQUIRE(paid->status == 200);
  CHECK(body_of(paid).at("denialReason").is_null());
  const auto nothing = patch(client, path, paid->get_header_value("ETag"), "{}");
  CHECK(nothing->status == 200);
  CHECK(nothing->get_header_value("ETag") == paid->get_header_value("ETag"));
}

TEST_CASE("a change without the tag of what it changes is refused, and changes nothing") {
  running_service running(3);
  auto client = running.client();
  const auto any = get(client, "/api/v1/claims?limit=1").at("data").as_array().at(0);
  const std::string path = "/api/v1/claims/" + text(any, "id");
  const std::string etag = client.Get(path)->get_header_value("ETag");
  const std::string body = R"({"paidCents":77})";
  check_problem(patch(client, path, "", body), 428);
  check_problem(patch(client, path, "\"1\"", body), 412);
  check_problem(patch(client, path, "W/" + etag, body), 412);
  check_problem(client.Patch(path, {{"If-Match", etag}, {"If-None-Match", "*"}}, body, "application/json"),
                412);
  check_problem(patch(client, "/api/v1/claims/01HF7YAT31JZ5E7N0Q4M2W8X9K", "*", body), 404);
  check_problem(patch(client, "/api/v1/claims/none", "*", body), 404);
  check_problem(patch(client, path, etag, R"({"paidCents":"77"})"), 422);
  check_problem(patch(client, path, etag, R"({"paidCents")"), 400);
  check_problem(client.Patch(path, {{"If-Match", etag}}, body, "text/plain"), 415);
  CHECK(client.Get(path)->get_header_value("ETag") == etag);
  CHECK(patch(client, path, "\"1\", " + etag, body)->status == 200);
  check_problem(patch(client, path, etag, body), 412);
  CHECK(patch(client, path, "*", body)->status == 200);
}

TEST_CASE("of many who change the same version of a claim one succeeds") {
  running_service running(3);
  auto client = running.client();
  const auto any = get(client, "/api/v1/claims?limit=1").at("data").as_array().at(0);
  const std::string path = "/api/v1/claims/" + text(any, "id");
  const std::string etag = client.Get(path)->get_header_value("ETag");
  std::atomic<int> succeeded{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> all;
  for (int at = 0; at < 6; ++at)
    all.emplace_back([&, at] {
      auto own = running.client();
      const auto told = patch(own, path, etag, R"({"paidCents":)" + std::to_string(at) + "}");
      if (told && told->status == 200) ++succeeded;
      if (told && told->status == 412) ++failed;
    });
  for (std::thread& each : all) each.join();
  CHECK(succeeded == 1);
  CHECK(failed == 5);
  CHECK(get(client, path).at("version").as_int64() == 2);
}

namespace {

httplib::Result post_once(httplib::Client& client, const json::value& body, const std::string& key,
                          httplib::Headers headers = {}) {
  headers.emplace("Idempotency-Key", key);
  return client.Post("/api/v1/claims", headers, json::serialize(body), "application/json");
}

std::int64_t claims_in(httplib::Client& client) {
  return get(client, "/api/v1/claims?total=exact&limit=1").at("total").as_int64();
}

}  // namespace

TEST_CASE("a claim that is sent again under its key is made once, and answered alike") {
  running_service running(1);
  auto client = running.client();
  auto body = good_claim(client);
  const auto made = post_once(client, body, "visit-1");
  REQUIRE(made);
  REQUIRE(made->status == 201);
  CHECK(made->get_header_value("Idempotency-Replayed").empty());
  for (const char* key : {"visit-1", "\"visit-1\""}) {
    const auto again = post_once(client, body, key);
    REQUIRE(again);
    CHECK(again->status == 201);
    CHECK(again->body == made->body);
    CHECK(again->get_header_value("Location") == made->get_header_value("Location"));
    CHECK(again->get_header_value("ETag") == made->get_header_value("ETag"));
    CHECK(again->get_header_value("Idempotency-Replayed") == "true");
  }
  CHECK(claims_in(client) == 2);
  // Another key, or another caller, asks for another claim.
  CHECK(post_once(client, body, "visit-2")->status == 201);
  CHECK(post_once(client, body, "visit-1", e2e::with_token())->status == 201);
  CHECK(claims_in(client) == 4);
  // What has changed since is told as it is now.
  const std::string path = made->get_header_value("Location");
  REQUIRE(patch(client, path, made->get_header_value("ETag"), R"({"paidCents":9})")->status == 200);
  CHECK(body_of(post_once(client, body, "visit-1")).at("paidCents").as_int64() == 9);
  // The same through a body that comes behind its head.
  const std::string sent = json::serialize(body);
  raw_client raw(running.port());
  raw.send("POST /api/v1/claims HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nIdempotency-Key: " +
           std::string("visit-1\r\nExpect: 100-continue\r\nContent-Length: ") + std::to_string(sent.size()) +
           "\r\n\r\n");
  CHECK(raw.read().status == 100);
  raw.send(sent);
  const auto late = raw.read();
  CHECK(late.status == 201);
  CHECK(late.head.find("Idempotency-Replayed: true") != std::string::npos);
  CHECK(claims_in(client) == 4);
}

TEST_CASE("a key stands for one body, and only for what had an effect") {
  running_service running(1);
  auto client = running.client();
  auto body = good_claim(client);
  auto wrong = body;
  wrong["claimType"] = "canary";
  check_problem(post_once(client, wrong, "k"), 422);
  CHECK(post_once(client, body, "k")->status == 201);
  body["dateOfService"] = "2024-03-02";
  const auto other = post_once(client, body, "k");
  check_problem(other, 409);
  CHECK(text(body_of(other), "type") == "urn:hasten:problem:idempotency-key-taken");
  CHECK(claims_in(client) == 2);
}

TEST_CASE("what is no key is refused before anything is done") {
  running_service running(1);
  auto client = running.client();
  const auto body = good_claim(client);
  for (const std::string& key : {std::string("\"\""), std::string("a b"), std::string("a\"b"),
                                 std::string("a\\b"), std::string(129, 'k'), std::string("caf\xc3\xa9")}) {
    INFO(key);
    const auto refused = post_once(client, body, key);
    check_problem(refused, 400);
    CHECK(text(body_of(refused), "type") == "urn:hasten:problem:invalid-idempotency-key");
  }
  CHECK(post_once(client, body, std::string(128, 'k'))->status == 201);
  raw_client raw(running.port());
  raw.send(
      "POST /api/v1/claims HTTP/1.1\r\nHost: a\r\nIdempotency-Key: a\r\nIdempotency-Key: a\r\n"
      "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  CHECK(raw.read().status == 400);
  CHECK(claims_in(client) == 2);
}

TEST_CASE("of many who send the same claim under one key one makes it") {
  running_service running(1);
  auto client = running.client();
  const auto body = good_claim(client);
  std::atomic<int> made{0};
  std::atomic<int> replayed{0};
  std::vector<std::thread> all;
  for (int at = 0; at < 6; ++at)
    all.emplace_back([&] {
      auto own = running.client();
      const auto told = post_once(own, body, "one");
      if (!told || told->status != 201) return;
      ++(told->get_header_value("Idempotency-Replayed").empty() ? made : replayed);
    });
  for (std::thread& each : all) each.join();
  CHECK(made == 1);
  CHECK(replayed == 5);
  CHECK(claims_in(client) == 2);
}

TEST_CASE("bodies that other readers of JSON have fallen over are refused with the place, or read") {
  running_service running(1);
  auto client = running.client();
  const auto told = [&](const std::string& body) {
    const auto result = client.Post("/api/v1/claims", body, "application/json");
    REQUIRE(result);
    CHECK(result->body.find("canary") == std::string::npos);
    CHECK(result->get_header_value("Content-Type") == "application/problem+json");
    return result->status;
  };
  for (const std::string& body :
       {std::string(100'000, '['), std::string("[\"\\ud800\"]"), std::string("{\"canary\":NaN}"),
        std::string("\xef\xbb\xbf{}"), std::string("[\"canary\xff\"]"), std::string("{} canary"),
        std::string("{\"canary\":1,\"canary\":2}"), std::string("[\"a\0b\"]", 7)})
    CHECK(told(body) == 400);
  // JSON, and no claim.
  for (const char* body : {"[1e999]", "7", "null", "\"canary\"", "{\"billedCents\":1e400}",
                           "{\"billedCents\":123456789012345678901234567890}", "{\"canary\":\"\\u0000\"}"})
    CHECK(told(body) == 422);
}

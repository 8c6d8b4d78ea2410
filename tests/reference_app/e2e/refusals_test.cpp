// SPDX-License-Identifier: BSL-1.0
#include "e2e/running_service.hpp"

using e2e::body_of;
using e2e::check_problem;
using e2e::running_service;
using e2e::text;
using e2e::with_token;

TEST_CASE("parameters that are wrong are named, all of them, with what they must be") {
  running_service running(1);
  auto client = running.client();
  const auto refused = client.Get(
      "/api/v1/"
      "claims?status=lost&payer_id=1&provider_id=&from=2024-02-30&to=x&limit=201&cursor=AAAA&total=maybe");
  check_problem(refused, 400);
  std::string names;
  const auto told = body_of(refused);
  for (const auto& item : told.at("errors").as_array()) names += text(item, "parameter") + ";";
  CHECK(names == "status;payer_id;provider_id;from;to;limit;total;cursor;");
  for (const char* query :
       {"limit=0", "limit=", "limit=1&limit=1", "limit=-1", "from=2024-01-02&to=2024-01-01", "unknown=1",
        "status=%zz", "total=", "limit=9223372036854775808"})
    check_problem(client.Get("/api/v1/claims?" + std::string(query)), 400);
  for (const char* path :
       {"/livez?a=1", "/?a=1", "/api/v1/denials/metrics?from=1", "/api/v1/payers?limit=201"})
    check_problem(client.Get(path), 400);
}

TEST_CASE("a cursor serves the filters that it was made for and no others") {
  running_service running(30);
  auto client = running.client();
  const auto page = e2e::get(client, "/api/v1/claims?status=approved&limit=2");
  const std::string cursor = text(page, "nextCursor");
  CHECK(client.Get("/api/v1/claims?status=approved&limit=5&cursor=" + cursor)->status == 200);
  check_problem(client.Get("/api/v1/claims?limit=2&cursor=" + cursor), 400);
  check_problem(client.Get("/api/v1/claims?status=denied&cursor=" + cursor), 400);
}

TEST_CASE("what is not there is a 404, whatever its name looks like") {
  running_service running(1);
  auto client = running.client();
  for (const char* path :
       {"/nothing", "/api/v1/claims/", "/api/v1/claims/1", "/api/v1/claims/01HF7YAT31JZ5E7N0Q4M2W8X9K",
        "/api/v1/claims/01hf7yat31jz5e7n0q4m2w8x9k", "/api/v1/claims/a/b", "/API/v1/claims",
        "/api/v1/claims%2f", "//", "/api/v1/admin"})
    check_problem(client.Get(path), 404);
}

TEST_CASE("a method that a route does not take is a 405 that says which it takes") {
  running_service running(1);
  auto client = running.client();
  const auto deleted = client.Delete("/api/v1/claims");
  check_problem(deleted, 405);
  CHECK(deleted->get_header_value("Allow") == "GET, HEAD, POST, OPTIONS");
  const auto posted = client.Post("/livez", "{}", "application/json");
  check_problem(posted, 405);
  CHECK(posted->get_header_value("Allow") == "GET, HEAD, OPTIONS");
  check_problem(client.Put("/api/v1/payers", "{}", "application/json"), 405);
}

TEST_CASE("admin routes want the token and say so") {
  running_service running(1);
  auto client = running.client();
  for (const std::string path :
       {"/api/v1/admin/health", "/api/v1/admin/cache/stats", "/api/v1/admin/performance"}) {
    const auto refused = client.Get(path);
    check_problem(refused, 401);
    CHECK(refused->get_header_value("WWW-Authenticate") == "Bearer realm=\"hasten\"");
    const auto wrong = client.Get(path, {{"Authorization", "Bearer " + e2e::token + "x"}});
    check_problem(wrong, 401);
    CHECK(wrong->get_header_value("WWW-Authenticate").find("invalid_token") != std::string::npos);
    CHECK(client.Get(path, with_token())->status == 200);
  }
  CHECK(client.Get("/api/v1/claims")->status == 200);
}

TEST_CASE("beyond loopback every API route wants the token, the probes do not") {
  running_service running(1, [](claims_app::serve_config& config) { config.is_remote = true; });
  auto client = running.client();
  check_problem(client.Get("/api/v1/claims"), 401);
  check_problem(client.Post("/api/v1/claims", "{}", "application/json"), 401);
  CHECK(client.Get("/api/v1/claims", with_token())->status == 200);
  CHECK(client.Get("/livez")->status == 200);
  CHECK(client.Get("/readyz")->status == 200);
}

TEST_CASE("too long a target, too large a head and too large a body are told apart") {
  running_service running(1);
  auto client = running.client();
  check_problem(client.Get("/" + std::string(9'000, 'a')), 414);
  check_problem(client.Get("/livez", {{"X-Long", std::string(17'000, 'a')}}), 431);
  check_problem(client.Post("/api/v1/claims", std::string(1'100'000, ' '), "application/json"), 413);
  CHECK(client.Get("/livez")->status == 200);
}

TEST_CASE("HEAD answers as GET does, without the body") {
  running_service running(3);
  auto client = running.client();
  for (const char* path :
       {"/", "/livez", "/readyz", "/api/v1/claims", "/api/v1/denials/metrics", "/nothing"}) {
    const auto head = client.Head(path);
    const auto full = client.Get(path);
    REQUIRE((head && full));
    CHECK(head->status == full->status);
    CHECK(head->body.empty());
    CHECK(head->get_header_value("Content-Length") == std::to_string(full->body.size()));
  }
}

TEST_CASE("every answer has an id of the server's own and is kept by nobody") {
  running_service running(1);
  auto client = running.client();
  for (const char* path :
       {"/", "/api/v1/claims", "/nothing", "/api/v1/claims?limit=0", "/api/v1/admin/health"}) {
    const auto result = client.Get(path, {{"X-Request-Id", "chosen-by-the-client"}});
    REQUIRE(result);
    CHECK(result->get_header_value("X-Request-Id").size() == 21);
    CHECK(result->get_header_value("Cache-Control") == "no-store");
    // Where time goes is for those whom the guard knows.
    CHECK(result->has_header("Server-Timing") == std::string_view(path).starts_with("/api/v1/claims"));
    CHECK_FALSE(result->get_header_value("Date").empty());
    CHECK(result->body.find("chosen") == std::string::npos);
  }
}

TEST_CASE("a trace goes on where the caller left it, and a malformed one is not repaired") {
  running_service running(1);
  auto client = running.client();
  const std::string theirs = "4bf92f3577b34da6a3ce929d0e0e4736";
  const auto trace_of = [&](const httplib::Headers& headers) {
    const auto result = client.Get("/nothing", headers);
    REQUIRE(result);
    const std::string header = result->get_header_value("Traceparent");
    REQUIRE(header.size() == 55);
    CHECK(result->body.find(header.substr(3, 32)) != std::string::npos);  // the problem names it too
    return header;
  };
  const std::string sent = "00-" + theirs + "-00f067aa0ba902b7-01";
  const std::string answered = trace_of({{"traceparent", sent}});
  CHECK(answered.substr(3, 32) == theirs);
  CHECK(answered.substr(36, 16) != "00f067aa0ba902b7");  // a span of ours
  CHECK(answered.ends_with("-01"));
  const httplib::Headers bad[] = {{},
                                  {{"traceparent", "01-" + sent.substr(3)}},
                                  {{"traceparent", sent + "-x"}},
                                  {{"traceparent", "00-" + std::string(32, '0') + "-00f067aa0ba902b7-01"}},
                                  {{"traceparent", sent}, {"traceparent", sent}}};
  for (const auto& headers : bad) {
    const std::string own = trace_of(headers);
    CHECK(own.substr(3, 32) != theirs);
    CHECK(own.ends_with("-02"));
  }
}

TEST_CASE("a caller who is known sees in which stages the time went") {
  running_service running(3);
  auto client = running.client();
  const auto miss = client.Get("/api/v1/claims");
  REQUIRE(miss);
  const std::string stages = miss->get_header_value("Server-Timing");
  for (const char* stage : {"total;dur=", "queue;dur=", "db;dur=", "1 query", "work;dur=", "serialise;dur="})
    CHECK(stages.find(stage) != std::string::npos);
}

TEST_CASE("the operator sees how often each route and each statement ran and how long it took") {
  running_service running(10);
  auto client = running.client();
  for (int count = 0; count < 5; ++count) static_cast<void>(e2e::get(client, "/api/v1/claims"));
  const auto told = e2e::json::parse(client.Get("/api/v1/admin/performance", with_token())->body);
  bool has_route = false;
  for (const auto& each : told.at("routes").as_array()) {
    if (text(each, "route") != "GET /api/v1/claims") continue;
    has_route = true;
    CHECK(each.at("count").as_int64() == 5);
    CHECK(each.at("p50Ms").to_number<double>() <= each.at("p99Ms").to_number<double>());
  }
  CHECK(has_route);
  const auto& pools = told.at("sessionPools").as_array();
  REQUIRE(pools.size() == 2);
  CHECK(text(pools.at(0), "name") == "readers");
  CHECK(pools.at(0).at("acquired").as_int64() >=
        1);  // the health check asks as well  // the other four came from the cache
  CHECK(pools.at(0).at("use").at("maxMs").to_number<double>() > 0);
  CHECK(text(pools.at(1), "name") == "writer");
  bool has_statement = false;
  for (const auto& each : told.at("statements").as_array()) {
    if (text(each, "name") != "claims.page") continue;
    has_statement = true;
    CHECK(each.at("calls").as_int64() == 1);
  }
  CHECK(has_statement);
  CHECK(told.at("workers").at("threads").as_int64() == 2);
}

// SPDX-License-Identifier: BSL-1.0
#include "e2e/raw_client.hpp"
#include "e2e/running_service.hpp"
#include "e2e/tls_client.hpp"
#include "support/self_signed.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using e2e::raw_client;
using e2e::running_service;

namespace {

std::string get_line(const std::string& path, const std::string& fields = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

// A service that both kinds of client reach.
class reached_both_ways {
 public:
  explicit reached_both_ways(std::size_t claims)
      : running_(claims, [this](claims_app::serve_config& config) {
          config.tls_certificate = made_.certificate;
          config.tls_key = made_.key;
        }) {}

  [[nodiscard]] std::unique_ptr<raw_client> connect(bool in_tls) {
    if (!in_tls) return std::make_unique<raw_client>(running_.port());
    auto out = std::make_unique<e2e::tls_client>(running_.service().tls_port());
    REQUIRE(out->shake_hands());
    return out;
  }

 private:
  temporary_folder folder_;
  self_signed made_{folder_.path(), "server"};
  running_service running_;
};

}  // namespace

TEST_CASE("pipelined requests are answered in their order, from the cache or not") {
  reached_both_ways running(60);
  const auto client = running.connect(GENERATE(false, true));
  std::string all;
  std::vector<std::size_t> sizes;
  for (int round = 0; round < 3; ++round)
    for (int limit = 1; limit <= 20; ++limit)
      all += get_line("/api/v1/claims?limit=" + std::to_string(limit)) + get_line("/livez");
  client->send(all);
  for (int round = 0; round < 3; ++round)
    for (int limit = 1; limit <= 20; ++limit) {
      const auto page = client->read();
      REQUIRE(page.status == 200);
      CHECK(e2e::json::parse(page.body).at("data").as_array().size() == static_cast<std::size_t>(limit));
      CHECK(client->read().body == R"({"status":"up"})");
    }
}

TEST_CASE("pipelined writes and reads happen in their order") {
  running_service running(3);
  auto http = running.client();
  const auto any = e2e::get(http, "/api/v1/claims?limit=1").at("data").as_array().at(0);
  const std::string body = e2e::json::serialize(e2e::json::object{{"providerId", any.at("providerId")},
                                                                  {"payerId", any.at("payerId")},
                                                                  {"patientId", any.at("patientId")},
                                                                  {"claimType", "professional"},
                                                                  {"dateOfService", "2024-03-01"}});
  const std::string write =
      "POST /api/v1/claims HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  const std::string total = get_line("/api/v1/claims?limit=1&total=exact");
  raw_client client(running.port());
  client.send(total + write + total + write + total);
  for (int expected = 3; expected <= 5; ++expected) {
    CHECK(e2e::json::parse(client.read().body).at("total").as_int64() == expected);
    if (expected < 5) CHECK(client.read().status == 201);
  }
}

TEST_CASE("a request may come byte by byte, its body in chunks") {
  running_service running(1);
  raw_client client(running.port());
  for (const char byte : get_line("/livez")) client.send({&byte, 1});
  CHECK(client.read().status == 200);
  const std::string post =
      "POST /api/v1/claims HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: "
      "chunked\r\n\r\n"
      "1\r\n{\r\n1;a=b\r\n}\r\n0\r\nX-Trailer: 1\r\n\r\n";
  for (const char byte : post) client.send({&byte, 1});
  CHECK(client.read().status == 422);
  client.send(get_line("/livez"));
  CHECK(client.read().status == 200);
}

TEST_CASE("a connection is kept or closed as it was asked") {
  running_service running(1);
  {
    raw_client client(running.port());
    client.send(get_line("/livez", "Connection: close\r\n") + get_line("/livez"));
    const auto last = client.read();
    CHECK(last.status == 200);
    CHECK(last.head.find("Connection: close\r\n") != std::string::npos);
    CHECK(client.is_closed());
  }
  {
    raw_client client(running.port());
    client.send("GET /livez HTTP/1.0\r\n\r\n");
    CHECK(client.read().status == 200);
    CHECK(client.is_closed());
  }
  {
    raw_client client(running.port());
    client.send("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /livez HTTP/1.0\r\n\r\n");
    CHECK(client.read().head.find("Connection: keep-alive\r\n") != std::string::npos);
    CHECK(client.read().status == 200);
    CHECK(client.is_closed());
  }
}

TEST_CASE("what is malformed is refused once, and nothing after it is taken for a request") {
  reached_both_ways running(1);
  const bool in_tls = GENERATE(false, true);
  const std::string post = "POST /api/v1/claims HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n";
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  const std::string smuggled = get_line("/livez");
  const std::vector<std::pair<int, std::string>> shapes = {
      {400, "hello\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\n\r\n"},
      {400, "GET / HTTP/1.1\nHost: a\n\n"},
      {400, post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {400, post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"},
      {501, post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
      {501, post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"},
      {501, post + "Transfer-Encoding: gzip\r\n\r\n"},
      {400, post + "Content-Length: 5, 5\r\n\r\nhello"},
      {400, post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"},
      {501, "BREW / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {505, "GET / HTTP/3.0\r\nHost: h\r\n\r\n"},
      {417, post + "Expect: tea\r\nContent-Length: 2\r\n\r\n{}"},
      {400, "GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET http://a b/ HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: h:port\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost : h\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\x01\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\x7f\r\n\r\n"},
      {400, "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n"},
      {400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n"},
      {414, "GET /" + std::string(9'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n"},
      {431, "GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(17'000, 'a') + "\r\n\r\n"},
      {505, "GET / HTTP/1.2\r\nHost: h\r\n\r\n"},
      {400, "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {400, post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {501, post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
      {400, post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"},
      {400, post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"},
      {400, post + "Content-Length: -1\r\n\r\n{}"},
      {400, post + "Content-Length: 0x2\r\n\r\n{}"},
      {400, post + "Content-Length: 99999999999999999999\r\n\r\n{}"},
      {400, chunked + "1;" + std::string(600, 'x') + "\r\n{\r\n0\r\n\r\n"},
      {400, chunked + "1;a=\"b\r\n{\r\n0\r\n\r\n"},
      {400, chunked + "1\n{\r\n0\r\n\r\n"},
      {400, chunked + "1\r\n{}\r\n0\r\n\r\n"},
      {400, chunked + "fffffffffffffffff\r\n"},
      {413, chunked + "100001\r\n"},
      {400, chunked + "0\r\nA: b\r\n c\r\n\r\n"},
      {400, chunked + "0\r\nContent-Length: 9\r\n\r\n"},
      {431, chunked + "0\r\nA: " + std::string(9'000, 'a') + "\r\n\r\n"}};
  for (const auto& [status, wire] : shapes) {
    const auto client = running.connect(in_tls);
    client->send(wire + smuggled);
    const auto refused = client->read();
    INFO(wire);
    CHECK(refused.status == status);
    CHECK(refused.head.find("Connection: close\r\n") != std::string::npos);
    CHECK(refused.head.find("application/problem+json") != std::string::npos);
    CHECK(client->is_closed());
  }
}

TEST_CASE("what RFC 9112 asks servers to put up with is answered") {
  running_service running(1);
  raw_client client(running.port());
  client.send("\r\n\r\n\r\n\r\n" + get_line("/livez"));
  CHECK(client.read().status == 200);
  client.send("GET http://localhost:80/livez HTTP/1.1\r\nHost: localhost:80\r\n\r\n");
  CHECK(client.read().status == 200);
  client.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto options = client.read();
  CHECK(options.status == 204);
  CHECK(options.head.find("Allow: GET, HEAD") != std::string::npos);
  client.send("GET /livez HTTP/1.1\r\nhOsT:h\r\nA:\r\nB:  b\t \r\n\r\n");
  CHECK(client.read().status == 200);
  client.send(
      "POST /api/v1/claims HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: Chunked\r\n\r\n01 ;a=\"b;c\" ; d\r\n{\r\n1\r\n}\r\n000\r\nA: b\r\n\r\n");
  CHECK(client.read().status == 422);
  client.send("HEAD /livez HTTP/1.1\r\nHost: h\r\n\r\n" + get_line("/livez"));
  CHECK(client.read(false).status == 200);
  CHECK(client.read().body == R"({"status":"up"})");
}

TEST_CASE("a request cut at any byte is waited for and then answered") {
  running_service running(1);
  const std::string wire =
      "POST /api/v1/claims HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0\r\n\r\n" +
      get_line("/livez");
  for (std::size_t cut = 1; cut < wire.size(); ++cut) {
    raw_client client(running.port());
    client.send(std::string_view(wire).substr(0, cut));
    client.send(std::string_view(wire).substr(cut));
    INFO("cut at " << cut);
    CHECK(client.read().status == 400);  // an empty body is no JSON
    CHECK(client.read().status == 200);
  }
}

TEST_CASE("a body that is not wanted is neither read nor taken for a request") {
  reached_both_ways running(1);
  const bool in_tls = GENERATE(false, true);
  for (const std::string target : {"POST /nothing", "POST /livez", "DELETE /api/v1/claims"}) {
    const auto client = running.connect(in_tls);
    client->send(target + " HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" + get_line("/livez"));
    CHECK(client->read().status >= 404);
    CHECK(client->is_closed());
  }
  const auto client = running.connect(in_tls);
  client->send(
      "POST /api/v1/claims HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: "
      "2000000\r\n\r\n");
  const auto refused = client->read();  // before a byte of the body was sent
  CHECK(refused.status == 413);
  client->send(std::string(300'000, 'x'));
  CHECK(client->is_closed());
}

TEST_CASE("a client that waits for leave to send its body gets it, or the refusal") {
  running_service running(1);
  const std::string post =
      "POST /api/v1/claims HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n";
  raw_client client(running.port());
  client.send(post + "Content-Type: application/json\r\n\r\n");
  CHECK(client.read().status == 100);
  client.send("{}");
  CHECK(client.read().status == 422);
  raw_client other(running.port());
  other.send(post + "Content-Type: text/plain\r\n\r\n");
  CHECK(other.read().status == 415);
}

TEST_CASE("clients that vanish at any point leave the server as it was") {
  running_service running(40);
  const std::string wire = get_line("/api/v1/claims?limit=40") + get_line("/api/v1/claims?limit=39");
  for (std::size_t size = 0; size <= wire.size(); size += 7) {
    raw_client client(running.port());
    client.send(std::string_view(wire).substr(0, size));
    client.vanish();
  }
  for (int count = 0; count < 50; ++count) {
    raw_client client(running.port());
    client.send(get_line("/api/v1/claims?limit=" + std::to_string(1 + count)));
    client.vanish();
  }
  auto http = running.client();
  CHECK(http.Get("/readyz")->status == 200);
  CHECK(e2e::get(http, "/api/v1/claims?limit=38").at("data").as_array().size() == 38);
}

TEST_CASE("a client that says no more but still listens gets its answer") {
  running_service running(5);
  raw_client client(running.port());
  client.send(get_line("/livez"));
  client.finish_sending();
  CHECK(client.read().status == 200);
  CHECK(client.is_closed());
}

// SPDX-License-Identifier: BSL-1.0
#include "e2e/raw_client.hpp"
#include "e2e/running_service.hpp"

using e2e::raw_client;
using e2e::running_service;

namespace {

std::string header(const e2e::raw_response& from, std::string_view name) {
  const std::string start = "\r\n" + std::string(name) + ": ";
  const std::size_t at = from.head.find(start);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + start.size();
  return from.head.substr(begin, from.head.find("\r\n", begin) - begin);
}

e2e::raw_response ask(const running_service& running, const std::string& first, const std::string& fields,
                      const std::string& body = "") {
  raw_client client(running.port());
  client.send(first + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body);
  return client.read(!first.starts_with("HEAD"));
}

}  // namespace

TEST_CASE("an answer that has not changed is not sent again, from the cache or on a miss") {
  running_service running(40);
  const std::string list = "GET /api/v1/claims?limit=20";
  const auto first = ask(running, list, "");
  REQUIRE(first.status == 200);
  const std::string etag = header(first, "ETag");
  REQUIRE(etag.size() > 10);
  const auto again = ask(running, list, "If-None-Match: \"other\", W/" + etag + "\r\n");
  CHECK(again.status == 304);
  CHECK(again.body.empty());
  CHECK(header(again, "ETag") == etag);
  CHECK(header(again, "Content-Length").empty());
  CHECK(header(again, "Cache-Control") == "no-store");
  CHECK(ask(running, "HEAD /api/v1/claims?limit=20", "If-None-Match: " + etag + "\r\n").status == 304);
  CHECK(ask(running, list, "If-None-Match: \"other\"\r\n").status == 200);
  const auto other = ask(running, "GET /api/v1/claims?limit=19", "If-None-Match: " + etag + "\r\n");
  CHECK(other.status == 200);
  CHECK(header(other, "ETag") != etag);
}

TEST_CASE("a reader can ask for exactly what it knows") {
  running_service running(5);
  const std::string list = "GET /api/v1/claims";
  const std::string etag = header(ask(running, list, ""), "ETag");
  CHECK(ask(running, list, "If-Match: \"other\", " + etag + "\r\n").status == 200);
  CHECK(ask(running, list, "If-Match: *\r\n").status == 200);
  const auto refused = ask(running, list, "If-Match: \"other\"\r\n");
  CHECK(refused.status == 412);
  CHECK(header(refused, "Content-Type") == "application/problem+json");
  CHECK(ask(running, list, "If-Match: W/" + etag + "\r\n").status == 412);
  CHECK(ask(running, "HEAD /api/v1/claims", "If-Match: \"other\"\r\n").status == 412);
  // The condition of one that would not have been answered anyway does not count; nor does what is not the tag's.
  CHECK(ask(running, "GET /api/v1/claims/none", "If-Match: \"other\"\r\n").status == 404);
  CHECK(ask(running, list, "If-Match: \"other\"\r\nIf-None-Match: " + etag + "\r\n").status == 412);
  CHECK(ask(running, list, "If-Match: " + etag + "\r\nIf-None-Match: " + etag + "\r\n").status == 304);
}

TEST_CASE("two requests on one connection do not share their conditions") {
  running_service running(40);
  const std::string head = "GET /api/v1/payers HTTP/1.1\r\nHost: a\r\n";
  raw_client client(running.port());
  client.send(head + "\r\n");
  const std::string etag = header(client.read(), "ETag");
  client.send(head + "If-None-Match: " + etag + "\r\n\r\n" + head + "\r\n");
  CHECK(client.read().status == 304);
  CHECK(client.read().status == 200);
}

TEST_CASE("a long answer is compressed for who wants it, and a short one for nobody") {
  running_service running(60);
  const std::string list = "GET /api/v1/claims?limit=50";
  const auto plain = ask(running, list, "");
  const auto packed = ask(running, list, "Accept-Encoding: gzip, br\r\n");
  REQUIRE(packed.status == 200);
  CHECK(header(packed, "Content-Encoding") == "gzip");
  CHECK(header(packed, "Vary") == "Accept-Encoding");
  CHECK(header(plain, "Vary") == "Accept-Encoding");
  CHECK(header(plain, "Content-Encoding").empty());
  CHECK(packed.body.size() * 3 < plain.body.size());
  CHECK(packed.body.starts_with("\x1f\x8b"));
  CHECK(header(packed, "ETag") != header(plain, "ETag"));
  const auto hit = ask(running, list, "Accept-Encoding: gzip\r\n");
  CHECK(hit.body == packed.body);
  CHECK(ask(running, list, "Accept-Encoding: gzip\r\nIf-None-Match: " + header(packed, "ETag") + "\r\n")
            .status == 304);
  const auto refused = ask(running, list, "Accept-Encoding: gzip;q=0\r\n");
  CHECK(refused.body == plain.body);
  const auto none = ask(running, "GET /api/v1/claims?limit=1&status=denied&from=1990-01-01&to=1990-01-02",
                        "Accept-Encoding: gzip\r\n");
  CHECK(none.status == 200);
  CHECK(header(none, "Content-Encoding").empty());
}

TEST_CASE("who takes no JSON is told that there is nothing else") {
  running_service running(1);
  const auto refused = ask(running, "GET /api/v1/payers", "Accept: text/html\r\n");
  CHECK(refused.status == 406);
  CHECK(header(refused, "Content-Type") == "application/problem+json");
  CHECK(ask(running, "GET /api/v1/payers", "Accept: text/html, */*;q=0.1\r\n").status == 200);
  CHECK(ask(running, "GET /api/v1/payers", "Accept: text/html\r\nAccept: text/css\r\n").status == 200);
}

TEST_CASE("OPTIONS says what an address takes") {
  running_service running(1);
  const auto claims = ask(running, "OPTIONS /api/v1/claims", "");
  CHECK(claims.status == 204);
  CHECK(header(claims, "Allow") == "GET, HEAD, POST, OPTIONS");
  CHECK(header(claims, "Accept-Patch").empty());
  const auto claim = ask(running, "OPTIONS /api/v1/claims/x", "");
  CHECK(header(claim, "Allow") == "GET, HEAD, PATCH, OPTIONS");
  CHECK(header(claim, "Accept-Patch") == "application/merge-patch+json, application/json");
  CHECK(ask(running, "OPTIONS *", "").status == 204);
  CHECK(ask(running, "OPTIONS /nothing", "").status == 404);
  CHECK(ask(running, "OPTIONS /api/v1/admin/health", "").status == 401);
}

TEST_CASE("a body must tell its length and be plain JSON in UTF-8") {
  running_service running(1);
  const std::string post = "POST /api/v1/claims";
  const std::string json = "Content-Type: application/json\r\n";
  CHECK(ask(running, post, json).status == 411);
  CHECK(ask(running, post, json + "Content-Encoding: gzip\r\nContent-Length: 2\r\n", "{}").status == 415);
  CHECK(ask(running, post, "Content-Type: application/json; charset=utf-16\r\nContent-Length: 2\r\n", "{}")
            .status == 415);
  CHECK(ask(running, post, json + "Content-Length: 2\r\n", "{}").status == 422);
  const std::string twice = R"({"status":"paid","status":"denied"})";
  const auto refused =
      ask(running, post, json + "Content-Length: " + std::to_string(twice.size()) + "\r\n", twice);
  CHECK(refused.status == 400);
  CHECK(refused.body.find("two members of one name") != std::string::npos);
}

TEST_CASE("only a server that was told to answers what it was sent") {
  const std::string fields = "Content-Type: text/x-any\r\nContent-Length: 5\r\n";
  {
    running_service running(1);
    CHECK(ask(running, "POST /echo", fields, "canar").status == 404);
    for (const char* method : {"POST", "PUT", "PATCH", "DELETE"})
      CHECK(ask(running, std::string(method) + " /", fields, "canar").status == 405);
  }
  running_service running(1, [](auto& config) { config.test_echo = true; });
  const auto echoed = ask(running, "POST /echo", fields, "canar");
  CHECK(echoed.status == 200);
  CHECK(echoed.body == "canar");
  CHECK(header(echoed, "Content-Type") == "application/octet-stream");
  CHECK(header(echoed, "X-Content-Type-Options") == "nosniff");
  const auto chunked = ask(running, "POST /echo", "Transfer-Encoding: chunked\r\n",
                           "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n");
  CHECK(chunked.body == "abcde");
  CHECK(ask(running, "POST /echo", "").body.empty());
  CHECK(ask(running, "GET /echo", "").status == 405);
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"})
    CHECK(ask(running, std::string(method) + " /", fields, "canar").body == "canar");
  for (const char* method : {"GET", "HEAD"})
    CHECK(ask(running, std::string(method) + " /", "").status == 200);
  CHECK(ask(running, "OPTIONS /", "").status == 204);
}

TEST_CASE("HEAD tells what GET would: found or not, kept or not, compressed or not, refused or not") {
  running_service running(60);
  // Without what belongs to one request alone.
  const auto steady = [](const e2e::raw_response& from) {
    std::string out;
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = from.head.find("\r\n", begin)) != std::string::npos; begin = end + 2) {
      const std::string line = from.head.substr(begin, end - begin);
      if (line.starts_with("X-Request-Id: ") || line.starts_with("Traceparent: ") ||
          line.starts_with("Date: ") || line.starts_with("Server-Timing: "))
        continue;
      out += line + "\n";
    }
    return out;
  };
  for (const char* path :
       {"/", "/livez", "/api/v1/claims?limit=50", "/api/v1/claims/none", "/api/v1/openapi.json",
        "/api/v1/payers?limit=0", "/api/v1/admin/health", "/nowhere", "/api/v1/risk/recompute"})
    for (const char* fields :
         {"", "Accept-Encoding: gzip\r\n", "Accept: image/png\r\n", "If-None-Match: *\r\n"}) {
      INFO(path << " " << fields);
      const auto got = ask(running, std::string("GET ") + path, fields);
      const auto head = ask(running, std::string("HEAD ") + path, fields);
      CHECK(head.body.empty());
      CHECK(steady(head) == steady(got));
      if (got.status != 304 && got.status != 204)
        CHECK(header(got, "Content-Length") == std::to_string(got.body.size()));
    }
}

TEST_CASE("a method that is not taken is told which are, whatever else is wrong with the request") {
  running_service running(1);
  for (const char* fields : {"Content-Length: 0\r\n", "Content-Length: 2\r\nContent-Type: text/plain\r\n"}) {
    const auto refused =
        ask(running, "DELETE /api/v1/claims", fields, std::string(fields).find('2') < 20 ? "{}" : "");
    CHECK(refused.status == 405);
    CHECK(header(refused, "Allow") == "GET, HEAD, POST, OPTIONS");
  }
  CHECK(ask(running, "PUT /api/v1/claims/x", "Accept: image/png\r\n").status == 405);
  CHECK(ask(running, "TRACE /api/v1/claims", "").status == 405);
  CHECK(ask(running, "BREW /api/v1/claims", "").status == 501);
}

TEST_CASE("a browser that opens the server is shown where to go") {
  running_service running(1);
  const auto shown = ask(running, "GET /", "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n");
  CHECK(shown.status == 200);
  CHECK(header(shown, "Content-Type") == "application/json");
  CHECK(shown.body.find("/api/v1/claims") != std::string::npos);
  CHECK(shown.body.find("/api/v1/openapi.json") != std::string::npos);
}

// SPDX-License-Identifier: BSL-1.0
#include "e2e/program.hpp"

#include "e2e/raw_client.hpp"
#include "e2e/tls_client.hpp"
#include "support/notify_socket.hpp"
#include "support/self_signed.hpp"
#include "support/temporary_folder.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

using e2e::program;
using e2e::raw_client;
using e2e::tls_client;

namespace {

std::vector<std::string> serve(const temporary_folder& folder, std::vector<std::string> more = {},
                               int port = 0) {
  std::vector<std::string> out = {
      "serve",         "--port", std::to_string(port), "--database", folder.path() / "claims.db",
      "--seed-claims", "50"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

// What follows `mark` up to the next blank or line end.
std::string word_after(const std::string& text, const std::string& mark) {
  const std::size_t at = text.find(mark);
  REQUIRE(at != std::string::npos);
  const std::size_t begin = at + mark.size();
  return text.substr(begin, text.find_first_of(" \n", begin) - begin);
}

}  // namespace

TEST_CASE("what a first start makes is readable by its owner alone") {
  const temporary_folder folder;
  program server(folder.path(), serve(folder));
  static_cast<void>(server.port());
  std::size_t files = 0;
  for (const auto& made : std::filesystem::directory_iterator(folder.path())) {
    if (!made.path().filename().string().starts_with("claims.db")) continue;  // the test's own
    INFO(made.path().filename());
    CHECK((made.status().permissions() & std::filesystem::perms(077)) == std::filesystem::perms::none);
    ++files;
  }
  CHECK(files >= 2);
  server.signal(SIGTERM);
  CHECK(server.wait() == 0);
}

TEST_CASE("a first start makes the database, fills it, says how to go on, and stops in good order") {
  const temporary_folder folder;
  program server(folder.path(), serve(folder));
  const int port = server.port();
  const std::string said = server.out();
  CHECK(said.find("50 claims") != std::string::npos);
  CHECK(said.find("curl ") != std::string::npos);
  httplib::Client client("127.0.0.1", port);
  const auto page = client.Get("/api/v1/claims?total=exact");
  REQUIRE(page);
  CHECK(boost::json::parse(page->body).at("total").as_int64() == 50);
  const std::string token = word_after(said, "admin token  ");
  CHECK(token.size() == 43);
  CHECK(client.Get("/api/v1/admin/health", {{"Authorization", "Bearer " + token}})->status == 200);
  client.stop();
  server.signal(SIGTERM);
  CHECK(server.wait() == 0);
  CHECK(server.err().find("connections cut 0, tasks dropped 0") != std::string::npos);
}

TEST_CASE("a second start finds what the first one left and makes nothing up") {
  const temporary_folder folder;
  for (int start = 0; start < 2; ++start) {
    program server(folder.path(), serve(folder));
    httplib::Client client("127.0.0.1", server.port());
    const auto page = client.Get("/api/v1/claims?total=exact");
    REQUIRE(page);
    CHECK(boost::json::parse(page->body).at("total").as_int64() == 50);
    CHECK((server.out().find("claims added") != std::string::npos) == (start == 0));
    client.stop();
    server.signal(SIGINT);
    CHECK(server.wait() == 0);
  }
}

TEST_CASE("SIGTERM under load truncates no answer and ends with 0") {
  const temporary_folder folder;
  program server(folder.path(), serve(folder));
  const int port = server.port();
  std::atomic<int> whole{0};
  std::atomic<int> truncated{0};
  std::vector<std::thread> clients;
  for (int count = 0; count < 16; ++count)
    clients.emplace_back([&, count] {
      try {
        raw_client client(port);
        for (int request = 0;; ++request) {
          client.send("GET /api/v1/claims?limit=" + std::to_string(1 + (request * 16 + count) % 200) +
                      " HTTP/1.1\r\nHost: h\r\n\r\n");
          const auto got = client.read();
          if (got.status == 0) return;  // closed between two answers
          const std::size_t length = std::stoul(got.head.substr(got.head.find("Content-Length: ") + 16));
          ++(got.body.size() == length && got.status == 200 ? whole : truncated);
        }
      } catch (const std::system_error&) {
        return;  // the server had stopped listening before this client came
      }
    });
  while (whole < 200) std::this_thread::yield();
  server.signal(SIGTERM);
  CHECK(server.wait() == 0);
  for (std::thread& each : clients) each.join();
  CHECK(truncated == 0);
}

TEST_CASE("a stop closes the port, finishes what is under way, says so, and ends with 0") {
  const temporary_folder folder;
  program server(folder.path(), serve(folder, {"--drain-seconds", "600", "--threads", "1"}));
  const int port = server.port();
  raw_client half(port);
  half.send("GET /livez HTTP/1.1\r\nHost");
  httplib::Client probe("127.0.0.1", port);
  CHECK(probe.Get("/livez")->status == 200);  // on the same loop, so the half request has arrived as well
  probe.stop();
  server.signal(SIGTERM);
  const auto is_open = [&] {
    try {
      const raw_client another(port);
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  };
  while (is_open()) std::this_thread::yield();
  half.send(": h\r\n\r\n");
  const auto last = half.read();
  CHECK(last.status == 200);
  CHECK(last.head.find("Connection: close") != std::string::npos);
  CHECK(half.read().status == 0);
  CHECK(server.wait() == 0);
  CHECK(server.err().find("connections cut 0, tasks dropped 0") != std::string::npos);
}

TEST_CASE("what is not finished at the deadline of a stop is cut, and the end is in order all the same") {
  const temporary_folder folder;
  program server(folder.path(), serve(folder, {"--drain-seconds", "0", "--threads", "1"}));
  raw_client half(server.port());
  half.send("GET /livez HTTP/1.1\r\nHost");
  httplib::Client probe("127.0.0.1", server.port());
  CHECK(probe.Get("/livez")->status == 200);
  probe.stop();
  server.signal(SIGTERM);
  CHECK(server.wait() == 0);
  CHECK(half.read().status == 0);
  INFO(server.err());
  CHECK(server.err().find("connections cut") != std::string::npos);
  CHECK(server.err().find("connections cut 0") == std::string::npos);  // the probe's may be among them
}

TEST_CASE("a stop with a delay lets /readyz say 503 while requests are still answered") {
  const temporary_folder folder;
  const notify_socket systemd((folder.path() / "notify").string());
  program server(folder.path(), serve(folder, {"--stop-delay-seconds", "600"}),
                 {"NOTIFY_SOCKET=" + systemd.name()});
  httplib::Client client("127.0.0.1", server.port());
  while (client.Get("/readyz")->status != 200) std::this_thread::yield();
  server.signal(SIGTERM);
  while (client.Get("/readyz")->status != 503) std::this_thread::yield();
  httplib::Client newcomer("127.0.0.1", server.port());
  CHECK(newcomer.Get("/api/v1/claims?limit=1")->status == 200);
  std::string told;
  while (!told.starts_with("STOPPING=1")) told = systemd.next();
  CHECK(told.find("EXTEND_TIMEOUT_USEC=640000000") != std::string::npos);
  server.signal(SIGTERM);
  CHECK(server.wait() == 128 + SIGTERM);
}

TEST_CASE("systemd hears of the start, of reloads, of the loops' health and of the stop") {
  const temporary_folder folder;
  const notify_socket systemd((folder.path() / "notify").string());
  program server(folder.path(), serve(folder), {"NOTIFY_SOCKET=" + systemd.name(), "WATCHDOG_USEC=300000"});
  const auto hear = [&](const std::string& what) {
    std::string told = systemd.next();
    while (!told.empty() && told.find(what) == std::string::npos) told = systemd.next();
    return !told.empty();
  };
  CHECK(hear("STATUS=making up 50 claims"));
  CHECK(hear("READY=1"));
  CHECK(hear("WATCHDOG=1"));
  server.signal(SIGHUP);
  CHECK(hear("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(hear("READY=1"));
  server.signal(SIGTERM);
  CHECK(hear("STOPPING=1"));
  CHECK(server.wait() == 0);
}

TEST_CASE("the exit status tells whether it was done, could not be done, or was not begun") {
  const temporary_folder folder;
  const auto status = [&](std::vector<std::string> arguments) {
    return program(folder.path(), std::move(arguments)).wait();
  };
  const std::string database = folder.path() / "claims.db";
  CHECK(status({"--help"}) == 0);
  CHECK(status({}) == 2);
  CHECK(status({"serve", "--no-such-flag"}) == 2);
  CHECK(status({"serve", "--port", "none"}) == 2);
  CHECK(status({"config", "check", "--config", "/does/not/exist"}) == 2);
  CHECK(status({"migrate", "--database", database, "status"}) == 1);
  CHECK(status({"migrate", "--database", database}) == 0);
  CHECK(status({"migrate", "--database", database, "down", "--no-backup"}) == 0);
  CHECK(status({"migrate", "--database", database, "status", "--exit-code"}) == 3);
}

TEST_CASE("a second signal does not wait") {
  const temporary_folder folder;
  program server(folder.path(), serve(folder, {"--drain-seconds", "600"}));
  raw_client half(server.port());
  half.send("GET /livez HTTP/1.1\r\nHost");  // keeps the drain waiting
  httplib::Client probe("127.0.0.1", server.port());
  CHECK(probe.Get("/livez")->status == 200);
  server.signal(SIGTERM);
  while (server.err().find("stopping") == std::string::npos) std::this_thread::yield();
  server.signal(SIGTERM);
  CHECK(server.wait() == 128 + SIGTERM);
}

TEST_CASE("settings that are not acceptable end it at once, each with a sentence") {
  const temporary_folder folder;
  program server(folder.path(),
                 serve(folder, {"--address", "0.0.0.0", "--threads", "x", "--cache-ttl", "-1"}));
  CHECK(server.wait() == 2);
  for (const char* flag : {"--address", "--threads", "--cache-ttl"})
    CHECK(server.err().find(std::string("reference_app: ") + flag) != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "claims.db"));
}

TEST_CASE("a configuration is checked and shown without a server") {
  const temporary_folder folder;
  const std::string file = folder.path() / "claims.json";
  std::ofstream(file) << R"({"queue": 500, /* soon more */ "database": "nowhere/claims.db"})";
  std::ofstream(folder.path() / "token") << "a-token-that-is-long-enough\n";
  std::filesystem::permissions(folder.path() / "token", std::filesystem::perms(0600));
  const auto run = [&](std::vector<std::string> arguments, int status) {
    arguments.insert(arguments.begin(), "config");
    program config(folder.path(), std::move(arguments));
    CHECK(config.wait() == status);
    return config.out() + config.err();
  };
  const std::string token_file = folder.path() / "token";
  CHECK(run({"check", "--config", file, "--port", "1"}, 0).find("sound: 3 of") != std::string::npos);
  const std::string wrong = run({"check", "--config", file, "--port", "-1", "--rate", "x"}, 2);
  CHECK(wrong.find("--port must be a whole number from 0 to 65535, got \"-1\"") != std::string::npos);
  CHECK(wrong.find("--rate must be") != std::string::npos);
  const std::string shown = run({"show", "--config", file, "--admin-token-file", token_file}, 0);
  CHECK(shown.find(file + ": queue\n") != std::string::npos);
  CHECK(shown.find("******") != std::string::npos);
  CHECK(shown.find("a-token-that") == std::string::npos);
  CHECK(run({"show", "--config", file + ".missing"}, 2).find("cannot be read") != std::string::npos);
  CHECK(run({"options"}, 0).find("`HASTEN_QUEUE`") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists("nowhere"));
}

TEST_CASE("a start with TLS and a listener for operators says where they are") {
  const temporary_folder folder;
  const self_signed made(folder.path(), "server");
  program server(folder.path(),
                 serve(folder, {"--tls-certificate", made.certificate, "--tls-key", made.key, "--tls-port",
                                "0", "--admin-listener", "on", "--admin-port", "0"}));
  const int port = server.port();
  const std::string said = server.out();
  const int tls_port = std::atoi(word_after(said, "encrypted    https://127.0.0.1:").c_str());
  const int admin_port = std::atoi(word_after(said, "operators    http://127.0.0.1:").c_str());
  tls_client encrypted(tls_port);
  REQUIRE(encrypted.shake_hands());
  encrypted.send("GET /api/v1/claims?limit=1 HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(encrypted.read().status == 200);
  const httplib::Headers token = {{"Authorization", "Bearer " + word_after(said, "admin token  ")}};
  httplib::Client operators("127.0.0.1", admin_port);
  const auto metrics = operators.Get("/metrics", token);
  REQUIRE(metrics);
  CHECK(metrics->body.find("\nhasten_tls_certificate_expiry_timestamp_seconds ") != std::string::npos);
  CHECK(operators.Get("/api/v1/admin/health", token)->body.find("certificate") != std::string::npos);
  CHECK(httplib::Client("127.0.0.1", port).Get("/metrics", token)->status == 404);
  operators.stop();
  server.signal(SIGTERM);
  CHECK(server.wait() == 0);
}

TEST_CASE("SIGHUP has new clients shown the new certificate, or keeps the old one and says why") {
  const temporary_folder folder;
  const self_signed made(folder.path(), "server");
  program server(folder.path(), serve(folder, {"--tls-certificate", made.certificate, "--tls-key", made.key,
                                               "--tls-port", "0"}));
  static_cast<void>(server.port());
  const int tls_port = std::atoi(word_after(server.out(), "encrypted    https://127.0.0.1:").c_str());
  const auto copy = [](const std::string& from, const std::string& to) {
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
  };
  const auto wait_for_log = [&](const std::string& words) {  // hangs if it is never said
    while (server.err().find(words) == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  };
  const std::string get = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
  tls_client before(tls_port);
  REQUIRE(before.shake_hands());
  const self_signed next(folder.path(), "next", {.serial = 2});
  copy(next.certificate, made.certificate);
  server.signal(SIGHUP);
  wait_for_log("the certificate stays what it was");
  tls_client between(tls_port);
  REQUIRE(between.shake_hands());
  CHECK(between.serial() == 1);
  copy(next.key, made.key);
  server.signal(SIGHUP);
  wait_for_log("the certificate was read anew; it expires 20");
  tls_client after(tls_port);
  REQUIRE(after.shake_hands());
  CHECK(after.serial() == 2);
  for (tls_client* const each : {&before, &between, &after}) {
    each->send(get);
    CHECK(each->read().status == 200);
  }
  server.signal(SIGTERM);
  CHECK(server.wait() == 0);
}

TEST_CASE("a port that is taken, and a database that is none, are told plainly") {
  const temporary_folder folder;
  program first(folder.path(), serve(folder));
  const temporary_folder other;
  program second(other.path(), serve(other, {}, first.port()));
  CHECK(second.wait() == 1);
  CHECK(second.err().find("cannot listen on 127.0.0.1") != std::string::npos);

  const temporary_folder damaged;
  std::ofstream(damaged.path() / "claims.db")
      << "this is no database, however long one looks at it; it is a text\n";
  program third(damaged.path(), serve(damaged));
  CHECK(third.wait() == 1);
  CHECK(third.err().find("cannot be used") != std::string::npos);
}

TEST_CASE("what a client sends appears in no log line, no error and no metric") {
  const temporary_folder folder;
  const std::string canary = "canary7f3a91";
  program server(folder.path(), serve(folder, {"--log-level", "debug", "--slow-query-ms", "0"}));
  const int port = server.port();
  const std::string token = word_after(server.out(), "admin token  ");
  const std::string fields = "Host: " + canary + "\r\nX-Request-Id: " + canary + "\r\nCookie: " + canary +
                             "\r\nUser-Agent: " + canary + "\r\nX-" + canary + ": " + canary + "\r\n";
  const std::string json = R"({")" + canary + R"(":")" + canary + R"(","claimType":")" + canary +
                           R"(","sourceId":")" + canary + R"(","lines":[{"code":")" + canary +
                           R"( ","codeSystem":")" + canary + R"("}]})";
  const auto post = [&](const std::string& target, const std::string& type, const std::string& body) {
    return "POST " + target + " HTTP/1.1\r\n" + fields + "Content-Type: " + type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  const auto get = [&](const std::string& target, const std::string& authorization = "") {
    return "GET " + target + " HTTP/1.1\r\n" + fields +
           (authorization.empty() ? "" : "Authorization: " + authorization + "\r\n") + "\r\n";
  };
  std::vector<std::string> requests = {
      get("/" + canary),
      get("/api/v1/claims/" + canary),
      get("/api/v1/claims?" + canary + "=1"),
      get("/api/v1/admin/health", "Bearer " + canary),
      get("/api/v1/admin/health", canary),
      get("http://" + canary + "/livez"),
      get("/livez#" + canary),
      canary + " / HTTP/1.1\r\n" + fields + "\r\n",
      "GET / HTTP/1." + canary + "\r\n\r\n",
      "GET / HTTP/1.1\r\n" + canary + "\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a b " + canary + "\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: " + canary + "\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + canary + "\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: " + canary + "\r\n\r\n",
      post("/api/v1/claims", "application/json", json),
      post("/api/v1/claims", "application/json", canary),
      post("/api/v1/claims", "application/json", "{\"" + canary),
      post("/api/v1/claims", canary, json),
      post("/api/v1/claims?" + canary + "=" + canary, "application/json", json)};
  for (const char* name : {"status", "payer_id", "provider_id", "from", "to", "cursor", "limit", "total"})
    requests.push_back(get("/api/v1/claims?" + std::string(name) + "=" + canary));
  for (const char* path :
       {"/api/v1/denials/metrics?from=", "/api/v1/payers?cursor=", "/api/v1/providers?limit=", "/livez?a="})
    requests.push_back(get(path + canary));
  for (const std::string& wire : requests) {
    raw_client client(port);
    client.send(wire);
    const auto got = client.read();
    INFO(wire);
    CHECK(got.status != 0);
    CHECK(got.status != 500);
    CHECK(got.head.find(canary) == std::string::npos);
    CHECK(got.body.find(canary) == std::string::npos);
  }
  httplib::Client client("127.0.0.1", port);
  for (const char* path :
       {"/api/v1/admin/health", "/api/v1/admin/cache/stats", "/api/v1/admin/performance"}) {
    const auto told = client.Get(path, {{"Authorization", "Bearer " + token}});
    REQUIRE(told);
    CHECK(told->status == 200);
    CHECK(told->body.find(canary) == std::string::npos);
  }
  client.stop();
  server.signal(SIGTERM);
  CHECK(server.wait() == 0);
  CHECK(server.err().find("route=\"/api/v1/claims\"") != std::string::npos);
  CHECK(server.err().find("slow statement name=") != std::string::npos);
  CHECK(server.err().find(canary) == std::string::npos);
  CHECK(server.err().find(token) == std::string::npos);
  CHECK(server.out().find(canary) == std::string::npos);
}

TEST_CASE("a server killed while it makes a claim made it once, whoever asks again") {
  namespace json = boost::json;
  const temporary_folder folder;
  const auto database = folder.path() / "claims.db";
  const auto log_bytes = [&] {
    std::error_code none;
    const auto size = std::filesystem::file_size(database.string() + "-wal", none);
    return none ? 0 : size;
  };
  std::string body;
  std::int64_t expected = 50;
  for (int round = 0; round < 3; ++round) {
    const std::string key = "visit-" + std::to_string(round);
    {
      program server(folder.path(), serve(folder));
      const int port = server.port();
      httplib::Client client("127.0.0.1", port);
      if (body.empty()) {
        const auto page = json::parse(client.Get("/api/v1/claims?limit=1")->body);
        const auto& any = page.at("data").as_array().at(0);
        body = json::serialize(json::object{{"providerId", any.at("providerId")},
                                            {"payerId", any.at("payerId")},
                                            {"patientId", any.at("patientId")},
                                            {"claimType", "professional"},
                                            {"dateOfService", "2024-03-01"}});
      }
      const auto before = log_bytes();
      raw_client raw(port);
      raw.send(
          "POST /api/v1/claims HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nIdempotency-Key: " +
          key + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
      // Killed before anything is written, while it is, or after it was answered, as it happens to come.
      for (int look = 0; round > 0 && look < 100'000 && log_bytes() == before; ++look)
        std::this_thread::yield();
      if (round == 2) static_cast<void>(raw.read());
      server.signal(SIGKILL);
      CHECK(server.wait() == 128 + SIGKILL);
    }
    program server(folder.path(), serve(folder));
    httplib::Client client("127.0.0.1", server.port());
    const auto told = client.Post("/api/v1/claims", {{"Idempotency-Key", key}}, body, "application/json");
    REQUIRE(told);
    CHECK(told->status == 201);
    if (round == 2) CHECK(told->get_header_value("Idempotency-Replayed") == "true");
    ++expected;
    const auto page = json::parse(client.Get("/api/v1/claims?limit=1&total=exact")->body);
    CHECK(page.at("total").as_int64() == expected);
  }
}

// SPDX-License-Identifier: BSL-1.0
// What the server tells of its own accord, to receivers of the tests' own and to somebody else's Prometheus and
// Alertmanager, started on ports and folders of their own.
#include "e2e/captured_log.hpp"
#include "e2e/raw_client.hpp"
#include "e2e/running_service.hpp"
#include "support/fake_receiver.hpp"

#include <hasten/beast/webhook.hpp>

#include <boost/asio/executor_work_guard.hpp>

#include <fcntl.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

using namespace std::chrono_literals;
using e2e::body_of;
using e2e::running_service;

namespace {

// A port that was free a moment ago.
int free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  ::bind(probe, reinterpret_cast<const sockaddr*>(&where), size);
  ::getsockname(probe, reinterpret_cast<sockaddr*>(&where), &size);
  ::close(probe);
  return ntohs(where.sin_port);
}

// A program that runs until the end of the test; what it says goes to a file.
class daemon_process {
 public:
  daemon_process(const std::filesystem::path& log, std::vector<std::string> command) {
    std::vector<char*> raw;
    for (std::string& each : command) raw.push_back(each.data());
    raw.push_back(nullptr);
    const int out = ::open(log.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(out, STDOUT_FILENO);
      ::dup2(out, STDERR_FILENO);
      ::execv(raw[0], raw.data());
      ::_exit(127);
    }
    ::close(out);
  }
  daemon_process(const daemon_process&) = delete;
  daemon_process& operator=(const daemon_process&) = delete;
  ~daemon_process() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

 private:
  pid_t child_ = -1;
};

// Asks until an answer has `part`. Returns: the answer, or the last without it.
std::string ask_until(httplib::Client& client, const std::string& path, const std::string& part) {
  std::string last;
  for (int round = 0; round < 600; ++round) {
    if (const auto result = client.Get(path)) last = result->body;
    if (last.find(part) != std::string::npos) return last;
    std::this_thread::sleep_for(50ms);
  }
  return last;
}

// Waits until one of the messages has all `parts`. Returns: it, or nothing.
std::string wait_for_parts(fake_receiver& receiver, const std::vector<std::string>& parts) {
  for (std::size_t count = 1; count < 30; ++count) {
    const auto all = receiver.wait_for(count);
    if (all.size() < count) return {};
    for (const std::string& each : all)
      if (std::ranges::all_of(parts, [&](const auto& part) { return each.find(part) != std::string::npos; }))
        return each;
  }
  return {};
}

// An alert that fires while `bad` is set, from one second to the next.
hasten::alert_source told_by(const std::atomic<bool>& bad) {
  return {.rule = {.name = "Told", .raise = 0.5, .clear = 0.5, .summary = "The test says so."},
          .read = [&bad] { return hasten::alert_reading{.value = bad ? 1 : 0}; },
          .inhibited_by = {}};
}

const std::string sampled_trace = "4bf92f3577b34da6a3ce929d0e0e4736";

httplib::Headers sampled() { return {{"traceparent", "00-" + sampled_trace + "-00f067aa0ba902b7-01"}}; }

std::string content(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE(
    "a real Prometheus scrapes the running server and answers with a quantile of its responses and a trace") {
#ifndef HASTEN_PROMETHEUS
  SKIP("prometheus is not installed");
#else
  running_service running(3);
  const temporary_folder folder;
  const int port = free_port();
  std::ofstream(folder.path() / "config.yml")
      << "global: {scrape_interval: 250ms, scrape_timeout: 250ms}\nscrape_configs:\n  - job_name: hasten\n"
      << "    authorization: {credentials: " << e2e::token
      << "}\n    static_configs: [{targets: ['127.0.0.1:" << running.port() << "']}]\n";
  const auto log = folder.path() / "log.txt";
  const daemon_process prometheus(
      log, {HASTEN_PROMETHEUS, "--config.file=" + (folder.path() / "config.yml").string(),
            "--storage.tsdb.path=" + (folder.path() / "data").string(), "--enable-feature=exemplar-storage",
            "--web.listen-address=127.0.0.1:" + std::to_string(port)});
  std::jthread traffic([&](const std::stop_token& done) {
    auto client = running.client();
    while (!done.stop_requested()) {
      static_cast<void>(client.Get("/api/v1/claims"));
      std::this_thread::sleep_for(5ms);
    }
  });
  httplib::Client client("127.0.0.1", port);
  const std::string p99 =
      "/api/v1/"
      "query?query=histogram_quantile(0.99%2Csum%20by(le)(rate(http_server_request_duration_seconds_bucket%7B"
      "http_route%3D%22%2Fapi%2Fv1%2Fclaims%22%7D%5B10s%5D)))%20%3E%200";
  const std::string answer = ask_until(client, p99, "\"value\"");
  INFO(content(log));
  CHECK(answer.find("\"status\":\"success\"") != std::string::npos);
  CHECK(answer.find("\"value\"") != std::string::npos);
  CHECK(ask_until(client, "/api/v1/query?query=up", "\"1\"]").find("\"1\"]") != std::string::npos);
  // It asks for OpenMetrics, and so knows a trace for what it shows.
  CHECK(
      ask_until(
          client,
          "/api/v1/query_exemplars?query=http_server_request_duration_seconds_bucket&start=0&end=9999999999",
          "\"trace_id\"")
          .find("\"trace_id\"") != std::string::npos);
#endif
}

TEST_CASE("a real Alertmanager receives an alert that fires and is over, and tells its own receiver") {
#ifndef HASTEN_ALERTMANAGER
  SKIP("prometheus-alertmanager is not installed");
#else
  fake_receiver receiver([](std::size_t) { return fake_receiver::status(200); });
  const temporary_folder folder;
  const int port = free_port();
  std::ofstream(folder.path() / "config.yml")
      << "route: {receiver: test, group_wait: 10ms, group_interval: 200ms, repeat_interval: 1h}\nreceivers:\n"
      << "  - name: test\n    webhook_configs: [{url: '" << receiver.url() << "', send_resolved: true}]\n";
  const auto log = folder.path() / "log.txt";
  const daemon_process manager(
      log, {HASTEN_ALERTMANAGER, "--config.file=" + (folder.path() / "config.yml").string(),
            "--storage.path=" + (folder.path() / "data").string(),
            "--cluster.listen-address=", "--web.listen-address=127.0.0.1:" + std::to_string(port)});
  httplib::Client client("127.0.0.1", port);
  static_cast<void>(ask_until(client, "/-/ready", "OK"));

  boost::asio::io_context io;
  auto work = boost::asio::make_work_guard(io);
  std::jthread thread([&] { io.run(); });
  {
    hasten::alertmanager_client told(
        io, {.to = {.url = "http://127.0.0.1:" + std::to_string(port) + "/api/v2/alerts",
                    .delays = {.first = 50ms, .most = 100ms}},
             .sender = {.service = "reference", .external_url = "http://127.0.0.1/"}});
    double value = 2;
    hasten::alert_board board(
        {{.rule = {.name = "Slow", .raise = 1, .clear = 1, .labels = {{"route", "/claims"}}},
          .read = [&] { return hasten::alert_reading{.value = value}; }}});
    told.tell(board.tick(hasten::steady_time(1s), hasten::wall_clock_source::now()));
    const std::string firing = ask_until(client, "/api/v2/alerts", "\"alertname\":\"Slow\"");
    INFO(content(log));
    CHECK(firing.find("\"state\":\"active\"") != std::string::npos);
    CHECK(firing.find("\"route\":\"/claims\"") != std::string::npos);
    const auto first = receiver.wait_for(1);
    REQUIRE(first.size() == 1);
    CHECK(first[0].find("\"status\":\"firing\"") != std::string::npos);

    value = 0;
    told.tell(board.tick(hasten::steady_time(2s), hasten::wall_clock_source::now()));
    const auto both = receiver.wait_for(2);
    REQUIRE(both.size() == 2);
    CHECK(both[1].find("\"status\":\"resolved\"") != std::string::npos);
    CHECK(told.stats().sent == 2);
  }
  work.reset();
  io.stop();
#endif
}

TEST_CASE(
    "a running server tells a webhook what fires and what is over, and a collector its metrics and traces") {
  fake_receiver hook([](std::size_t) { return fake_receiver::status(200); });
  fake_receiver collector([](std::size_t) { return fake_receiver::status(200, "", "{}"); });
  std::atomic<bool> bad{true};
  running_service running(3, [&](claims_app::serve_config& config) {
    config.alert_webhook = hook.url("/alerts");
    config.alert_webhook_secret = "known to both";
    config.otlp.metrics_url = collector.url("/v1/metrics");
    config.otlp.traces_url = collector.url("/v1/traces");
    config.otlp.interval = 1s;
    config.more_alerts.push_back(told_by(bad));
  });
  auto client = running.client();
  REQUIRE(client.Get("/api/v1/claims", sampled())->status == 200);

  const std::string firing = wait_for_parts(hook, {R"("alertname":"Told")", R"("status":"firing")"});
  CHECK(firing.starts_with("POST /alerts HTTP/1.1\r\n"));
  CHECK(firing.find("X-Hasten-Signature: t=") != std::string::npos);
  CHECK(firing.find(R"("version":"4")") != std::string::npos);
  bad = false;
  CHECK_FALSE(wait_for_parts(hook, {R"("alertname":"Told")", R"("status":"resolved")"}).empty());

  const std::string traces = wait_for_parts(collector, {"POST /v1/traces", sampled_trace});
  CHECK(traces.find(R"("name":"GET /api/v1/claims","kind":2)") != std::string::npos);
  CHECK(traces.find(R"("parentSpanId":"00f067aa0ba902b7")") != std::string::npos);
  const std::string metrics =
      wait_for_parts(collector, {"POST /v1/metrics", R"("name":"http_server_request_duration")"});
  INFO(metrics.substr(0, 2000));
  CHECK_FALSE(metrics.empty());
}

TEST_CASE("health is told at once while one of twenty checks hangs, and says which") {
  std::promise<void> release;
  std::atomic<bool> hangs{false};
  const auto hang = [&hangs, released = release.get_future().share()] {
    hangs = true;
    released.wait_for(30s);
    hangs = false;
    return hasten::check_result();
  };
  running_service running(1, [&](claims_app::serve_config& config) {
    config.more_checks.push_back({.name = "hanging", .run = hang, .interval = 100ms, .deadline = 50ms});
    for (int number = 1; number < 20; ++number)
      config.more_checks.push_back({.name = "check " + std::to_string(number),
                                    .run = [] { return hasten::check_result(); },
                                    .interval = 100ms});
  });
  auto client = running.client();
  e2e::json::object checks;
  for (int round = 0; round < 600; ++round) {
    checks = body_of(client.Get("/api/v1/admin/health", e2e::with_token())).at("checks").as_object();
    if (checks.at("hanging").at(0).as_object().contains("stale")) break;
    std::this_thread::sleep_for(50ms);
  }
  CHECK(hangs);  // so nobody waited for it
  const auto& hanging = checks.at("hanging").at(0).as_object();
  CHECK(hanging.contains("stale"));
  CHECK(hanging.contains("running"));
  CHECK(e2e::text(hanging, "output") == "no answer within the deadline");
  for (int number = 1; number < 20; ++number) {
    const auto& other = checks.at("check " + std::to_string(number)).at(0);
    CHECK(e2e::text(other, "status") == "pass");
    CHECK_FALSE(other.as_object().contains("stale"));
  }
  release.set_value();
}

TEST_CASE("nothing of a claim gets into logs, metrics, traces, alerts, events, admin answers or errors") {
  const e2e::captured_log log;
  fake_receiver hook([](std::size_t) { return fake_receiver::status(200); });
  fake_receiver collector([](std::size_t) { return fake_receiver::status(200, "", "{}"); });
  // What only this claim has, each unmistakable.
  const std::vector<std::string> canaries = {"canary7f3a91", "CANARY7F3A91", "1987-06-05",
                                             "7319004",      "CNRY.9",       "73195"};
  const auto leaks = [&](const std::string& text) {
    return std::ranges::any_of(canaries,
                               [&](const auto& each) { return text.find(each) != std::string::npos; });
  };
  std::string told;  // by whoever asks as an operator
  {
    std::atomic<bool> bad{true};
    running_service running(3, [&](claims_app::serve_config& config) {
      config.alert_webhook = hook.url("/alerts");
      config.otlp.metrics_url = collector.url("/v1/metrics");
      config.otlp.traces_url = collector.url("/v1/traces");
      config.otlp.interval = 1s;
      config.slow_query = 0ms;
      config.slow_request = 1ms;
      config.more_alerts.push_back(told_by(bad));
    });
    auto client = running.client();
    auto headers = sampled();
    for (const char* name :
         {"X-Request-Id", "Cookie", "User-Agent", "Referer", "tracestate", "X-canary7f3a91"})
      headers.emplace(name, "canary7f3a91=canary7f3a91");

    const auto any = e2e::get(client, "/api/v1/claims?limit=1").at("data").at(0);
    const e2e::json::object claim = {{"providerId", any.at("providerId")},
                                     {"payerId", any.at("payerId")},
                                     {"patientId", any.at("patientId")},
                                     {"claimType", "professional"},
                                     {"dateOfService", "1987-06-05"},
                                     {"billedCents", 7'319'004},
                                     {"sourceId", "canary7f3a91"},
                                     {"lines",
                                      {{{"code", "CANARY7F3A91"},
                                        {"codeSystem", "hcpcs"},
                                        {"billedCents", 7'319'004},
                                        {"diagnosisCodes", {"CNRY.9"}}}}}};
    const auto made = client.Post("/api/v1/claims", headers, e2e::json::serialize(claim), "application/json");
    REQUIRE(made->status == 201);
    REQUIRE(leaks(made->body));  // as it should: the claim itself
    const std::string where = made->get_header_value("Location");
    for (const std::string& path :
         {where, where + "/risk", std::string("/api/v1/claims?from=1987-06-05&to=1987-06-05"),
          std::string("/api/v1/denials/metrics?from=1987-06-05&to=1987-06-05")})
      CHECK(client.Get(path, headers)->status == 200);

    // Refusals name the member, never the value.
    std::vector<httplib::Result> refused;
    refused.push_back(
        client.Post("/api/v1/claims", headers, e2e::json::serialize(claim), "application/json"));
    auto wrong = claim;
    wrong["claimType"] = "canary7f3a91";
    wrong["canary7f3a91"] = "CANARY7F3A91";
    wrong["billedCents"] = 73195;
    refused.push_back(
        client.Post("/api/v1/claims", headers, e2e::json::serialize(wrong), "application/json"));
    refused.push_back(client.Post("/api/v1/claims", headers, "{\"canary7f3a91", "application/json"));
    refused.push_back(client.Post("/api/v1/claims", headers, "<canary7f3a91/>", "application/xml"));
    for (const char* path :
         {"/api/v1/claims/canary7f3a91", "/canary7f3a91", "/api/v1/claims?status=canary7f3a91",
          "/api/v1/claims?canary7f3a91=1", "/api/v1/claims?cursor=canary7f3a91", "/api/v1/jobs/canary7f3a91",
          "/api/v1/admin/loggers/canary7f3a91", "/api/v1/payers?canary7f3a91=7319004"})
      refused.push_back(client.Get(path, headers));
    for (const httplib::Result& each : refused) {
      REQUIRE(each);
      INFO(each->body);
      CHECK(each->status >= 400);
      CHECK_FALSE(leaks(each->body));
      for (const auto& [name, value] : each->headers) CHECK_FALSE(leaks(name + ": " + value));
    }

    const std::string traces = wait_for_parts(collector, {"POST /v1/traces", "POST /api/v1/claims"});
    CHECK_FALSE(traces.empty());
    CHECK_FALSE(wait_for_parts(collector, {"POST /v1/metrics", "http_server_request_duration"}).empty());
    CHECK_FALSE(wait_for_parts(hook, {R"("alertname":"Told")"}).empty());
    e2e::raw_client events(running.port());
    events.send("GET /api/v1/admin/events HTTP/1.1\r\nHost: h\r\nLast-Event-ID: 0\r\nAuthorization: Bearer " +
                e2e::token + "\r\n\r\n");
    while (told.find("event: tick") == std::string::npos) {
      const std::string more = events.take_all();
      REQUIRE_FALSE(more.empty());
      told += more;
    }
    headers.emplace("Authorization", "Bearer " + e2e::token);
    for (const char* path : {"alerts",
                             "alerts/rules",
                             "alerts/silences",
                             "cache/stats",
                             "config",
                             "database/health",
                             "database/metrics",
                             "database/queries",
                             "database/recommendations",
                             "health",
                             "info",
                             "jobs",
                             "loggers",
                             "migrations",
                             "performance",
                             "requests",
                             "requests?sort=errors",
                             "requests/inflight",
                             "requests/slow",
                             "timeseries",
                             "timeseries?series=p99_seconds",
                             "workers/stats"}) {
      const auto answer = client.Get("/api/v1/admin/" + std::string(path), headers);
      REQUIRE(answer);
      INFO(path << ": " << answer->body);
      CHECK(answer->status / 100 == 2);
      told += answer->body;
    }
    for (const char* accept : {"text/plain", "application/openmetrics-text"}) {
      auto asks = headers;
      asks.emplace("Accept", accept);
      told += client.Get("/metrics", asks)->body;
    }
  }
  for (const std::string& each : collector.wait_for(1)) CHECK_FALSE(leaks(each));
  for (const std::string& each : hook.wait_for(1)) CHECK_FALSE(leaks(each));
  CHECK(told.find("/api/v1/claims/{id}") != std::string::npos);
  for (const std::string& canary : canaries) {
    INFO(canary << " in: "
                << told.substr(told.find(canary) == std::string::npos ? 0 : told.find(canary), 300));
    CHECK(told.find(canary) == std::string::npos);
  }
  CHECK(log.text().find("route=\"/api/v1/claims\"") != std::string::npos);
  CHECK(log.text().find("slow statement name=") != std::string::npos);
  CHECK_FALSE(leaks(log.text()));
}

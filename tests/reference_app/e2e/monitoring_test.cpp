// SPDX-License-Identifier: BSL-1.0
// Somebody else's Prometheus and Alertmanager, started on ports and folders of their own.
#include "e2e/running_service.hpp"
#include "support/fake_receiver.hpp"

#include <hasten/beast/webhook.hpp>

#include <boost/asio/executor_work_guard.hpp>

#include <fcntl.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace std::chrono_literals;
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

// SPDX-License-Identifier: BSL-1.0
#include "app/reload.hpp"

#include "e2e/program.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>
#include <httplib.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using claims_app::load_config;
using claims_app::plan_reload;
using claims_app::settings_sources;

namespace {

settings_sources environment(std::vector<std::pair<std::string, std::string>> given) {
  return {.file = {}, .environment = std::move(given), .flags = {}};
}

std::vector<std::string> sentences(const std::vector<claims_app::reload_plan::change>& changes) {
  std::vector<std::string> out;
  for (const auto& each : changes) out.push_back(each.sentence);
  return out;
}

// Waits until `text` was logged `times` times.
void wait_for_log(const e2e::program& server, const std::string& text, int times = 1) {
  const auto count = [&] {
    const std::string log = server.err();
    int found = 0;
    for (std::size_t at = log.find(text); at != log.npos; at = log.find(text, at + 1)) ++found;
    return found;
  };
  while (count() < times) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

}  // namespace

TEST_CASE("a plan tells what is taken over and what waits for a restart, and masks what is secret") {
  const auto before =
      load_config(environment({{"HASTEN_RATE", "5"}, {"HASTEN_ADMIN_TOKEN", "one-token-of-mine"}}));
  const auto now = load_config(environment({{"HASTEN_LOG_LEVEL", "debug"},
                                            {"HASTEN_PORT", "81"},
                                            {"HASTEN_ADMIN_TOKEN", "another-one-of-mine"},
                                            {"HASTEN_ALERT_WEBHOOK", "http://127.0.0.1:1/"}}));
  const auto plan = plan_reload(before.settings, now.settings);
  CHECK(sentences(plan.taken) ==
        std::vector<std::string>{"rate: 5 -> 0 (default)", "log_level: info -> debug (HASTEN_LOG_LEVEL)"});
  CHECK(sentences(plan.for_restart) ==
        std::vector<std::string>{"port: 8080 -> 81 (HASTEN_PORT)",
                                 "alert_webhook: (none) -> http://127.0.0.1:1/ (HASTEN_ALERT_WEBHOOK)",
                                 "admin_token: ****** -> ****** (HASTEN_ADMIN_TOKEN)"});
}

TEST_CASE("where a value comes from is no change") {
  const auto plan =
      plan_reload(load_config({}).settings, load_config(environment({{"HASTEN_PORT", "8080"}})).settings);
  CHECK(plan.taken.empty());
  CHECK(plan.for_restart.empty());
}

TEST_CASE("SIGHUP takes over what is reloadable, all or nothing, and says what waits for a restart") {
  const temporary_folder folder;
  const std::filesystem::path file = folder.path() / "claims.json";
  const auto write = [&](const std::string& text) { std::ofstream(file) << text; };
  write(R"({"rate": 0, "queue": 100})");
  e2e::program server(folder.path(), {"serve", "--config", file, "--port", "0", "--seed-claims", "5",
                                      "--database", folder.path() / "claims.db"});
  httplib::Client client("127.0.0.1", server.port());
  const auto limited = [&] { return client.Get("/api/v1/payers")->has_header("RateLimit"); };
  CHECK_FALSE(limited());

  write(R"({"rate": 1000, "rate_burst": 7, "queue": 200, "cache_ttl_claim": 5})");
  server.signal(SIGHUP);
  wait_for_log(server, "read again: 3 options changed, 1 wait for a restart");
  CHECK(limited());
  CHECK(server.err().find("rate_burst: 200 -> 7 (" + file.string() + ": rate_burst)") != std::string::npos);
  CHECK(server.err().find("queue: 100 -> 200 (" + file.string() + ": queue); only a restart") !=
        std::string::npos);

  write(R"({"rate": 0, "log_level": "loud", "qeue": 1})");
  server.signal(SIGHUP);
  wait_for_log(server, "goes on with the one it has");
  CHECK(limited());
  CHECK(server.err().find("log_level must be one of") != std::string::npos);
  CHECK(server.err().find("qeue is no option; did you mean queue?") != std::string::npos);

  write(R"({"rate": 0, "queue": 200, "drain_seconds": 3})");
  server.signal(SIGHUP);
  // What waits for a restart is told each time.
  wait_for_log(server, "only a restart takes this over", 2);
  wait_for_log(server, "read again", 2);
  CHECK_FALSE(limited());
  client.stop();
  server.signal(SIGTERM);
  CHECK(server.wait() == 0);
  CHECK(server.err().find("at most 3 s for requests") != std::string::npos);
}

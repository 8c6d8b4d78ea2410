// SPDX-License-Identifier: BSL-1.0
#include "app/serve_command.hpp"

#include "app/request_log.hpp"
#include "app/serve_config.hpp"
#include "app/service.hpp"

#include <hasten/core/error.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

namespace claims_app {

namespace {

std::string origin(const serve_config& config, std::uint16_t port) {
  const bool is_v6 = config.address.find(':') != std::string::npos;
  return is_v6 ? fmt::format("http://[{}]:{}", config.address, port)
               : fmt::format("http://{}:{}", config.address, port);
}

void print_start(const serve_config& config, std::uint16_t port) {
  const std::string base = origin(config, port);
  const std::string who =
      config.is_remote ? fmt::format(" -H 'Authorization: Bearer {}'", config.admin_token) : "";
  fmt::print("\nhasten reference server: {}\n  database     {}\n  admin token  {}{}\n\nTry:\n", base,
             config.database, config.token_is_generated ? config.admin_token : "as configured",
             config.token_is_generated ? "   (new at each start)" : "");
  fmt::print("  curl -i{} '{}/api/v1/claims?limit=3'\n", who, base);
  fmt::print("  curl -i{} '{}/api/v1/claims?status=denied&from=2024-01-01&limit=3&total=exact'\n", who, base);
  fmt::print("  curl{} {}/api/v1/denials/metrics\n", who, base);
  fmt::print("  curl{} {}/api/v1/payers\n", who, base);
  fmt::print("  curl -H 'Authorization: Bearer {}' {}/api/v1/admin/cache/stats\n",
             config.token_is_generated ? config.admin_token : "<token>", base);
  fmt::print("  curl -H 'Authorization: Bearer {}' {}/api/v1/admin/performance\n",
             config.token_is_generated ? config.admin_token : "<token>", base);
  fmt::print("\nStop with Ctrl-C or SIGTERM; a second one does not wait for requests under way.\n");
  std::fflush(stdout);
}

// From here on the two signals are only taken by wait_for_stop, in whichever thread they arrive.
sigset_t hold_stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

void wait_for_stop(const sigset_t& signals) {
  int taken = 0;
  while (sigwait(&signals, &taken) != 0) {
  }
  // A second one ends the process at once, as if nobody had ever asked for it.
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

int serve(const serve_settings& settings) {
  const checked_config checked = check_settings(settings);
  for (const std::string& sentence : checked.errors) fmt::print(stderr, "reference_app: {}\n", sentence);
  if (!checked.errors.empty()) return 2;
  const serve_config& config = checked.config;
  start_log(config.log_level);
  std::signal(SIGPIPE, SIG_IGN);
  service running(config);
  try {
    running.prepare([](std::string_view what) {
      fmt::print("{}\n", what);
      std::fflush(stdout);
    });
  } catch (const hasten::error& failure) {
    fmt::print(stderr, "reference_app: the database {} cannot be used: {}\n", config.database,
               failure.what());
    return 1;
  }
  const sigset_t signals = hold_stop_signals();
  try {
    running.start();
  } catch (const std::system_error& failure) {
    fmt::print(stderr, "reference_app: cannot listen on {} port {}: {}\n", config.address, config.port,
               failure.code().message());
    return 1;
  }
  print_start(config, running.port());
  wait_for_stop(signals);
  spdlog::info("stopping; at most {} s for requests under way", config.drain_time.count());
  const stop_report report = running.stop(hasten::steady_clock_source::now() + config.drain_time);
  spdlog::info("stopped; connections cut {}, tasks dropped {}", report.connections_cut, report.tasks_dropped);
  return 0;
}

}  // namespace

void add_serve_command(CLI::App& app, int& exit_status) {
  CLI::App* const command = app.add_subcommand("serve", "Serve claims over HTTP");
  const auto settings = std::make_shared<serve_settings>();
  const auto add = [&](const char* flag, std::string& value, const char* variable, const char* what) {
    command->add_option(flag, value, what)->envname(variable)->capture_default_str();
  };
  add("--database", settings->database, "HASTEN_DATABASE",
      "SQLite file; made, and filled, if it does not exist");
  add("--address", settings->address, "HASTEN_ADDRESS", "Address to listen on");
  add("--port", settings->port, "HASTEN_PORT", "Port to listen on; 0 takes a free one");
  add("--threads", settings->threads, "HASTEN_THREADS", "Event loops; 0: one per processor");
  add("--workers", settings->workers, "HASTEN_WORKERS", "Threads for database work; 0: two per processor");
  add("--queue", settings->queue, "HASTEN_QUEUE", "Most requests that wait for a worker; the next gets 503");
  add("--cache-entries", settings->cache_entries, "HASTEN_CACHE_ENTRIES",
      "Most answers kept; a page of 200 claims takes about 120 KB");
  add("--cache-ttl", settings->cache_ttl, "HASTEN_CACHE_TTL",
      "Most seconds an answer is kept; 0: by kind, see CACHE_TTL_CLAIM, CACHE_TTL_PAYER …");
  add("--slow-query-ms", settings->slow_query_ms, "HASTEN_SLOW_QUERY_MS",
      "Statements as slow are logged by name");
  add("--slow-request-ms", settings->slow_request_ms, "HASTEN_SLOW_REQUEST_MS",
      "Requests as slow are logged by route, with their stages");
  add("--seed-claims", settings->seed_claims, "HASTEN_SEED_CLAIMS",
      "Claims made up for an empty database; 0: none");
  add("--drain-seconds", settings->drain_seconds, "HASTEN_DRAIN_SECONDS",
      "How long a stop waits for requests");
  add("--rate", settings->rate, "HASTEN_RATE",
      "Requests a second that one client address may make; 0: any number");
  add("--rate-burst", settings->rate_burst, "HASTEN_RATE_BURST",
      "Requests that it may make at once after a pause");
  add("--client-connections", settings->client_connections, "HASTEN_CLIENT_CONNECTIONS",
      "Connections that one client address may have; 0: any number");
  add("--log-level", settings->log_level, "HASTEN_LOG_LEVEL", "debug (each request), info, warn, error, off");
  add("--alert-webhook", settings->alert_webhook, "HASTEN_ALERT_WEBHOOK",
      "http:// address that is told of alerts, as Alertmanager would; signed with "
      "HASTEN_ALERT_WEBHOOK_SECRET");
  add("--alertmanager", settings->alertmanager, "HASTEN_ALERTMANAGER",
      "http:// address of an Alertmanager's /api/v2/alerts. Metrics and traces go where OTEL_EXPORTER_OTLP_* "
      "say");
  add("--admin-token-file", settings->admin_token_file, "HASTEN_ADMIN_TOKEN_FILE",
      "File whose first line is the admin token; else HASTEN_ADMIN_TOKEN, else a new one at each start");
  command
      ->add_flag("--allow-remote", settings->allow_remote, "Allow an --address that other machines can reach")
      ->envname("HASTEN_ALLOW_REMOTE");
  command->callback([settings, &exit_status] {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread runs yet
    if (const char* const token = std::getenv("HASTEN_ADMIN_TOKEN"); token != nullptr)
      settings->admin_token = token;
    const auto variable = [](std::string_view name) -> std::optional<std::string> {
      // NOLINTNEXTLINE(concurrency-mt-unsafe): as above
      const char* const value = std::getenv(std::string(name).c_str());
      return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
    settings->alert_webhook_secret = variable("HASTEN_ALERT_WEBHOOK_SECRET").value_or("");
    try {
      settings->otlp = hasten::otlp_options::from_environment(variable);
    } catch (const std::invalid_argument& refused) {
      fmt::print(stderr, "reference_app: {}\n", refused.what());
      exit_status = 2;
      return;
    }
    exit_status = serve(*settings);
  });
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "app/serve_command.hpp"

#include "app/option_flags.hpp"
#include "app/reload.hpp"
#include "app/request_log.hpp"
#include "app/serve_config.hpp"
#include "app/service.hpp"

#include <hasten/core/error.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace claims_app {

namespace {

std::string origin(std::string_view scheme, const std::string& address, std::uint16_t port) {
  const bool is_v6 = address.find(':') != std::string::npos;
  return is_v6 ? fmt::format("{}://[{}]:{}", scheme, address, port)
               : fmt::format("{}://{}:{}", scheme, address, port);
}

void print_start(const serve_config& config, const service& running) {
  const std::string base = origin("http", config.address, running.port());
  const std::string admin_base =
      config.separates_admin ? origin("http", config.admin_address, running.admin_port()) : base;
  const std::string who =
      config.is_remote ? fmt::format(" -H 'Authorization: Bearer {}'", config.admin_token) : "";
  fmt::print("\nhasten reference server: {}\n  database     {}\n  admin token  {}{}\n", base, config.database,
             config.token_is_generated ? config.admin_token : "as configured",
             config.token_is_generated ? "   (new at each start)" : "");
  if (running.tls_port() != 0)
    fmt::print("  encrypted    {}\n", origin("https", config.tls_address, running.tls_port()));
  if (config.separates_admin) fmt::print("  operators    {}   (and only there)\n", admin_base);
  fmt::print("\nTry:\n");
  fmt::print("  curl -i{} '{}/api/v1/claims?limit=3'\n", who, base);
  fmt::print("  curl -i{} '{}/api/v1/claims?status=denied&from=2024-01-01&limit=3&total=exact'\n", who, base);
  fmt::print("  curl{} {}/api/v1/denials/metrics\n", who, base);
  fmt::print("  curl{} {}/api/v1/payers\n", who, base);
  fmt::print("  curl -H 'Authorization: Bearer {}' {}/api/v1/admin/cache/stats\n",
             config.token_is_generated ? config.admin_token : "<token>", admin_base);
  fmt::print("  curl -H 'Authorization: Bearer {}' {}/api/v1/admin/performance\n",
             config.token_is_generated ? config.admin_token : "<token>", admin_base);
  fmt::print(
      "\nStop with Ctrl-C or SIGTERM; a second one does not wait for requests under way.\n"
      "SIGHUP reads the configuration again.\n");
  std::fflush(stdout);
}

// These are only taken by sigwait from here on, in whichever thread they arrive.
void hold(std::initializer_list<int> wanted, sigset_t& signals) {
  for (const int each : wanted) sigaddset(&signals, each);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void wait_for_stop(const sigset_t& signals, reloader& configuration, service& running) {
  for (int taken = 0;;) {
    if (sigwait(&signals, &taken) != 0) continue;
    if (taken != SIGHUP) break;
    configuration.reload();
    running.reload_certificate();  // whatever came of the configuration: it expires, and that does not wait
  }
  // A second one ends the process at once, as if nobody had ever asked for it. A SIGHUP remains held: too late.
  sigset_t stops;
  sigemptyset(&stops);
  for (const int each : {SIGINT, SIGTERM}) {
    std::signal(each, SIG_DFL);
    sigaddset(&stops, each);
  }
  pthread_sigmask(SIG_UNBLOCK, &stops, nullptr);
}

int serve(const settings_sources& sources) {
  checked_config checked = load_config(sources);
  if (!print_complaints(checked)) return 2;
  const serve_config config = checked.config;
  start_log(config.log_level);
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  hold({SIGHUP}, signals);  // while the server starts, it would end it
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
  hold({SIGINT, SIGTERM}, signals);
  try {
    running.start();
  } catch (const std::system_error& failure) {
    fmt::print(stderr, "reference_app: cannot listen on {}\n", failure.what());
    return 1;
  } catch (const std::runtime_error& failure) {  // the certificate, which was fine a moment ago
    fmt::print(stderr, "reference_app: {}\n", failure.what());
    return 1;
  }
  reloader configuration(sources, std::move(checked), running);
  print_start(config, running);
  wait_for_stop(signals, configuration, running);
  const std::chrono::seconds drain_time = configuration.config().drain_time;
  spdlog::info("stopping; at most {} s for requests under way", drain_time.count());
  const stop_report report = running.stop(hasten::steady_clock_source::now() + drain_time);
  spdlog::info("stopped; connections cut {}, tasks dropped {}", report.connections_cut, report.tasks_dropped);
  return 0;
}

}  // namespace

void add_serve_command(CLI::App& app, int& exit_status) {
  CLI::App* const command = app.add_subcommand("serve", "Serve claims over HTTP");
  const auto sources = add_option_flags(*command);
  command->callback([sources, &exit_status] { exit_status = serve(*sources); });
}

}  // namespace claims_app

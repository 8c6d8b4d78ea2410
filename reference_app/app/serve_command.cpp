// SPDX-License-Identifier: BSL-1.0
#include "app/serve_command.hpp"

#include "app/option_flags.hpp"
#include "app/request_log.hpp"
#include "app/serve_config.hpp"
#include "app/service.hpp"

#include <hasten/core/error.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
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

int serve(const settings_sources& sources) {
  const checked_config checked = load_config(sources);
  if (!print_complaints(checked)) return 2;
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
  const auto sources = add_option_flags(*command);
  command->callback([sources, &exit_status] { exit_status = serve(*sources); });
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "app/serve_command.hpp"

#include "app/exit_status.hpp"
#include "app/option_flags.hpp"
#include "app/reload.hpp"
#include "app/request_log.hpp"
#include "app/serve_config.hpp"
#include "app/service.hpp"
#include "app/service_notifier.hpp"
#include "app/ticker.hpp"

#include <hasten/core/error.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
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

void wait_for_stop(const sigset_t& signals, reloader& configuration, service& running,
                   const service_notifier& supervisor) {
  for (int taken = 0;;) {
    if (sigwait(&signals, &taken) != 0) continue;
    if (taken != SIGHUP) break;
    supervisor.reloading(hasten::steady_clock_source::now());
    configuration.reload();
    running.reload_certificate();  // whatever came of the configuration: it expires, and that does not wait
    supervisor.ready();
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

/// Lets systemd's watchdog see that the event loops turn; without a watchdog it does nothing. Thread safety: single-owner.
class heartbeat {
 public:
  heartbeat(const service& running, const service_notifier& supervisor) : supervisor_(supervisor) {
    const auto time = supervisor.watchdog_time();
    if (!time) return;
    const std::chrono::nanoseconds patience =
        std::min<std::chrono::nanoseconds>(*time / 4, std::chrono::seconds(2));
    beat_.emplace(
        *time / 3,
        [&running, &supervisor, patience] {
          if (running.responds(patience))
            supervisor.alive();
          else
            spdlog::error("an event loop is stuck; the watchdog will not hear of it being well");
        },
        log_task_failure);
  }

  /// From here on the stop's own deadline is what bounds it.
  void go_on_blindly() {
    if (!beat_) return;
    beat_.reset();
    beat_.emplace(*supervisor_.watchdog_time() / 3, [this] { supervisor_.alive(); }, log_task_failure);
  }

 private:
  const service_notifier& supervisor_;
  std::optional<ticker> beat_;
};

void stop(service& running, const serve_config& config, const service_notifier& supervisor) {
  supervisor.stopping(config.stop_delay + config.drain_time);
  if (config.stop_delay.count() > 0) {
    spdlog::info("stopping in {} s; /readyz says so", config.stop_delay.count());
    running.announce_stop();
    std::this_thread::sleep_for(config.stop_delay);
  }
  spdlog::info("stopping; at most {} s for requests under way", config.drain_time.count());
  const stop_report report = running.stop(hasten::steady_clock_source::now() + config.drain_time);
  spdlog::info("stopped; connections cut {}, tasks dropped {}", report.connections_cut, report.tasks_dropped);
}

// Returns: why the server cannot start; empty if it can.
std::string prepare(service& running, const serve_config& config, const service_notifier& supervisor) {
  try {
    running.prepare([&](std::string_view what) {
      fmt::print("{}\n", what);
      std::fflush(stdout);
      supervisor.starting(what);
    });
  } catch (const hasten::error& failure) {
    return fmt::format("the database {} cannot be used: {}", config.database, failure.what());
  }
  return {};
}

int failed(const service_notifier& supervisor, const std::string& why) {
  fmt::print(stderr, "reference_app: {}\n", why);
  supervisor.tell("STATUS=" + why);
  return exit_failed;
}

int serve(const settings_sources& sources) {
  checked_config checked = load_config(sources);
  if (!print_complaints(checked)) return exit_unacceptable;
  const serve_config config = checked.config;
  start_log(config.log_level);
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  hold({SIGHUP}, signals);  // while the server starts, it would end it
  const service_notifier supervisor([&](std::string_view name) { return sources.variable(name); });
  service running(config);
  if (const std::string why = prepare(running, config, supervisor); !why.empty())
    return failed(supervisor, why);
  hold({SIGINT, SIGTERM}, signals);
  try {
    running.start();
  } catch (const std::system_error& failure) {
    return failed(supervisor, fmt::format("cannot listen on {}", failure.what()));
  } catch (const std::runtime_error& failure) {  // the certificate, which was fine a moment ago
    return failed(supervisor, failure.what());
  }
  reloader configuration(sources, std::move(checked), running);
  print_start(config, running);
  heartbeat watchdog(running, supervisor);
  supervisor.ready();
  wait_for_stop(signals, configuration, running, supervisor);
  watchdog.go_on_blindly();
  stop(running, configuration.config(), supervisor);
  return exit_done;
}

}  // namespace

void add_serve_command(CLI::App& app, int& exit_status) {
  CLI::App* const command = app.add_subcommand("serve", "Serve claims over HTTP");
  const auto sources = add_option_flags(*command);
  command->callback([sources, &exit_status] { exit_status = serve(*sources); });
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "app/option_table.hpp"
#include "shared/answer_ttls.hpp"

#include <hasten/beast/otlp_exporter.hpp>
#include <hasten/metrics/alert_board.hpp>
#include <hasten/metrics/health.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace claims_app {

/// What `serve` goes by. Thread safety: immutable.
struct serve_config {
  std::string database;
  std::string address;
  std::uint16_t port = 0;
  bool allows_remote = false;
  std::string tls_certificate;  // empty: TLS is not served
  std::string tls_key;
  std::string tls_address = "127.0.0.1";
  std::uint16_t tls_port = 0;
  std::chrono::seconds strict_transport{31'536'000};
  std::string admin_listener = "auto";  // or on, or off
  std::string admin_address = "127.0.0.1";
  std::uint16_t admin_port = 0;
  unsigned threads = 1;
  unsigned workers = 1;
  std::size_t queue = 1000;
  std::size_t cache_entries = 2000;
  std::chrono::seconds cache_ttl{0};  // no answer is kept longer; 0: as `ttls` says
  answer_ttls ttls;
  std::chrono::milliseconds slow_query{100};
  std::chrono::milliseconds slow_request{1000};
  std::uint64_t seed_claims = 0;
  std::chrono::seconds drain_time{10};
  std::chrono::seconds stop_delay{0};  // between /readyz saying so and the port being closed
  double rate = 0;                     // requests per second of one client; 0: no limit
  unsigned rate_burst = 200;
  std::size_t client_connections = 0;  // 0: no limit
  bool test_echo = false;
  std::string log_level;
  std::string admin_token;  // never empty
  std::string alert_webhook;
  std::string alert_webhook_secret;
  std::string alertmanager;
  hasten::otlp_options otlp;                      // from OTEL_*
  std::vector<hasten::health_check> more_checks;  // of who embeds the server: no option has them
  std::vector<hasten::alert_source> more_alerts;  // likewise
  bool token_is_generated = false;
  bool is_remote = false;        // others can reach the API: one of its addresses is not loopback
  bool separates_admin = false;  // operators have a listener of their own
};

/// Where a value comes from; each wins over those before it.
enum class setting_source : std::uint8_t { fallback, file, environment, flag };

/// What somebody gave for one option.
struct given_setting {
  std::string text;
  setting_source source = setting_source::flag;
  std::string where;  // as a complaint names it: "--port", "HASTEN_PORT", "/etc/claims.json: port"
};

/// By the option's name.
using given_settings = std::map<std::string, given_setting, std::less<>>;

/// All that `serve` goes by comes from these.
struct settings_sources {
  std::string file = {};                                              // empty: none
  std::vector<std::pair<std::string, std::string>> environment = {};  // names and values, ours and others'
  given_settings flags = {};

  /// Returns: the value of a variable, if it is set.
  [[nodiscard]] std::optional<std::string> variable(std::string_view name) const;
};

/// The value of one option that holds, and where it comes from. Thread safety: immutable.
struct effective_setting {
  const option_row* row = nullptr;  // never null
  std::string text;                 // a secret too: show shown()
  setting_source source = setting_source::fallback;
  std::string where;  // as in given_setting; "default"

  [[nodiscard]] std::string shown() const;
};

struct checked_config {
  serve_config config;
  std::vector<std::string> errors;          // one sentence each; the config counts only if there is none
  std::vector<std::string> warnings;        // likewise; nothing is wrong for certain
  std::vector<effective_setting> settings;  // one of each row, in their order
};

/// Reads the file, then the environment, then the flags, checks everything and reports everything that is wrong, not only
/// the first. Zero threads or workers become what the machine allows. Without any admin token one is generated.
[[nodiscard]] checked_config load_config(const settings_sources& sources);

/// Returns: the environment of the process, as settings_sources wants it. Not while another thread changes it.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> process_environment();

}  // namespace claims_app

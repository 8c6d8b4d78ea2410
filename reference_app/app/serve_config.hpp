// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/answer_ttls.hpp"

#include <hasten/beast/otlp_exporter.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace claims_app {

/// What `serve` was told, by flag or environment, as text: the defaults are written as a user would write them.
struct serve_settings {
  std::string database = "./data/claims.db";
  std::string address = "127.0.0.1";
  std::string port = "8080";
  std::string threads = "0";
  std::string workers = "0";
  std::string queue = "1000";
  std::string cache_entries = "2000";
  std::string cache_ttl = "0";
  std::string slow_query_ms = "100";
  std::string slow_request_ms = "1000";
  std::string seed_claims = "20000";
  std::string drain_seconds = "10";
  std::string rate = "0";
  std::string rate_burst = "200";
  std::string client_connections = "0";
  std::string log_level = "info";
  std::string admin_token_file;
  std::string admin_token;  // from HASTEN_ADMIN_TOKEN only: a flag would show in the list of processes
  std::string alert_webhook;
  std::string alert_webhook_secret;  // from HASTEN_ALERT_WEBHOOK_SECRET only, as above
  std::string alertmanager;
  hasten::otlp_options otlp;  // from OTEL_*
  bool allow_remote = false;
};

/// What `serve` goes by. Thread safety: immutable.
struct serve_config {
  std::string database;
  std::string address;
  std::uint16_t port = 0;
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
  double rate = 0;  // requests per second of one client; 0: no limit
  unsigned rate_burst = 200;
  std::size_t client_connections = 0;  // 0: no limit
  std::string log_level;
  std::string admin_token;  // never empty
  std::string alert_webhook;
  std::string alert_webhook_secret;
  std::string alertmanager;
  hasten::otlp_options otlp;
  bool token_is_generated = false;
  bool is_remote = false;  // the address is not loopback
};

struct checked_config {
  serve_config config;
  std::vector<std::string> errors;  // one sentence each; the config counts only if there is none
};

/// Checks everything and reports everything that is wrong, not only the first. Zero threads or workers become what
/// the machine allows. Reads the token file, if one is named; without any token one is generated.
[[nodiscard]] checked_config check_settings(const serve_settings& given);

}  // namespace claims_app

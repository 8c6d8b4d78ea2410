// SPDX-License-Identifier: BSL-1.0
#include "app/serve_config.hpp"

#include "server/access_guard.hpp"

#include <hasten/beast/http_target.hpp>
#include <hasten/workers/thread_budget.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace claims_app {

namespace {

constexpr std::size_t token_least = 16;
constexpr std::size_t token_most = 512;

class checker {
 public:
  explicit checker(std::vector<std::string>& errors) : errors_(errors) {}

  template <class Number>
  Number number(std::string_view name, std::string_view text, Number least, Number most) {
    Number value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure == std::errc{} && end == text.data() + text.size() && value >= least && value <= most)
      return value;
    complain(std::string(name) + " must be a whole number from " + std::to_string(least) + " to " +
             std::to_string(most) + ", got \"" + std::string(text) + "\"");
    return least;
  }

  void complain(std::string sentence) { errors_.push_back(std::move(sentence)); }

 private:
  std::vector<std::string>& errors_;
};

bool is_token_text(std::string_view text) {
  return std::ranges::all_of(text, [](char byte) { return byte > 0x20 && byte < 0x7f; });
}

std::string token_of(const serve_settings& given, checker& check) {
  std::string token = given.admin_token;
  std::string_view source = "HASTEN_ADMIN_TOKEN";
  if (!given.admin_token_file.empty()) {
    source = "the first line of --admin-token-file";
    std::ifstream file(given.admin_token_file);
    if (!std::getline(file, token)) {
      check.complain("--admin-token-file cannot be read: " + given.admin_token_file);
      return {};
    }
    if (token.ends_with('\r')) token.pop_back();
  } else if (token.empty()) {
    return {};
  }
  if (token.size() < token_least || token.size() > token_most || !is_token_text(token))
    check.complain(std::string(source) + " must be " + std::to_string(token_least) + " to " +
                   std::to_string(token_most) + " visible characters without blanks");
  return token;
}

}  // namespace

checked_config check_settings(const serve_settings& given) {
  checked_config out;
  checker check(out.errors);
  serve_config& config = out.config;
  const unsigned budget = hasten::thread_budget();

  config.database = given.database;
  if (config.database.empty()) check.complain("--database must not be empty");
  config.address = given.address;
  boost::system::error_code malformed;
  const auto address = boost::asio::ip::make_address(given.address, malformed);
  if (malformed) {
    check.complain("--address must be an IPv4 or IPv6 address, got \"" + given.address + "\"");
  } else if (!address.is_loopback()) {
    config.is_remote = true;
    if (!given.allow_remote)
      check.complain("--address " + given.address +
                     " can be reached from other machines; give --allow-remote as well if that is meant "
                     "(every /api route then needs the token, and nothing is encrypted)");
  }
  config.port = check.number<std::uint16_t>("--port", given.port, 0, 65535);
  config.threads = check.number<unsigned>("--threads", given.threads, 0, 256);
  config.workers = check.number<unsigned>("--workers", given.workers, 0, 256);
  config.queue = check.number<std::size_t>("--queue", given.queue, 1, 1'000'000);
  config.cache_entries = check.number<std::size_t>("--cache-entries", given.cache_entries, 1, 10'000'000);
  config.cache_ttl = std::chrono::seconds(check.number<long>("--cache-ttl", given.cache_ttl, 0, 86'400));
  try {
    config.ttls = answer_ttls::from_environment(config.cache_ttl);
  } catch (const std::invalid_argument& refused) {
    check.complain(refused.what());
  }
  config.slow_query =
      std::chrono::milliseconds(check.number<long>("--slow-query-ms", given.slow_query_ms, 0, 600'000));
  config.slow_request =
      std::chrono::milliseconds(check.number<long>("--slow-request-ms", given.slow_request_ms, 1, 600'000));
  config.seed_claims = check.number<std::uint64_t>("--seed-claims", given.seed_claims, 0, 100'000'000);
  config.drain_time =
      std::chrono::seconds(check.number<long>("--drain-seconds", given.drain_seconds, 0, 3'600));
  config.rate = check.number<unsigned>("--rate", given.rate, 0, 1'000'000);
  config.rate_burst = check.number<unsigned>("--rate-burst", given.rate_burst, 1, 1'000'000);
  config.client_connections =
      check.number<std::size_t>("--client-connections", given.client_connections, 0, 1'000'000);
  constexpr std::array<std::string_view, 5> levels = {"debug", "info", "warn", "error", "off"};
  config.log_level = given.log_level;
  if (std::ranges::find(levels, given.log_level) == levels.end())
    check.complain("--log-level must be one of debug, info, warn, error, off, got \"" + given.log_level +
                   "\"");
  const auto url = [&](const char* name, const std::string& text) {
    if (text.empty()) return;
    try {
      static_cast<void>(hasten::http_target::parse(text));
    } catch (const std::invalid_argument& refused) {
      check.complain(std::string(name) + ": " + refused.what());
    }
  };
  url("--alert-webhook", config.alert_webhook = given.alert_webhook);
  url("--alertmanager", config.alertmanager = given.alertmanager);
  config.alert_webhook_secret = given.alert_webhook_secret;
  config.otlp = given.otlp;
  url("the endpoint of OTEL_EXPORTER_OTLP_… for metrics", config.otlp.metrics_url);
  url("the endpoint of OTEL_EXPORTER_OTLP_… for traces", config.otlp.traces_url);
  config.admin_token = token_of(given, check);
  if (config.admin_token.empty() && out.errors.empty()) {
    config.admin_token = generated_token();
    config.token_is_generated = true;
  }
  if (config.threads == 0) config.threads = budget;
  // A worker mostly waits for the database; two per processor keep both busy.
  if (config.workers == 0) config.workers = std::max(2U, 2 * budget);
  return out;
}

}  // namespace claims_app

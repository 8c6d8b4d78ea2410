// SPDX-License-Identifier: BSL-1.0
#include "app/option_table.hpp"

#include "app/serve_config.hpp"

#include <hasten/beast/http_target.hpp>

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <numeric>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

namespace claims_app {

namespace {

using enum option_kind;

constexpr std::int64_t ttl_most = 315'360'000;  // ten years, as hasten::ttl_config

template <auto Field>
void put(serve_config& config, const option_value& value) {
  auto& field = config.*Field;
  using type = std::remove_reference_t<decltype(field)>;
  if constexpr (std::same_as<type, std::string>)
    field = value.text;
  else if constexpr (std::same_as<type, bool>)
    field = value.yes;
  else if constexpr (std::is_arithmetic_v<type>)
    field = static_cast<type>(value.number);
  else
    field = type(value.number);  // a time
}

template <auto Field>
void put_filled(serve_config& config, const option_value& value) {
  if (value.text.empty()) throw std::invalid_argument("must not be empty");
  put<Field>(config, value);
}

template <auto Field>
void put_address(serve_config& config, const option_value& value) {
  boost::system::error_code malformed;
  static_cast<void>(boost::asio::ip::make_address(value.text, malformed));
  if (malformed) throw std::invalid_argument("must be an IPv4 or IPv6 address");
  put<Field>(config, value);
}

template <auto Field>
void put_url(serve_config& config, const option_value& value) {
  try {
    if (!value.text.empty()) static_cast<void>(hasten::http_target::parse(value.text));
  } catch (const std::invalid_argument&) {
    throw std::invalid_argument("must be an http:// or https:// address");
  }
  put<Field>(config, value);
}

// A row is a line or two of a table; what most rows have in common is left to its initialisers.
constexpr auto rows = std::to_array<option_row>({
    {.name = "database",
     .fallback = "./data/claims.db",
     .meaning = "SQLite file; made, and filled, if it does not exist",
     .take = put_filled<&serve_config::database>},
    {.name = "address",
     .fallback = "127.0.0.1",
     .meaning = "Address to listen on without encryption",
     .take = put_address<&serve_config::address>},
    {.name = "port",
     .fallback = "8080",
     .meaning = "Port to listen on without encryption; 0 takes a free one",
     .kind = number,
     .most = 65'535,
     .take = put<&serve_config::port>},
    {.name = "allow-remote",
     .fallback = "false",
     .meaning = "Allow an address that other machines can reach where nothing is encrypted",
     .kind = yes_no,
     .take = put<&serve_config::allows_remote>},
    {.name = "tls-certificate",
     .fallback = "",
     .meaning = "PEM file: the certificate, then its chain. With it and its key TLS is served as well",
     .take = put<&serve_config::tls_certificate>},
    {.name = "tls-key",
     .fallback = "",
     .meaning = "PEM file of the certificate's key, without a passphrase",
     .take = put<&serve_config::tls_key>},
    {.name = "tls-address",
     .fallback = "127.0.0.1",
     .meaning = "Address to listen on for TLS; any will do",
     .take = put_address<&serve_config::tls_address>},
    {.name = "tls-port",
     .fallback = "8443",
     .meaning = "Port to listen on for TLS; 0 takes a free one",
     .kind = number,
     .most = 65'535,
     .take = put<&serve_config::tls_port>},
    {.name = "tls-strict-seconds",
     .fallback = "31536000",
     .meaning = "How long a browser shall ask in TLS only (Strict-Transport-Security); 0: that is not said",
     .kind = number,
     .most = 315'360'000,
     .take = put<&serve_config::strict_transport>},
    {.name = "admin-listener",
     .fallback = "auto",
     .meaning = "Whether operators have a listener of their own; auto: if others can reach the API",
     .kind = choice,
     .choices = "auto on off",
     .take = put<&serve_config::admin_listener>},
    {.name = "admin-address",
     .fallback = "127.0.0.1",
     .meaning = "Address of the operators' listener, which is not encrypted",
     .take = put_address<&serve_config::admin_address>},
    {.name = "admin-port",
     .fallback = "8081",
     .meaning = "Port of the operators' listener; 0 takes a free one",
     .kind = number,
     .most = 65'535,
     .take = put<&serve_config::admin_port>},
    {.name = "threads",
     .fallback = "0",
     .meaning = "Event loops; 0: one per processor",
     .kind = number,
     .most = 256,
     .take = put<&serve_config::threads>},
    {.name = "workers",
     .fallback = "0",
     .meaning = "Threads for database work; 0: two per processor",
     .kind = number,
     .most = 256,
     .take = put<&serve_config::workers>},
    {.name = "queue",
     .fallback = "1000",
     .meaning = "Most requests that wait for a worker; the next gets 503",
     .kind = number,
     .least = 1,
     .most = 1'000'000,
     .take = put<&serve_config::queue>},
    {.name = "client-connections",
     .fallback = "0",
     .meaning = "Connections that one client address may have; 0: any number",
     .kind = number,
     .most = 1'000'000,
     .take = put<&serve_config::client_connections>},
    {.name = "rate",
     .fallback = "0",
     .meaning = "Requests a second that one client address may make; 0: any number",
     .kind = number,
     .most = 1'000'000,
     .is_reloadable = true,
     .take = put<&serve_config::rate>},
    {.name = "rate-burst",
     .fallback = "200",
     .meaning = "Requests that it may make at once after a pause",
     .kind = number,
     .least = 1,
     .most = 1'000'000,
     .is_reloadable = true,
     .take = put<&serve_config::rate_burst>},
    {.name = "cache-entries",
     .fallback = "2000",
     .meaning = "Most answers kept; a page of 200 claims takes about 120 KB",
     .kind = number,
     .least = 1,
     .most = 10'000'000,
     .take = put<&serve_config::cache_entries>},
    {.name = "cache-ttl",
     .fallback = "0",
     .meaning = "Most seconds an answer is kept, of whatever kind; 0: as its kind says",
     .kind = number,
     .most = 86'400,
     .is_reloadable = true,
     .take = put<&serve_config::cache_ttl>},
    {.name = "cache-ttl-claim",
     .fallback = "1800",
     .meaning = "Seconds a claim or a page of claims is kept",
     .kind = number,
     .least = 1,
     .most = ttl_most,
     .other_variable = "CACHE_TTL_CLAIM",
     .is_reloadable = true},
    {.name = "cache-ttl-payer",
     .fallback = "86400",
     .meaning = "Seconds payers are kept",
     .kind = number,
     .least = 1,
     .most = ttl_most,
     .other_variable = "CACHE_TTL_PAYER",
     .is_reloadable = true},
    {.name = "cache-ttl-provider",
     .fallback = "3600",
     .meaning = "Seconds providers are kept",
     .kind = number,
     .least = 1,
     .most = ttl_most,
     .other_variable = "CACHE_TTL_PROVIDER",
     .is_reloadable = true},
    {.name = "cache-ttl-metrics",
     .fallback = "1800",
     .meaning = "Seconds the figures of denials are kept",
     .kind = number,
     .least = 1,
     .most = ttl_most,
     .other_variable = "CACHE_TTL_METRICS",
     .is_reloadable = true},
    {.name = "cache-ttl-risk-score",
     .fallback = "3600",
     .meaning = "Seconds a risk score is kept",
     .kind = number,
     .least = 1,
     .most = ttl_most,
     .other_variable = "CACHE_TTL_RISK_SCORE",
     .is_reloadable = true},
    {.name = "cache-ttl-remittance",
     .fallback = "1800",
     .meaning = "Seconds a remittance is kept",
     .kind = number,
     .least = 1,
     .most = ttl_most,
     .other_variable = "CACHE_TTL_REMITTANCE",
     .is_reloadable = true},
    {.name = "cache-ttl-episode",
     .fallback = "1800",
     .meaning = "Seconds an episode is kept",
     .kind = number,
     .least = 1,
     .most = ttl_most,
     .other_variable = "CACHE_TTL_EPISODE",
     .is_reloadable = true},
    {.name = "cache-ttl-practice-config",
     .fallback = "86400",
     .meaning = "Seconds a practice's configuration is kept",
     .kind = number,
     .least = 1,
     .most = ttl_most,
     .other_variable = "CACHE_TTL_PRACTICE_CONFIG",
     .is_reloadable = true},
    {.name = "slow-query-ms",
     .fallback = "100",
     .meaning = "Statements as slow are logged by name",
     .kind = number,
     .most = 600'000,
     .is_reloadable = true,
     .take = put<&serve_config::slow_query>},
    {.name = "slow-request-ms",
     .fallback = "1000",
     .meaning = "Requests as slow are logged by route, with their stages",
     .kind = number,
     .least = 1,
     .most = 600'000,
     .is_reloadable = true,
     .take = put<&serve_config::slow_request>},
    {.name = "seed-claims",
     .fallback = "20000",
     .meaning = "Claims made up for an empty database; 0: none",
     .kind = number,
     .most = 100'000'000,
     .take = put<&serve_config::seed_claims>},
    {.name = "drain-seconds",
     .fallback = "10",
     .meaning = "How long a stop waits for requests",
     .kind = number,
     .most = 3'600,
     .is_reloadable = true,
     .take = put<&serve_config::drain_time>},
    {.name = "stop-delay-seconds",
     .fallback = "0",
     .meaning = "How long a stop lets /readyz say 503 before the port is closed",
     .kind = number,
     .most = 3'600,
     .is_reloadable = true,
     .take = put<&serve_config::stop_delay>},
    {.name = "test-echo",
     .fallback = "false",
     .meaning = "Answer POST /echo with its body, and every method on /: for conformance suites alone",
     .kind = yes_no,
     .take = put<&serve_config::test_echo>},
    {.name = "log-level",
     .fallback = "info",
     .meaning = "What is logged; debug: each request",
     .kind = choice,
     .choices = "debug info warn error off",
     .is_reloadable = true,
     .take = put<&serve_config::log_level>},
    {.name = "alert-webhook",
     .fallback = "",
     .meaning = "http:// or https:// address that is told of alerts, as Alertmanager would",
     .take = put_url<&serve_config::alert_webhook>},
    {.name = "alert-webhook-secret",
     .fallback = "",
     .meaning = "Signs what the webhook is told",
     .kind = secret,
     .take = put<&serve_config::alert_webhook_secret>},
    {.name = "alert-webhook-secret-file",
     .fallback = "",
     .meaning = "File whose first line is that secret",
     .kind = secret_file},
    {.name = "alertmanager",
     .fallback = "",
     .meaning = "http:// or https:// address of an Alertmanager's /api/v2/alerts",
     .take = put_url<&serve_config::alertmanager>},
    {.name = "admin-token",
     .fallback = "",
     .meaning = "What an operator shows as a bearer token; if there is none, a new one at each start",
     .kind = secret,
     .take = put<&serve_config::admin_token>},
    {.name = "admin-token-file",
     .fallback = "",
     .meaning = "File whose first line is the admin token",
     .kind = secret_file},
});

std::string spelt(std::string_view name, char between, bool in_capitals) {
  std::string out(name);
  for (char& each : out) {
    if (each == '-') each = between;
    if (in_capitals && each >= 'a' && each <= 'z') each = static_cast<char>(each - 'a' + 'A');
  }
  return out;
}

// How many letters have to be changed, added or taken away (Levenshtein).
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t changed = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

std::string listed(std::string_view words) {
  std::string out;
  for (const char each : words) {
    if (each == ' ') out += ',';
    out += each;
  }
  return out;
}

bool is_among(std::string_view text, std::string_view words) {
  while (!words.empty()) {
    const std::string_view first = words.substr(0, words.find(' '));
    if (first == text) return true;
    words.remove_prefix(std::min(words.size(), first.size() + 1));
  }
  return false;
}

std::string markdown_row(const option_row& row) {
  const std::string flag = flag_of(row);
  std::string out = "| " + (flag.empty() ? "" : "`" + flag + "`") + " | `" + variable_of(row) + "`";
  if (!row.other_variable.empty()) out += ", `" + std::string(row.other_variable) + "`";
  out += " | `" + key_of(row) + "` | " + range_of(row) + " | ";
  if (!row.fallback.empty()) out += "`" + std::string(row.fallback) + "`";
  return out + " | " + (row.is_reloadable ? "yes" : "") + " | " + std::string(row.meaning) + " |\n";
}

}  // namespace

std::span<const option_row> option_rows() noexcept { return rows; }

const option_row* find_option(std::string_view name) noexcept {
  const auto found = std::ranges::find(rows, name, &option_row::name);
  return found == rows.end() ? nullptr : &*found;
}

std::string flag_of(const option_row& row) {
  return row.kind == secret ? std::string() : "--" + std::string(row.name);
}

std::string variable_of(const option_row& row) { return "HASTEN_" + spelt(row.name, '_', true); }

std::string key_of(const option_row& row) { return spelt(row.name, '_', false); }

std::string range_of(const option_row& row) {
  switch (row.kind) {
    case number:
      return "a whole number from " + std::to_string(row.least) + " to " + std::to_string(row.most);
    case choice:
      return "one of " + listed(row.choices);
    case yes_no:
      return "true or false";
    case secret_file:
      return "a file";
    case text:
    case secret:
      break;
  }
  return "a text";
}

option_value read_option(const option_row& row, std::string_view text) {
  option_value out{.text = std::string(text)};
  bool is_right = true;
  if (row.kind == number) {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out.number);
    is_right = failure == std::errc{} && end == text.data() + text.size() && out.number >= row.least &&
               out.number <= row.most;
  } else if (row.kind == choice) {
    is_right = is_among(text, row.choices);
  } else if (row.kind == yes_no) {
    out.yes = is_among(text, "true yes on 1");
    is_right = out.yes || is_among(text, "false no off 0");
  }
  if (!is_right) throw std::invalid_argument("must be " + range_of(row));
  return out;
}

std::string_view nearest_name(std::string_view name, std::span<const std::string> known) {
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string& each : known) {
    const std::size_t apart = distance(name, each);
    if (apart >= least) continue;
    least = apart;
    nearest = each;
  }
  return nearest;
}

std::string option_table_markdown() {
  std::string out =
      "| flag | variable | in the file | value | default | reloadable | meaning |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const option_row& row : rows) out += markdown_row(row);
  return out;
}

}  // namespace claims_app

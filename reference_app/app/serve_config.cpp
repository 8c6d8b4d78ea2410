// SPDX-License-Identifier: BSL-1.0
#include "app/serve_config.hpp"

#include "app/config_file.hpp"
#include "server/access_guard.hpp"
#include "server/tls_context.hpp"

#include <hasten/beast/http_target.hpp>
#include <hasten/workers/thread_budget.hpp>

#include <boost/asio/ip/address.hpp>

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

namespace claims_app {

namespace {

constexpr std::size_t token_least = 16;
constexpr std::size_t token_most = 512;

using variables = std::vector<std::pair<std::string, std::string>>;

std::optional<std::string> variable(const variables& all, std::string_view name) {
  for (const auto& [known, value] : all)
    if (known == name) return value;
  return std::nullopt;
}

// A variable that is empty is one that is not set, as everywhere.
void add_environment(given_settings& given, const variables& environment) {
  for (const option_row& row : option_rows())
    for (const std::string& name : {variable_of(row), std::string(row.other_variable)}) {
      const auto value = variable(environment, name);
      if (!value || value->empty()) continue;
      given.insert_or_assign(
          std::string(row.name),
          given_setting{.text = *value, .source = setting_source::environment, .where = name});
      break;
    }
}

// A variable that looks as if it were ours is probably a slip; that of a ttl is certainly one.
void look_for_slips(const variables& environment, checked_config& out) {
  constexpr std::string_view prefix = "HASTEN_";
  std::vector<std::string> ours = {"CONFIG"};  // without the prefix, which all have alike
  for (const option_row& row : option_rows()) ours.push_back(variable_of(row).substr(prefix.size()));
  for (const auto& [name, value] : environment) {
    const bool has_prefix = name.starts_with(prefix);
    const std::string rest = name.substr(has_prefix ? prefix.size() : 0);
    const bool is_ttl = rest.starts_with("CACHE_TTL_");
    if ((!is_ttl && !has_prefix) || std::ranges::find(ours, rest) != ours.end()) continue;
    std::string nearest(nearest_name(rest, ours));
    if (!nearest.empty()) nearest = "; did you mean " + std::string(prefix) + nearest + "?";
    if (is_ttl)
      out.errors.push_back(name + " names no kind of answer" + nearest);
    else if (!nearest.empty())
      out.warnings.push_back(name + " is read by nobody" + nearest);
  }
}

/// What is given for one run, from all sources, being checked.
class checker {
 public:
  checker(const given_settings& given, checked_config& out) : given_(given), out_(out) {}

  // Every row by itself.
  void take_rows() {
    for (const option_row& row : option_rows()) {
      effective_setting setting = value_of(row);
      if (row.kind == option_kind::secret) resolve_secret(setting);
      if (setting.source != setting_source::fallback || row.take != nullptr) take(setting);
      out_.settings.push_back(std::move(setting));
    }
  }

  // What takes more than one row.
  void take_together(const variables& environment) {
    take_listeners();
    take_ttls();
    take_otlp(environment);
    check_token();
  }

 private:
  [[nodiscard]] effective_setting value_of(const option_row& row) const {
    const auto found = given_.find(row.name);
    if (found == given_.end())
      return {.row = &row, .text = std::string(row.fallback), .source = {}, .where = "default"};
    return {.row = &row,
            .text = found->second.text,
            .source = found->second.source,
            .where = found->second.where};
  }

  // A secret and its file are two ways to say one thing: the one that was said later wins.
  void resolve_secret(effective_setting& secret) {
    const option_row* const file_row = find_option(std::string(secret.row->name) + "-file");
    if (file_row == nullptr) return;
    const effective_setting file = value_of(*file_row);
    if (file.source == setting_source::fallback || file.source < secret.source) return;
    if (file.source == secret.source)
      return complain(file.where + " and " + secret.where + " exclude each other");
    secret.source = file.source;
    secret.where = "the first line of " + file.where;
    try {
      secret.text = read_secret_file(file.text);
    } catch (const std::invalid_argument& refused) {
      complain(file.where + " " + file.text + " " + refused.what());
    }
  }

  void take(const effective_setting& setting) {
    const bool is_secret = setting.row->kind == option_kind::secret;
    try {
      const option_value value = read_option(*setting.row, setting.text);
      if (setting.row->take != nullptr) setting.row->take(out_.config, value);
    } catch (const std::invalid_argument& refused) {
      complain(setting.where + " " + refused.what() + (is_secret ? "" : ", got \"" + setting.text + "\""));
      is_wrong_ = true;
    }
  }

  [[nodiscard]] std::string where_of(std::string_view name) const {
    const auto found = given_.find(name);
    return found == given_.end() ? "--" + std::string(name) : found->second.where;
  }

  // Only what is encrypted, or what was asked for by name, may be heard beyond this machine.
  void take_listeners() {
    serve_config& config = out_.config;
    const bool has_tls = !config.tls_certificate.empty();
    if (has_tls != !config.tls_key.empty())
      complain(where_of(has_tls ? "tls-certificate" : "tls-key") + " needs " +
               (has_tls ? "--tls-key" : "--tls-certificate") + " as well");
    else if (has_tls)
      check_certificate();
    for (const std::string_view name : {"tls-address", "tls-port"})
      if (!has_tls && given_.contains(name))
        complain(where_of(name) + " needs --tls-certificate and --tls-key as well");
    config.is_remote = is_remote(config.address) || (has_tls && is_remote(config.tls_address));
    if (is_remote(config.address) && !config.allows_remote)
      complain(where_of("address") + " " + config.address +
               " can be reached from other machines, and nothing there is encrypted; give --tls-certificate, "
               "--tls-key and --tls-address instead, or --allow-remote if that is meant");
    config.separates_admin =
        config.admin_listener == "on" || (config.admin_listener == "auto" && config.is_remote);
    if (config.separates_admin && is_remote(config.admin_address) && !config.allows_remote)
      complain(
          where_of("admin-address") + " " + config.admin_address +
          " can be reached from other machines, and nothing there is encrypted; give --allow-remote if that "
          "is meant");
  }

  [[nodiscard]] static bool is_remote(const std::string& address) {
    boost::system::error_code malformed;
    const auto parsed = boost::asio::ip::make_address(address, malformed);
    return !malformed && !parsed.is_loopback();
  }

  void check_certificate() {
    try {
      static_cast<void>(tls_context({.certificate = out_.config.tls_certificate, .key = out_.config.tls_key},
                                    hasten::wall_clock_source::now()));
    } catch (const std::runtime_error& refused) {
      complain(where_of("tls-certificate") + ": " + refused.what());
    }
  }

  void take_ttls() {
    constexpr std::string_view of_a_kind = "cache-ttl-";
    variables ttls;
    for (const effective_setting& each : out_.settings)
      if (each.row->name.starts_with(of_a_kind)) ttls.emplace_back(variable_of(*each.row), each.text);
    if (!is_wrong_) out_.config.ttls = answer_ttls(ttls, out_.config.cache_ttl);
  }

  void take_otlp(const variables& environment) {
    try {
      out_.config.otlp = hasten::otlp_options::from_environment(
          [&](std::string_view name) { return variable(environment, name); });
      for (const std::string& url : {out_.config.otlp.metrics_url, out_.config.otlp.traces_url})
        if (!url.empty()) static_cast<void>(hasten::http_target::parse(url));
    } catch (const std::invalid_argument& refused) {
      complain(std::string("OTEL_EXPORTER_OTLP_…: ") + refused.what());
    }
  }

  void check_token() {
    const auto found = std::ranges::find(out_.settings, std::string_view("admin-token"),
                                         [](const effective_setting& each) { return each.row->name; });
    const std::string& token = found->text;
    const auto is_visible = [](char byte) { return byte > 0x20 && byte < 0x7f; };
    if (!token.empty() &&
        (token.size() < token_least || token.size() > token_most || !std::ranges::all_of(token, is_visible)))
      complain(found->where + " must be " + std::to_string(token_least) + " to " +
               std::to_string(token_most) + " visible characters without blanks");
    if (!token.empty() || !out_.errors.empty()) return;
    out_.config.admin_token = generated_token();
    out_.config.token_is_generated = true;
  }

  void complain(std::string sentence) { out_.errors.push_back(std::move(sentence)); }

  const given_settings& given_;
  checked_config& out_;
  bool is_wrong_ = false;  // a row was
};

}  // namespace

std::optional<std::string> settings_sources::variable(std::string_view name) const {
  return claims_app::variable(environment, name);
}

std::string effective_setting::shown() const {
  return row->kind == option_kind::secret && !text.empty() ? "******" : text;
}

checked_config load_config(const settings_sources& sources) {
  checked_config out;
  given_settings given;
  if (!sources.file.empty()) given = read_config_file(sources.file, out.errors);
  add_environment(given, sources.environment);
  look_for_slips(sources.environment, out);
  for (const auto& [name, setting] : sources.flags) given.insert_or_assign(name, setting);
  checker check(given, out);
  check.take_rows();
  check.take_together(sources.environment);
  const unsigned budget = hasten::thread_budget();
  if (out.config.threads == 0) out.config.threads = budget;
  // A worker mostly waits for the database; two per processor keep both busy.
  if (out.config.workers == 0) out.config.workers = std::max(2U, 2 * budget);
  return out;
}

variables process_environment() {
  variables out;
  for (char** each = ::environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view line = *each;
    const std::size_t middle = line.find('=');
    if (middle != std::string_view::npos) out.emplace_back(line.substr(0, middle), line.substr(middle + 1));
  }
  return out;
}

}  // namespace claims_app

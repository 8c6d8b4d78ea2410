// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// How long each cache of a program serves its entries: defaults in code, changed by whoever runs the program through
/// environment variables such as HASTEN_CACHE_TTL_RISK_SCORE=3600, in whole seconds.
///
/// Read once, at the start; a later change of the environment changes nothing. Everything odd is refused: a
/// variable with the prefix that names no cache is a typing error that would otherwise show as a wrong ttl weeks later.
///
/// Thread safety: immutable.
///
///     const auto ttls = hasten::ttl_config::from_environment({{"risk_score", 1h}, {"claim", 30min}});
///     hasten::memory_cache<std::string, double> scores({.ttl = ttls.ttl("risk_score")});
class ttl_config {
 public:
  using table = std::map<std::string, std::chrono::seconds, std::less<>>;
  using variables = std::vector<std::pair<std::string, std::string>>;

  static constexpr std::chrono::seconds ttl_max = std::chrono::hours(24 * 365 * 10);
  static constexpr std::string_view default_prefix = "HASTEN_CACHE_TTL_";

  /// Takes the defaults by the names of the caches (lower-case letters, digits and _), and those of the `settings` whose
  /// name is `prefix` and the name of a cache in capitals. Settings without the prefix are none of its business.
  /// Throws: std::invalid_argument for a malformed name, a ttl that is not 1 s to ten years, a setting that names no
  /// cache or is not a whole number of seconds in that range, and an empty prefix.
  ttl_config(table defaults, const variables& settings, std::string_view prefix = default_prefix)
      : ttls_(std::move(defaults)) {
    if (prefix.empty()) throw std::invalid_argument("ttl_config: prefix must not be empty");
    for (const auto& [name, ttl] : ttls_) check_default(name, ttl);
    for (const auto& [name, text] : settings) {
      if (!std::string_view(name).starts_with(prefix)) continue;
      const auto entry = std::find_if(ttls_.begin(), ttls_.end(), [&](const auto& each) {
        return in_capitals(each.first) == std::string_view(name).substr(prefix.size());
      });
      if (entry == ttls_.end())
        throw std::invalid_argument("ttl_config: " + name + " names no cache; there are: " + names());
      entry->second = seconds_of(name, text);
    }
  }

  /// As the constructor, with the environment of the process for settings.
  [[nodiscard]] static ttl_config from_environment(table defaults, std::string_view prefix = default_prefix) {
    variables settings;
    for (char** each = ::environ; each != nullptr && *each != nullptr; ++each) {
      const std::string_view line = *each;
      const std::size_t middle = line.find('=');
      if (middle != line.npos && line.starts_with(prefix))
        settings.emplace_back(line.substr(0, middle), line.substr(middle + 1));
    }
    return {std::move(defaults), settings, prefix};
  }

  /// Returns: the ttl of the cache of that name. Throws: std::invalid_argument if there is no such cache.
  [[nodiscard]] std::chrono::seconds ttl(std::string_view name) const {
    const auto entry = ttls_.find(name);
    if (entry == ttls_.end())
      throw std::invalid_argument("ttl_config: no cache '" + std::string(name) + "'; there are: " + names());
    return entry->second;
  }

  /// Returns: every ttl in force, by name, for a program to print at its start.
  [[nodiscard]] const table& ttls() const noexcept { return ttls_; }

 private:
  static void check_default(const std::string& name, std::chrono::seconds ttl) {
    const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    if (name.empty() || !std::all_of(name.begin(), name.end(), allowed))
      throw std::invalid_argument("ttl_config: a name must be of a-z, 0-9 and _, got '" + name + "'");
    if (ttl < std::chrono::seconds(1) || ttl > ttl_max)
      throw std::invalid_argument("ttl_config: the ttl of " + name + " must be " + range() + ", got " +
                                  std::to_string(ttl.count()));
  }

  static std::chrono::seconds seconds_of(const std::string& name, const std::string& text) {
    std::chrono::seconds::rep count = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, failure] = std::from_chars(text.data(), end, count);
    if (failure != std::errc{} || stopped != end || count < 1 || count > ttl_max.count())
      throw std::invalid_argument("ttl_config: " + name + " must be " + range() + ", got '" + text + "'");
    return std::chrono::seconds(count);
  }

  static std::string range() { return "a whole number of seconds, 1.." + std::to_string(ttl_max.count()); }

  static std::string in_capitals(std::string name) {
    for (char& c : name)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return name;
  }

  [[nodiscard]] std::string names() const {
    std::string list;
    for (const auto& [name, ttl] : ttls_) list += (list.empty() ? "" : ", ") + name;
    return list;
  }

  table ttls_;  // every value checked
};

}  // namespace hasten

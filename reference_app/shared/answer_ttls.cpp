// SPDX-License-Identifier: BSL-1.0
#include "shared/answer_ttls.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace claims_app {

namespace {

using hasten::ttl_config;

constexpr std::string_view plain_prefix = "CACHE_TTL_";

ttl_config::table defaults() {
  using namespace std::chrono_literals;
  return {{"risk_score", 1h}, {"claim", 30min}, {"payer", 24h},           {"remittance", 30min},
          {"episode", 30min}, {"provider", 1h}, {"practice_config", 24h}, {"metrics", 30min}};
}

/// The namespaces of keys and the kind of what lies under them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kinds{
    {{"claims:", "claim"},
     {"payers:", "payer"},
     {"providers:", "provider"},
     {"metrics:", "metrics"},
     {"risk:", "risk_score"},
     {"remittances:", "remittance"},
     {"episodes:", "episode"},
     {"practices:", "practice_config"}}};

}  // namespace

answer_ttls::answer_ttls(ttl_config::table ttls, std::chrono::seconds most) : ttls_(std::move(ttls)) {
  if (most == most.zero()) return;
  for (auto& [kind, ttl] : ttls_) ttl = std::min(ttl, most);
}

answer_ttls::answer_ttls(const ttl_config::variables& settings, std::chrono::seconds most)
    : answer_ttls(ttl_config(ttl_config(defaults(), settings, plain_prefix).ttls(), settings).ttls(), most) {}

answer_ttls answer_ttls::from_environment(std::chrono::seconds most) {
  const auto plain = ttl_config::from_environment(defaults(), plain_prefix);
  return answer_ttls(ttl_config::from_environment(plain.ttls()).ttls(), most);
}

std::chrono::seconds answer_ttls::of(std::string_view key) const {
  const std::string_view name = key.substr(0, key.find(':') + 1);
  const auto* const kind =
      std::ranges::find(kinds, name, &std::pair<std::string_view, std::string_view>::first);
  return ttls_.find(kind == kinds.end() ? std::string_view("claim") : kind->second)->second;
}

}  // namespace claims_app

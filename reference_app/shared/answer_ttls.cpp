// SPDX-License-Identifier: BSL-1.0
#include "shared/answer_ttls.hpp"

#include <algorithm>
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

answer_ttls::answer_ttls(const ttl_config::variables& settings, std::chrono::seconds most) {
  static_assert(kinds.size() == kind_count);
  const ttl_config plain(defaults(), settings, plain_prefix);
  const ttl_config chosen(plain.ttls(), settings);
  for (std::size_t at = 0; at < kind_count; ++at) {
    const std::chrono::seconds ttl = chosen.ttl(kinds[at].second);
    seconds_[at] = (most == most.zero() ? ttl : std::min(ttl, most)).count();
  }
}

answer_ttls& answer_ttls::operator=(const answer_ttls& from) noexcept {
  for (std::size_t at = 0; at < kind_count; ++at) seconds_[at] = from.seconds_[at].load();
  return *this;
}

std::chrono::seconds answer_ttls::of(std::string_view key) const {
  const std::string_view name = key.substr(0, key.find(':') + 1);
  const auto* const kind =
      std::ranges::find(kinds, name, &std::pair<std::string_view, std::string_view>::first);
  // What belongs to no namespace is kept as a claim, the first of the kinds.
  const auto at = kind == kinds.end() ? 0 : static_cast<std::size_t>(kind - kinds.begin());
  return std::chrono::seconds(seconds_[at]);
}

ttl_config::table answer_ttls::by_kind() const {
  ttl_config::table out;
  for (std::size_t at = 0; at < kind_count; ++at)
    out.emplace(kinds[at].second, std::chrono::seconds(seconds_[at]));
  return out;
}

}  // namespace claims_app

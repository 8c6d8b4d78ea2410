// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "risk/risk_model.hpp"
#include "shared/endpoint.hpp"

#include <hasten/cache/memory_cache.hpp>
#include <hasten/soci/session_pool.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

namespace claims_app {

/// GET /api/v1/claims/{id}/risk. Thread safety: thread-safe; it outlives the handlers it gives out.
class risk_handlers {
 public:
  /// How long a score is kept. New claims change it little, through the histories of payer and provider.
  static constexpr std::chrono::hours score_kept{1};
  /// With this all keys of scores begin.
  static constexpr std::string_view score_prefix = "risk:";

  explicit risk_handlers(hasten::session_pool& sessions) : sessions_(sessions) {}

  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes);

 private:
  // Whose history; each counts many claims and serves many scores.
  enum class party : std::uint8_t { everybody, payer, provider };
  struct history_key {
    party whose = party::everybody;
    std::int64_t row = 0;
    friend bool operator==(const history_key&, const history_key&) = default;
  };
  struct hash_of_key {
    std::size_t operator()(const history_key& key) const noexcept {
      return std::hash<std::int64_t>()(key.row * 4 + static_cast<std::int64_t>(key.whose));
    }
  };

  plan risk(const request& what);
  risk_score score(hasten::monitored_session& session, std::string_view id);
  outcome_history history(hasten::monitored_session& session, const history_key& key);

  hasten::session_pool& sessions_;
  hasten::memory_cache<history_key, outcome_history, hash_of_key> histories_{
      {.entries_max = 20'000, .ttl = std::chrono::minutes(10)}};
};

}  // namespace claims_app

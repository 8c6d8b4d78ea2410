// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "risk/risk_model.hpp"

#include <hasten/soci/session_pool.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <cstdint>
#include <functional>
#include <stop_token>

namespace claims_app {

/// What the scores of all claims come to.
struct risk_summary {
  std::int64_t claims = 0;
  std::int64_t low = 0;
  std::int64_t medium = 0;
  std::int64_t high = 0;
  std::int64_t points = 0;   // of all together
  bool is_complete = false;  // false: it was asked to stop before it had seen all

  friend bool operator==(const risk_summary&, const risk_summary&) = default;
};

/// Scores every claim, some thousand at a time: read by one session, scored on all threads of the pool and this one.
/// `on_progress(done, total)` is called after each portion, on this thread. Claims that arrive meanwhile may be missed.
/// Throws: hasten::error if the database does not answer in time; what `on_progress` throws.
/// Blocks on: a free session and the statements.
[[nodiscard]] risk_summary score_all_claims(
    hasten::session_pool& sessions, hasten::worker_pool& pool, const std::stop_token& stop,
    const std::function<void(std::int64_t done, std::int64_t total)>& on_progress);

}  // namespace claims_app

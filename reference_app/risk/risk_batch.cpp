// SPDX-License-Identifier: BSL-1.0
#include "risk/risk_batch.hpp"

#include "risk/risk_repository.hpp"

#include <hasten/soci/query_deadline.hpp>
#include <hasten/workers/parallel.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <vector>

namespace claims_app {

namespace {

constexpr std::int64_t portion = 5'000;
constexpr std::chrono::seconds statement_time{60};

hasten::steady_time in_time() { return hasten::steady_clock_source::now() + statement_time; }

outcome_history history_in(const std::unordered_map<std::int64_t, outcome_history>& of, std::int64_t row) {
  const auto found = of.find(row);
  return found == of.end() ? outcome_history{} : found->second;
}

void add(risk_summary& to, int points) {
  ++to.claims;
  to.points += points;
  switch (level_of(points)) {
    case risk_level::low:
      ++to.low;
      break;
    case risk_level::medium:
      ++to.medium;
      break;
    case risk_level::high:
      ++to.high;
      break;
  }
}

// A lease for each portion, so that the requests of others come in between.
std::vector<risk_subject> read_portion(hasten::session_pool& sessions, std::int64_t after) {
  const hasten::steady_time deadline = in_time();
  auto session = sessions.read(deadline);
  const hasten::query_deadline limit(*session, deadline);
  return read_risk_subjects(*session, after, portion);
}

}  // namespace

risk_summary score_all_claims(hasten::session_pool& sessions, hasten::worker_pool& pool,
                              const std::stop_token& stop,
                              const std::function<void(std::int64_t, std::int64_t)>& on_progress) {
  risk_summary out;
  risk_histories histories;
  std::int64_t total = 0;
  {
    const hasten::steady_time deadline = in_time();
    auto session = sessions.read(deadline);
    const hasten::query_deadline limit(*session, deadline);
    histories = read_risk_histories(*session);
    total = count_risk_subjects(*session);
  }
  std::vector<int> points;
  for (std::int64_t after = 0; !stop.stop_requested();) {
    const std::vector<risk_subject> found = read_portion(sessions, after);
    if (found.empty()) {
      out.is_complete = true;
      break;
    }
    points.resize(found.size());
    hasten::parallel_for(pool, 0, found.size(),
                         [&](std::size_t i) {
                           risk_inputs inputs = inputs_of(found[i]);
                           inputs.payer = history_in(histories.payers, found[i].payer_row);
                           inputs.provider = history_in(histories.providers, found[i].provider_row);
                           inputs.everybody = histories.everybody;
                           points[i] = risk_points(inputs);
                         },
                         {.grain = 500, .lane = hasten::task_lane::background});
    for (const int each : points) add(out, each);
    after = found.back().row;
    if (on_progress) on_progress(out.claims, std::max(total, out.claims));
  }
  return out;
}

}  // namespace claims_app

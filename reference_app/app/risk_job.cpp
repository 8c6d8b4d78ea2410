// SPDX-License-Identifier: BSL-1.0
#include "app/risk_job.hpp"

#include "risk/risk_batch.hpp"

#include <hasten/core/codec.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <tuple>

namespace claims_app {

namespace {

constexpr const char* kind = "risk.recompute";
constexpr std::uint32_t payload_version = 1;

using stored_summary = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

stored_summary score(hasten::job_context& job, hasten::session_pool& sessions, hasten::worker_pool& pool) {
  const risk_summary all =
      score_all_claims(sessions, pool, job.stop(), [&](std::int64_t done, std::int64_t total) {
        job.progress(
            total <= 0 ? 1.0 : std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0));
      });
  if (!all.is_complete) throw hasten::job_failure("it was asked to stop before it had scored all claims");
  return {all.claims, all.low, all.medium, all.high, all.points};
}

}  // namespace

hasten::new_job make_risk_job() {
  return hasten::make_job(kind, payload_version, {.attempts_max = 3, .unique_key = kind});
}

void add_risk_job(hasten::job_runner<hasten::sql_job_store>& runner, hasten::session_pool& sessions,
                  hasten::worker_pool& pool) {
  runner.add<std::uint32_t>(
      kind, [&](hasten::job_context& job, std::uint32_t) { return score(job, sessions, pool); },
      {.concurrency = 1, .timeout = std::chrono::minutes(30)});
}

void write_risk_result(json_writer& json, const hasten::job_record& job) {
  const auto [claims, low, medium, high, points] = hasten::decode<stored_summary>(job.result);
  json.begin_object().member("claims", claims).member("low", low).member("medium", medium);
  json.member("high", high).key("meanPoints");
  if (claims == 0)
    json.value(nullptr);
  else
    json.value(static_cast<double>(points) / static_cast<double>(claims));
  json.end_object();
}

}  // namespace claims_app

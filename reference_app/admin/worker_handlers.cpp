// SPDX-License-Identifier: BSL-1.0
#include "admin/worker_handlers.hpp"

#include "shared/json_writer.hpp"
#include "shared/problem.hpp"
#include "shared/query_parameters.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>

namespace claims_app {

namespace {

constexpr std::array<std::string_view, hasten::task_lane_count> lane_names{"high", "normal", "background"};

// Milliseconds with three decimals: what a person compares.
double milliseconds(std::uint64_t nanoseconds) {
  return std::round(static_cast<double>(nanoseconds) / 1e3) / 1e3;
}
double milliseconds(std::chrono::nanoseconds span) {
  return milliseconds(static_cast<std::uint64_t>(std::max<std::int64_t>(0, span.count())));
}

void write_times(json_writer& json, std::string_view name, const hasten::histogram_snapshot& times) {
  json.key(name).begin_object().member("timed", times.count());
  json.member("p50Ms", milliseconds(times.quantile(0.50)))
      .member("p95Ms", milliseconds(times.quantile(0.95)));
  json.member("p99Ms", milliseconds(times.quantile(0.99)))
      .member("maxMs", milliseconds(times.max()))
      .end_object();
}

void write_pool(json_writer& json, std::string_view name, const hasten::worker_pool_stats& stats) {
  json.begin_object().member("name", name).member("threads", stats.threads).member("paused", stats.is_paused);
  json.member("running", stats.running).member("queued", stats.queued).member("queueMax", stats.queue_max);
  json.member("timed", stats.timed).member("oldestAgeMs", milliseconds(stats.oldest_age()));
  json.member("utilisation", std::round(stats.utilisation() * 1e4) / 1e4);
  json.member("completed", stats.completed).member("failed", stats.failed).member("rejected", stats.rejected);
  json.member("expired", stats.expired).member("cancelled", stats.cancelled).member("shed", stats.shed);
  json.key("lanes").begin_array();
  for (std::size_t i = 0; i < lane_names.size(); ++i) {
    const hasten::lane_stats& lane = stats.lanes[i];
    json.begin_object().member("name", lane_names[i]).member("queued", lane.queued);
    json.member("oldestAgeMs", milliseconds(lane.oldest_age));
    write_times(json, "wait", lane.wait);
    write_times(json, "run", lane.run);
    json.end_object();
  }
  json.end_array().key("labels").begin_array();
  for (const hasten::label_stats& label : stats.labels) {
    json.begin_object().member("name", label.name).member("completed", label.completed);
    json.member("failed", label.failed).member("expired", label.expired);
    write_times(json, "wait", label.wait);
    write_times(json, "run", label.run);
    json.end_object();
  }
  json.end_array().end_object();
}

}  // namespace

void worker_handlers::add_routes(std::vector<route>& routes) {
  routes.push_back({.pattern = "/api/v1/admin/workers/stats",
                    .who = access::admin,
                    .get =
                        [this](const request& what) {
                          query_parameters(what.query, {}).check();
                          plan out;
                          out.now = stats();
                          return out;
                        },
                    .post = {}});
  routes.push_back(
      {.pattern = "/api/v1/admin/workers/{id}/pause",
       .who = access::admin,
       .get = {},
       .post = [this](const request& what) { return change(what, &hasten::worker_pool::pause); }});
  routes.push_back(
      {.pattern = "/api/v1/admin/workers/{id}/resume",
       .who = access::admin,
       .get = {},
       .post = [this](const request& what) { return change(what, &hasten::worker_pool::resume); }});
}

answer worker_handlers::stats() const {
  answer out;
  json_writer json(out.body);
  json.begin_object().key("pools").begin_array();
  for (const named_pool& each : pools_) write_pool(json, each.name, each.pool->stats());
  json.end_array().end_object();
  return out;
}

plan worker_handlers::change(const request& what, void (hasten::worker_pool::*how)() noexcept) const {
  query_parameters(what.query, {}).check();
  const named_pool& chosen = find(what.id);
  (chosen.pool->*how)();
  plan out;
  out.now.emplace();
  json_writer json(out.now->body);
  const hasten::worker_pool_stats stats = chosen.pool->stats();
  json.begin_object().member("name", chosen.name).member("paused", stats.is_paused);
  json.member("queued", stats.queued).member("running", stats.running).end_object();
  return out;
}

const worker_handlers::named_pool& worker_handlers::find(std::string_view name) const {
  for (const named_pool& each : pools_) {
    if (each.name == name) return each;
  }
  throw problem_error(not_found());
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "admin/admin_handlers.hpp"

#include "shared/json_writer.hpp"
#include "shared/problem.hpp"
#include "shared/query_parameters.hpp"

#include <hasten/core/version.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>

namespace claims_app {

namespace {

constexpr hasten::statement probe{"admin.probe", "SELECT count(*) FROM (SELECT 1 FROM claims LIMIT 1)"};
constexpr std::chrono::seconds probe_time{2};

// Milliseconds with three decimals: what a person compares.
double milliseconds(double nanoseconds) { return std::round(nanoseconds / 1e3) / 1e3; }
double milliseconds(std::chrono::nanoseconds span) { return milliseconds(static_cast<double>(span.count())); }

void write_latency(json_writer& json, const hasten::histogram_snapshot& latency) {
  json.member("p50Ms", milliseconds(static_cast<double>(latency.quantile(0.50))));
  json.member("p95Ms", milliseconds(static_cast<double>(latency.quantile(0.95))));
  json.member("p99Ms", milliseconds(static_cast<double>(latency.quantile(0.99))));
  json.member("maxMs", milliseconds(static_cast<double>(latency.max())));
}

void write_pool(json_writer& json, const hasten::worker_pool_stats& pool) {
  json.begin_object().member("threads", pool.threads).member("queued", pool.queued);
  json.member("running", pool.running).member("completed", pool.completed).member("failed", pool.failed);
  json.member("rejected", pool.rejected).end_object();
}

void write_session_pools(json_writer& json, const hasten::session_pool& sessions) {
  json.begin_array();
  for (const hasten::pool_reading& each : sessions.readings()) {
    const hasten::pool_stats& stats = each.stats;
    json.begin_object().member("name", each.name).member("sessionsMax", stats.size_max);
    json.member("inUse", stats.in_use).member("idle", stats.idle).member("waiting", stats.waiting);
    json.member("overdue", stats.overdue).member("acquired", stats.acquired).member("waited", stats.waited);
    json.member("timedOut", stats.timed_out)
        .member("rejected", stats.rejected)
        .member("created", stats.created);
    json.member("creationFailures", stats.creation_failures).member("discarded", stats.discarded);
    json.member("leaks", stats.leaks);
    json.key("wait").begin_object();
    write_latency(json, each.times.waited);
    json.end_object().key("create").begin_object();
    write_latency(json, each.times.created);
    json.end_object().key("use").begin_object();
    write_latency(json, each.times.used);
    json.end_object().end_object();
  }
  json.end_array();
}

std::string version_text() {
  return std::to_string(hasten::version_major) + "." + std::to_string(hasten::version_minor) + "." +
         std::to_string(hasten::version_patch);
}

// A route that takes no parameters, and answers without waiting for anything.
handler at_once(std::function<answer()> make) {
  return [make = std::move(make)](const request& what) {
    query_parameters(what.query, {}).check();
    plan out;
    out.now = make();
    return out;
  };
}

}  // namespace

void admin_handlers::add_routes(std::vector<route>& routes) {
  routes.push_back(
      {.pattern = "/", .who = access::open, .get = at_once([this] { return index(); }), .post = {}});
  routes.push_back({.pattern = "/livez",
                    .who = access::open,
                    .get = at_once([] { return answer{.body = R"({"status":"up"})", .headers = {}}; }),
                    .post = {}});
  routes.push_back({.pattern = "/readyz",
                    .who = access::open,
                    .get = [this](const request& what) { return ready(what); },
                    .post = {}});
  routes.push_back({.pattern = "/api/v1/admin/health",
                    .who = access::admin,
                    .get = [this](const request& what) { return health(what); },
                    .post = {}});
  routes.push_back({.pattern = "/api/v1/admin/cache/stats",
                    .who = access::admin,
                    .get = at_once([this] { return cache_stats(); }),
                    .post = {}});
  routes.push_back({.pattern = "/api/v1/admin/performance",
                    .who = access::admin,
                    .get = at_once([this] { return performance(); }),
                    .post = {}});
}

answer admin_handlers::index() const {
  answer out;
  json_writer json(out.body);
  json.begin_object().member("name", "hasten reference server").member("version", version_text());
  json.key("links").begin_object();
  json.member("claims", "/api/v1/claims").member("deniedClaims", "/api/v1/claims?status=denied");
  json.member("payers", "/api/v1/payers").member("providers", "/api/v1/providers");
  json.member("denialMetrics", "/api/v1/denials/metrics");
  json.member("liveness", "/livez").member("readiness", "/readyz");
  json.member("health", "/api/v1/admin/health").member("cacheStats", "/api/v1/admin/cache/stats");
  json.member("performance", "/api/v1/admin/performance").end_object().end_object();
  return out;
}

answer admin_handlers::cache_stats() const {
  const hasten::cache_stats stats = parts_.cache.stats();
  answer out;
  json_writer json(out.body);
  json.begin_object().member("hits", stats.hits).member("misses", stats.misses);
  json.member("hitRate", stats.hit_rate()).member("size", stats.size).member("entriesMax", stats.entries_max);
  json.member("loads", stats.loads).member("loadFailures", stats.load_failures);
  json.member("loadTimeMs", milliseconds(stats.load_time));
  json.member("evictedForRoom", stats.evictions_size).member("evictedExpired", stats.evictions_expired);
  json.member("removed", stats.removals).member("replaced", stats.replaced).end_object();
  return out;
}

answer admin_handlers::performance() const {
  answer out;
  json_writer json(out.body);
  json.begin_object().key("routes").begin_array();
  for (const hasten::route_timing& each : parts_.timing().routes()) {
    if (each.count() == 0 && each.in_flight == 0) continue;
    json.begin_object().member("route", each.route).member("count", each.count());
    json.member("failed", each.failed()).member("inFlight", each.in_flight);
    write_latency(json, each.answered());
    json.end_object();
  }
  json.end_array().key("statements").begin_array();
  auto statements = parts_.queries.statements();
  std::ranges::sort(statements, {}, &hasten::statement_stats::name);
  for (const hasten::statement_stats& each : statements) {
    json.begin_object().member("name", each.name).member("calls", each.calls).member("errors", each.errors);
    json.member("rows", each.rows).member("slow", each.slow);
    write_latency(json, each.latency);
    json.end_object();
  }
  json.end_array().key("workers");
  write_pool(json, parts_.workers.stats());
  json.key("sessionPools");
  write_session_pools(json, parts_.sessions);
  json.end_object();
  return out;
}

void admin_handlers::check_database(work& task) const {
  const database_time timed(task);
  auto session =
      parts_.sessions.read(std::min(task.deadline, hasten::steady_clock_source::now() + probe_time));
  session->watch_repeats(&task.statements);
  static_cast<void>(session->scalar<std::int64_t>(probe));
}

plan admin_handlers::health(const request& what) const {
  query_parameters(what.query, {}).check();
  plan out;
  out.load = [this](work& task) {
    bool is_up = true;
    try {
      check_database(task);
    } catch (const hasten::error&) {  // what failed is the answer here
      is_up = false;
    }
    const auto uptime = hasten::steady_clock_source::now() - parts_.started;
    answer made{.status = is_up ? 200 : 503, .body = {}, .headers = {}};
    json_writer json(made.body);
    json.begin_object().member("status", is_up ? "up" : "down").member("version", version_text());
    json.member("uptimeSeconds", std::chrono::duration_cast<std::chrono::seconds>(uptime).count());
    json.member("stopping", parts_.is_stopping());
    json.key("database").begin_object().member("status", is_up ? "up" : "down");
    json.member("probeMs", milliseconds(task.database)).end_object();
    json.key("workers");
    write_pool(json, parts_.workers.stats());
    json.key("cache").begin_object().member("size", parts_.cache.size()).end_object().end_object();
    return made;
  };
  return out;
}

plan admin_handlers::ready(const request& what) const {
  query_parameters(what.query, {}).check();
  if (parts_.is_stopping()) throw problem_error(unavailable("The server is stopping."));
  plan out;
  out.load = [this](work& task) {
    try {
      check_database(task);
    } catch (const hasten::error&) {  // told to the prober; the pool counts it
      throw problem_error(unavailable("The database does not answer."));
    }
    return answer{.body = R"({"status":"ready"})", .headers = {}};
  };
  return out;
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "admin/database_handlers.hpp"

#include "shared/instant.hpp"
#include "shared/json_writer.hpp"
#include "shared/query_parameters.hpp"

#include <hasten/query/fingerprint.hpp>
#include <hasten/query/recommendation.hpp>
#include <hasten/soci/database_health.hpp>
#include <hasten/soci/explain.hpp>
#include <hasten/soci/index_advisor.hpp>
#include <hasten/soci/optimize.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {

namespace {

constexpr std::array<std::string_view, 1> health_parameters = {"check"};
constexpr std::array<std::string_view, 2> query_page_parameters = {"sort", "limit"};
constexpr std::array<std::string_view, 2> flags = {"true", "false"};
constexpr std::array<std::string_view, 6> sorts = {"total", "mean", "p99", "calls", "errors", "rows"};

double milliseconds(double nanoseconds) { return std::round(nanoseconds / 1e3) / 1e3; }
double milliseconds(std::chrono::nanoseconds span) { return milliseconds(static_cast<double>(span.count())); }

// The text of an instant of the wall clock.
std::string instant_text(hasten::wall_time at) {
  return to_rfc3339(std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
}

// Those of this program, and of the oldest the line of code that began it. SQLite knows of no others.
void write_open_transactions(json_writer& json, const hasten::query_monitor& queries) {
  const hasten::open_transactions& all = queries.transactions();
  json.key("openTransactions").begin_object().member("count", all.size());
  if (const auto oldest = all.oldest()) {
    json.member("oldestAgeMs", milliseconds(queries.now() - oldest->began));
    const std::string file = std::filesystem::path(oldest->where.file_name()).filename().string();
    json.member("oldestAt", file + ':' + std::to_string(oldest->where.line()));
  }
  json.end_object();
}

void write_health(json_writer& json, const hasten::database_health& health,
                  const hasten::query_monitor& queries) {
  const bool is_up = health.check != hasten::integrity::damaged;
  json.begin_object().member("status", is_up ? "up" : "down").member("engine", health.engine);
  json.member("answeredInMs", milliseconds(health.answered_in)).member("bytes", health.bytes());
  json.member("pageBytes", health.page_bytes).member("pages", health.pages);
  json.member("freePages", health.free_pages).member("journalMode", health.journal_mode);
  json.member("logBytes", health.log_bytes).member("logBytesMax", health.log_bytes_max);
  json.member("checkpointStarved", health.is_checkpoint_starved());
  json.member("cacheBytes", health.cache_bytes).member("cacheHitRate", health.cache_hit_rate());
  json.member("analysed", health.is_analysed).member("foreignKeys", health.foreign_keys);
  json.member("check", name_of(health.check));
  write_open_transactions(json, queries);
  json.key("sizes").begin_array();
  for (const hasten::object_size& each : health.sizes) {
    json.begin_object().member("name", each.name).member("table", each.table);
    json.member("index", each.is_index).member("bytes", each.bytes).member("estimated", each.is_estimate);
    json.end_object();
  }
  json.end_array().end_object();
}

void write_pool(json_writer& json, const hasten::pool_stats& pool) {
  json.begin_object().member("sizeMax", pool.size_max).member("inUse", pool.in_use).member("idle", pool.idle);
  json.member("waiting", pool.waiting).member("acquired", pool.acquired).member("waited", pool.waited);
  json.member("timedOut", pool.timed_out).member("rejected", pool.rejected).member("created", pool.created);
  json.member("creationFailures", pool.creation_failures).member("leaks", pool.leaks);
  json.member("waitMaxMs", milliseconds(pool.wait_max)).end_object();
}

void write_latency(json_writer& json, const hasten::histogram_snapshot& latency) {
  json.member("totalMs", milliseconds(static_cast<double>(latency.sum())));
  json.member("meanMs", milliseconds(latency.mean()));
  json.member("p50Ms", milliseconds(static_cast<double>(latency.quantile(0.50))));
  json.member("p95Ms", milliseconds(static_cast<double>(latency.quantile(0.95))));
  json.member("p99Ms", milliseconds(static_cast<double>(latency.quantile(0.99))));
  json.member("maxMs", milliseconds(static_cast<double>(latency.max())));
}

double rank_of(const hasten::statement_stats& each, std::string_view sort) {
  if (sort == "mean") return each.latency.mean();
  if (sort == "p99") return static_cast<double>(each.latency.quantile(0.99));
  if (sort == "calls") return static_cast<double>(each.calls);
  if (sort == "errors") return static_cast<double>(each.errors);
  if (sort == "rows") return static_cast<double>(each.rows);
  return static_cast<double>(each.latency.sum());
}

void write_plan(json_writer& json, const hasten::captured_plan& each) {
  const hasten::query_plan& plan = each.plan;
  json.begin_object().member("name", each.name);
  json.member("shape", hasten::fingerprint_of(each.text, hasten::sql_dialect::sqlite).text);
  json.member("good", plan.is_good()).member("sorts", plan.sorts);
  json.member("automaticIndex", plan.automatic_index).key("fullScans").begin_array();
  for (const std::string& table : plan.full_scans) json.value(table);
  json.end_array()
      .member("changes", each.changes)
      .member("at", instant_text(each.at))
      .key("steps")
      .begin_array();
  for (const hasten::plan_step& step : plan.steps) json.value(step.detail);
  json.end_array().end_object();
}

void write_statement(json_writer& json, const hasten::statement_stats& each) {
  json.begin_object().member("name", each.name).member("calls", each.calls).member("errors", each.errors);
  json.member("rows", each.rows).member("slow", each.slow);
  write_latency(json, each.latency);
  json.key("errorsByKind").begin_object();
  for (std::size_t kind = 0; kind < hasten::query_error_kinds; ++kind)
    if (each.errors_by_kind[kind] != 0)
      json.member(name_of(static_cast<hasten::query_error_kind>(kind)), each.errors_by_kind[kind]);
  json.end_object().end_object();
}

void write_gains(json_writer& json, const hasten::index_proposal& proposal) {
  json.key("gains").begin_array();
  for (std::size_t at = 0; at < std::min<std::size_t>(proposal.gains.size(), 10); ++at) {
    const hasten::statement_gain& each = proposal.gains[at];
    json.begin_object().member("name", each.name).member("shape", each.shape);
    json.member("shareOfTime", each.share_of_time).member("rowsBefore", std::round(each.cost_before));
    json.member("rowsAfter", std::round(each.cost_after)).member("planBefore", each.plan_before);
    json.member("planAfter", each.plan_after).end_object();
  }
  json.end_array();
}

answer recommendations_answer(const hasten::index_advice& advice,
                              const std::vector<hasten::recommendation>& all) {
  answer out;
  json_writer json(out.body);
  json.begin_object().member("complete", advice.is_complete).member("statements", advice.statements);
  json.member("tookMs", milliseconds(advice.took)).key("recommendations").begin_array();
  for (const hasten::recommendation& each : all) {
    json.begin_object().member("urgency", name_of(each.how)).member("topic", each.topic);
    json.member("evidence", each.evidence).member("action", each.action);
    const auto proposal = std::ranges::find(advice.proposals, each.action, &hasten::index_proposal::ddl);
    if (proposal != advice.proposals.end()) write_gains(json, *proposal);
    json.end_object();
  }
  json.end_array().end_object();
  return out;
}

}  // namespace

void database_handlers::add_routes(std::vector<route>& routes) {
  using member = plan (database_handlers::*)(const request&) const;
  const auto get = [&](std::string_view path, member make) {
    routes.push_back({.pattern = path,
                      .who = access::admin,
                      .get = [this, make](const request& what) { return (this->*make)(what); },
                      .post = {}});
  };
  get("/api/v1/admin/database/health", &database_handlers::health);
  get("/api/admin/database/health", &database_handlers::health);
  get("/api/v1/admin/database/metrics", &database_handlers::metrics);
  get("/api/v1/admin/database/queries", &database_handlers::queries);
  get("/api/v1/admin/database/recommendations", &database_handlers::recommendations);
  for (const char* path : {"/api/v1/admin/database/optimize", "/api/monitoring/optimize"})
    routes.push_back({.pattern = path, .who = access::admin, .get = {}, .post = [this](const request& what) {
                        return optimize(what);
                      }});
}

plan database_handlers::health(const request& what) const {
  query_parameters query(what.query, health_parameters);
  const bool checks = query.one_of("check", flags) == "true";
  query.check();
  plan out;
  out.load = [this, checks](work& task) {
    const database_time timed(task);
    auto session = parts_.sessions.read(task.deadline);
    const hasten::query_deadline limit(*session, task.deadline, task.stop);
    const auto health =
        hasten::read_database_health(*session, {.check_time = std::chrono::seconds(checks ? 5 : 0)});
    answer made{.status = health.check == hasten::integrity::damaged ? 503 : 200, .body = {}, .headers = {}};
    json_writer json(made.body);
    write_health(json, health, parts_.queries);
    return made;
  };
  return out;
}

plan database_handlers::metrics(const request& what) const {
  query_parameters(what.query, {}).check();
  const hasten::query_totals totals = parts_.queries.totals();
  const hasten::session_pool_stats pools = parts_.sessions.stats();
  plan out;
  answer made;
  json_writer json(made.body);
  json.begin_object().key("statements").begin_object().member("names", totals.statements);
  json.member("calls", totals.calls).member("errors", totals.errors).member("rows", totals.rows);
  json.member("slow", totals.slow).member("totalMs", milliseconds(totals.time));
  json.member("overflowed", totals.overflowed).end_object();
  json.key("plans").begin_object().member("kept", parts_.plans.size());
  json.member("overflowed", parts_.plans.overflowed())
      .member("failures", parts_.plans.failures())
      .end_object();
  json.key("readers");
  write_pool(json, pools.readers);
  json.key("writer");
  write_pool(json, pools.writer);
  json.end_object();
  out.now = std::move(made);
  return out;
}

plan database_handlers::queries(const request& what) const {
  query_parameters query(what.query, query_page_parameters);
  const std::string sort(query.one_of("sort", sorts).value_or("total"));
  const auto limit = static_cast<std::size_t>(query.integer("limit", 1, 500).value_or(50));
  query.check();
  auto statements = parts_.queries.statements();
  std::ranges::sort(statements, [&](const auto& left, const auto& right) {
    const double one = rank_of(left, sort);
    const double two = rank_of(right, sort);
    return one != two ? one > two : left.name < right.name;
  });
  plan out;
  answer made;
  json_writer json(made.body);
  json.begin_object().member("sort", sort).member("total", statements.size());
  statements.resize(std::min(statements.size(), limit));
  json.key("statements").begin_array();
  for (const hasten::statement_stats& each : statements) write_statement(json, each);
  json.end_array().key("slow").begin_array();
  const auto slow = parts_.queries.slowest().worst();
  for (std::size_t at = 0; at < std::min(slow.size(), limit); ++at) {
    json.begin_object().member("name", slow[at].name).member("durationMs", milliseconds(slow[at].duration));
    json.member("at", instant_text(slow[at].at)).end_object();
  }
  json.end_array().key("plans").begin_array();
  // Those of the statements shown, what is doubtful first.
  std::set<std::string> shown;
  for (const hasten::statement_stats& each : statements) shown.insert(each.name);
  const auto plans = parts_.plans.plans();
  std::size_t written = 0;
  for (const bool is_good : {false, true})
    for (const hasten::captured_plan& each : plans)
      if (each.plan.is_good() == is_good && shown.contains(each.name) && written++ < limit)
        write_plan(json, each);
  json.end_array().end_object();
  out.now = std::move(made);
  return out;
}

plan database_handlers::recommendations(const request& what) const {
  query_parameters(what.query, {}).check();
  plan out;
  out.load = [this](work& task) {
    const database_time timed(task);
    auto session = parts_.sessions.read(task.deadline);
    const hasten::query_deadline limit(*session, task.deadline, task.stop);
    const auto plans = parts_.plans.plans();
    const auto statements = parts_.queries.statements();
    const auto health = hasten::read_database_health(*session, {.sizes_time = std::chrono::nanoseconds(0)});
    const auto advice = hasten::advise_indexes(*session, plans, statements);
    return recommendations_answer(advice, hasten::recommendations({.health = &health,
                                                                   .proposals = advice.proposals,
                                                                   .findings = advice.findings,
                                                                   .plans = plans,
                                                                   .statements = statements}));
  };
  return out;
}

plan database_handlers::optimize(const request& what) const {
  query_parameters(what.query, {}).check();
  plan out;
  out.load = [this](work& task) {
    const database_time timed(task);
    auto session = parts_.sessions.write(task.deadline);
    // A part of the time stays for the plans, and for answering.
    const auto now = hasten::steady_clock_source::now();
    const auto steps = hasten::optimize(*session, now + (task.deadline - now) * 3 / 4);
    const std::uint64_t before = parts_.plans.failures();
    static_cast<void>(hasten::refresh_plans(*session, parts_.plans));
    answer made;
    json_writer json(made.body);
    json.begin_object().key("steps").begin_array();
    for (const hasten::optimize_step& each : steps) {
      json.begin_object().member("name", each.name).member("outcome", name_of(each.outcome));
      json.member("durationMs", milliseconds(each.took)).member("pages", each.pages).end_object();
    }
    json.end_array().member("plans", parts_.plans.size());
    json.member("plansFailed", parts_.plans.failures() - before).end_object();
    return made;
  };
  return out;
}

}  // namespace claims_app

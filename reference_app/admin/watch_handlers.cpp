// SPDX-License-Identifier: BSL-1.0
#include "admin/watch_handlers.hpp"

#include "shared/instant.hpp"
#include "shared/json_fields.hpp"
#include "shared/json_writer.hpp"
#include "shared/problem.hpp"
#include "shared/query_parameters.hpp"

#include <hasten/core/version.hpp>
#include <hasten/metrics/health_json.hpp>
#include <hasten/metrics/prometheus_text.hpp>

#include <boost/version.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <string>

namespace claims_app {

namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 5> windows = {"10s", "1m", "5m", "1h", "24h"};
constexpr std::array<std::string_view, 6> sorts = {"p99", "p95", "p50", "count", "errors", "route"};

std::chrono::seconds window_of(std::string_view name) {
  constexpr std::array<std::chrono::seconds, 5> spans = {10s, 60s, 300s, 3600s, 86400s};
  return spans[static_cast<std::size_t>(std::ranges::find(windows, name) - windows.begin())];
}

double milliseconds(double nanoseconds) { return std::round(nanoseconds / 1e3) / 1e3; }
double milliseconds(std::chrono::nanoseconds span) { return milliseconds(static_cast<double>(span.count())); }

std::string instant_of(hasten::wall_time at) {
  return to_rfc3339(std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
}

// When a steady instant was, on the calendar.
std::string instant_of(hasten::steady_time at) {
  const auto ago = hasten::steady_clock_source::now() - at;
  return instant_of(hasten::wall_clock_source::now() -
                    std::chrono::duration_cast<hasten::wall_time::duration>(ago));
}

// A quantile that too few values stand behind is null: a number there would be a lie.
void write_latency(json_writer& json, const hasten::histogram_snapshot& latency) {
  json.member("averageMs", milliseconds(latency.mean()));
  for (const auto& [name, q] : {std::pair("p50Ms", 0.50), std::pair("p95Ms", 0.95), std::pair("p99Ms", 0.99)})
    if (latency.count() > 0)
      json.member(name, milliseconds(static_cast<double>(latency.quantile(q))));
    else
      json.key(name).value(nullptr);
  json.member("maxMs", milliseconds(static_cast<double>(latency.max())));
}

void write_totals(json_writer& json, const request_totals& totals) {
  json.member("total", totals.count()).member("errors", totals.failed);
  json.member("errorRate", totals.error_ratio()).member("inFlight", totals.in_flight);
  write_latency(json, totals.latency);
}

void write_pool(json_writer& json, const hasten::pool_stats& pool) {
  json.begin_object().member("max", pool.size_max).member("inUse", pool.in_use).member("idle", pool.idle);
  json.member("waiting", pool.waiting).member("acquired", pool.acquired).member("waited", pool.waited);
  json.member("timedOut", pool.timed_out).end_object();
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

// The documents know three words.
std::string_view word_of(hasten::health_status status) {
  constexpr std::array<std::string_view, 3> words = {"healthy", "degraded", "unhealthy"};
  return words[static_cast<std::size_t>(status)];
}

using answerer = std::function<answer(const request&)>;

handler at_once(answerer make) {
  return [make = std::move(make)](const request& what) {
    plan out;
    out.now = make(what);
    return out;
  };
}

// One that takes no parameters.
handler plain(std::function<answer()> make) {
  return at_once([make = std::move(make)](const request& what) {
    query_parameters(what.query, {}).check();
    return make();
  });
}

// Likewise, of something in the path or the body.
handler bare(answerer make) {
  return at_once([make = std::move(make)](const request& what) {
    query_parameters(what.query, {}).check();
    return make(what);
  });
}

void add(std::vector<route>& routes, std::string_view pattern, handler get, access who = access::admin) {
  routes.push_back({.pattern = pattern, .who = who, .get = std::move(get), .post = {}});
}

problem bad_body(std::vector<problem_item> items) {
  return {.status = 422,
          .kind = "invalid-setting",
          .detail = "See errors for each member and what it must be.",
          .item_key = "pointer",
          .items = std::move(items),
          .headers = {}};
}

}  // namespace

void watch_handlers::add_routes(std::vector<route>& routes) {
  add_probes(routes);
  add_alert_routes(routes);
  add(routes, "/api/v1/admin/performance", plain([this] { return performance(); }));
  add(routes, "/api/v1/admin/requests",
      at_once([this](const request& what) { return requests(what.query); }));
  add(routes, "/api/v1/admin/requests/slow", plain([this] { return slow_requests(); }));
  add(routes, "/api/v1/admin/requests/inflight", [this](const request& what) {
    query_parameters(what.query, {}).check();
    plan out;
    out.load = [this](work& task) {
      return under_way(std::min(task.deadline, hasten::steady_clock_source::now() + 500ms));
    };
    return out;
  });
  add(routes, "/api/v1/admin/timeseries", at_once([this](const request& what) { return chart(what.query); }));
  add(routes, "/api/v1/admin/events", [this](const request& what) {
    query_parameters(what.query, {}).check();
    plan out;
    out.stream = parts_.watch.events();
    return out;
  });
  add(routes, "/metrics", at_once([this](const request& what) {
        query_parameters(what.query, {}).check();
        return metrics_page(what.accept);
      }));
  add(routes, "/api/v1/admin/info", plain([this] { return info(); }));
  add(routes, "/api/v1/admin/config", plain([this] { return settings(); }));
  add(routes, "/api/v1/admin/loggers", plain([this] { return loggers(); }));
  routes.push_back({.pattern = "/api/v1/admin/loggers/{id}",
                    .who = access::admin,
                    .get = {},
                    .post = {},
                    .put = bare([this](const request& what) { return set_logger(what.id, what.body); }),
                    .del = bare([this](const request& what) { return reset_logger(what.id); })});
}

// --- health ------------------------------------------------------------------------------------------------

void watch_handlers::add_probes(std::vector<route>& routes) {
  using hasten::health_group;
  const auto add_probe = [&](std::string_view pattern, health_group which) {
    add(routes, pattern, plain([this, which] { return probe(which); }), access::open);
  };
  add_probe("/livez", health_group::live);
  add_probe("/readyz", health_group::ready);
  add_probe("/startupz", health_group::startup);
  add(routes, "/api/v1/admin/health", at_once([this](const request& what) {
        query_parameters(what.query, {}).check();
        return health(what.accept);
      }));
  add(routes, "/api/v1/health", plain([this] { return short_health(); }), access::open);
}

answer watch_handlers::probe(hasten::health_group group) const {
  const auto report = parts_.watch.health(group);
  if (report.status == hasten::health_status::fail) {
    if (group == hasten::health_group::ready)
      throw problem_error(
          unavailable("The server is not ready; its operator sees why under /api/v1/admin/health."));
    throw problem_error(unavailable("The server fails a check that this probe asks for."));
  }
  return {.body = group == hasten::health_group::ready ? R"({"status":"ready"})" : R"({"status":"up"})",
          .headers = {}};
}

answer watch_handlers::health(std::string_view accept) const {
  const auto report = parts_.watch.health(hasten::health_group::all);
  answer out{.status = static_cast<int>(hasten::http_status_of(report)), .body = {}, .headers = {}};
  if (accept.find("spring-boot.actuator") != std::string_view::npos) {
    out.content_type = "application/vnd.spring-boot.actuator.v3+json";
    out.body = hasten::actuator_json(report);
    return out;
  }
  out.content_type = "application/health+json";
  const auto uptime = hasten::steady_clock_source::now() - parts_.watch.started();
  out.body = "{\"version\":\"1\",\"releaseId\":\"" + version_text() +
             "\",\"serviceId\":\"hasten-reference\",\"uptimeSeconds\":" +
             std::to_string(std::chrono::duration_cast<std::chrono::seconds>(uptime).count()) + ",";
  out.body += hasten::health_json(report).substr(1);
  return out;
}

answer watch_handlers::short_health() const {
  const auto report = parts_.watch.health(hasten::health_group::all);
  answer out{.status = static_cast<int>(hasten::http_status_of(report)), .body = {}, .headers = {}};
  json_writer(out.body).begin_object().member("status", word_of(report.status)).end_object();
  return out;
}

// --- requests ----------------------------------------------------------------------------------------------

answer watch_handlers::performance() const {
  answer out;
  json_writer json(out.body);
  const hasten::cache_stats cached = parts_.cache.stats();
  json.begin_object().member("status", word_of(parts_.watch.health(hasten::health_group::all).status));
  const auto uptime = hasten::steady_clock_source::now() - parts_.watch.started();
  json.member("uptimeSeconds", std::chrono::duration_cast<std::chrono::seconds>(uptime).count());
  json.key("requests").begin_object();
  write_totals(json, parts_.watch.totals());
  json.end_object().key("windows").begin_object();
  for (const std::string_view name : windows) {
    json.key(name).begin_object();
    write_totals(json, parts_.watch.totals(window_of(name)));
    json.end_object();
  }
  json.end_object().key("cache").begin_object();
  json.member("hitRate", cached.hit_rate())
      .member("size", cached.size)
      .member("entriesMax", cached.entries_max);
  json.end_object();
  if (const auto used = parts_.watch.process()) {
    json.key("memory").begin_object().member("residentBytes", used->resident_bytes);
    json.member("limitBytes", hasten::memory_limit_bytes()).end_object();
    json.key("process").begin_object().member("cpuSeconds", std::chrono::duration<double>(used->cpu).count());
    json.member("threads", used->threads).member("openFds", used->open_fds).end_object();
  }
  const auto pools = parts_.sessions.stats();
  json.key("database").begin_object().key("readers");
  write_pool(json, pools.readers);
  json.key("writer");
  write_pool(json, pools.writer);
  json.end_object().key("routes").begin_array();
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
  const auto pool = parts_.workers.stats();
  json.end_array()
      .key("workers")
      .begin_object()
      .member("threads", pool.threads)
      .member("queued", pool.queued);
  json.member("running", pool.running).member("completed", pool.completed).member("failed", pool.failed);
  json.member("rejected", pool.rejected).end_object().key("sessionPools");
  write_session_pools(json, parts_.sessions);
  json.end_object();
  return out;
}

answer watch_handlers::requests(std::string_view query) const {
  static constexpr std::array<std::string_view, 2> known = {"window", "sort"};
  query_parameters given(query, known);
  const std::string_view window = given.one_of("window", windows).value_or("1m");
  const std::string_view sort = given.one_of("sort", sorts).value_or("p99");
  given.check();
  auto rows = parts_.watch.routes(window_of(window));
  std::erase_if(rows, [](const route_window& each) {
    return each.in_flight == 0 && std::ranges::all_of(each.by_class, [](auto count) { return count == 0; });
  });
  const auto errors = [](const route_window& each) { return each.by_class[4] + each.by_class[5]; };
  std::ranges::sort(rows, [&](const route_window& left, const route_window& right) {
    if (sort == "route") return left.route < right.route;
    if (sort == "count" && left.latency.count() != right.latency.count())
      return left.latency.count() > right.latency.count();
    if (sort == "errors" && errors(left) != errors(right)) return errors(left) > errors(right);
    const double q = sort == "p99" ? 0.99 : sort == "p95" ? 0.95 : 0.5;
    const auto slow = left.latency.quantile(q);
    const auto other = right.latency.quantile(q);
    return slow != other ? slow > other : left.route < right.route;
  });
  answer out;
  json_writer json(out.body);
  json.begin_object().member("schema", "hasten.requests/1").member("window", window);
  json.member("at", instant_of(hasten::wall_clock_source::now())).key("totals").begin_object();
  write_totals(json, parts_.watch.totals(window_of(window)));
  json.end_object().key("routes").begin_array();
  for (const route_window& each : rows) {
    json.begin_object().member("route", each.route).member("count", each.latency.count() + each.by_class[5]);
    const double covered = std::chrono::duration<double>(each.covered).count();
    json.member("perSecond", covered <= 0 ? 0.0 : static_cast<double>(each.latency.count()) / covered);
    json.member("coveredSeconds", covered).member("inFlight", each.in_flight);
    json.key("status").begin_object();
    for (std::size_t k = 0; k < each.by_class.size(); ++k)
      if (each.by_class[k] > 0)
        json.member(to_string(static_cast<hasten::status_class>(k)), each.by_class[k]);
    json.end_object();
    write_latency(json, each.latency);
    json.key("stagesMs").begin_object();  // the mean of those that had the stage
    for (const auto& stage : each.stages)
      if (stage.count > 0) json.member(stage.name, milliseconds(stage.mean()));
    json.end_object().end_object();
  }
  json.end_array().end_object();
  return out;
}

answer watch_handlers::slow_requests() const {
  answer out;
  json_writer json(out.body);
  json.begin_object().key("slowest").begin_array();
  for (const auto& each : parts_.timing().slowest().worst()) {
    json.begin_object().member("route", each.name).member("durationMs", milliseconds(each.duration));
    json.member("at", instant_of(each.at)).member("detail", each.detail).end_object();
  }
  json.end_array().member("notReported", parts_.timing().slow().suppressed()).end_object();
  return out;
}

answer watch_handlers::under_way(hasten::steady_time deadline) const {
  auto found = parts_.http().under_way(deadline);
  std::ranges::sort(found, std::greater<>(), &request_under_way::age);
  answer out;
  json_writer json(out.body);
  json.begin_object().member("count", found.size()).key("requests").begin_array();
  for (const request_under_way& each : found) {
    json.begin_object().member("route", each.route).member("ageMs", milliseconds(each.age));
    json.member("phase", each.phase)
        .member("requestId", each.request_id)
        .member("traceId", each.trace_id)
        .end_object();
  }
  json.end_array().end_object();
  return out;
}

// --- alerts ------------------------------------------------------------------------------------------------

void watch_handlers::add_alert_routes(std::vector<route>& routes) {
  add(routes, "/api/v1/admin/alerts", plain([this] { return alerts(); }));
  add(routes, "/api/v1/admin/alerts/rules", plain([this] { return rules(); }));
  routes.push_back({.pattern = "/api/v1/admin/alerts/silences",
                    .who = access::admin,
                    .get = plain([this] { return silences(); }),
                    .post = bare([this](const request& what) { return add_silence(what.body); })});
  routes.push_back({.pattern = "/api/v1/admin/alerts/silences/{id}",
                    .who = access::admin,
                    .get = {},
                    .post = {},
                    .put = {},
                    .del = bare([this](const request& what) { return remove_silence(what.id); })});
}

answer watch_handlers::alerts() const {
  answer out;
  json_writer json(out.body);
  json.begin_object().key("alerts").begin_array();
  for (const auto& each : parts_.watch.alerts().current()) {
    if (each.state == hasten::alert_state::inactive) continue;
    json.begin_object().member("name", each.about.name).member("state", to_string(each.state));
    json.member("severity", each.about.severity).member("summary", each.about.summary);
    if (each.about.value) json.member("value", *each.about.value);
    json.member("since", instant_of(each.since)).member("silenced", each.silenced);
    json.member("inhibited", each.inhibited).end_object();
  }
  json.end_array().key("history").begin_array();
  for (const auto& each : parts_.watch.alerts().history()) {
    json.begin_object().member("name", each.name).member("state", each.firing ? "firing" : "resolved");
    json.member("at", instant_of(each.at));
    if (each.value) json.member("value", *each.value);
    json.end_object();
  }
  json.end_array().end_object();
  return out;
}

answer watch_handlers::rules() const {
  answer out;
  json_writer json(out.body);
  json.begin_object().key("rules").begin_array();
  for (const auto& each : parts_.watch.alerts().rules()) {
    json.begin_object().member("name", each.name).member("kind", each.kind).member("severity", each.severity);
    json.member("when", each.when == hasten::alert_when::above ? "above" : "below");
    json.member("raise", each.raise).member("clear", each.clear);
    json.member("forSeconds", std::chrono::duration<double>(each.hold).count());
    json.member("keepFiringSeconds", std::chrono::duration<double>(each.keep_firing).count());
    json.member("samplesMin", each.samples_min).member("summary", each.summary).end_object();
  }
  json.end_array().end_object();
  return out;
}

answer watch_handlers::silences() const {
  answer out;
  json_writer json(out.body);
  json.begin_object().key("silences").begin_array();
  for (const auto& [id, each] : parts_.watch.alerts().silences()) {
    json.begin_object().member("id", std::to_string(id)).member("alert", each.name);
    json.member("until", instant_of(each.until)).member("reason", each.reason).end_object();
  }
  json.end_array().end_object();
  return out;
}

answer watch_handlers::add_silence(std::string_view body) const {
  static constexpr std::array<std::string_view, 3> known = {"alert", "seconds", "reason"};
  const json_document document(body);
  std::vector<problem_item> problems;
  json_fields fields(document.root(), "", known, problems);
  std::vector<std::string> names;
  for (const auto& each : parts_.watch.alerts().rules()) names.push_back(each.name);
  const std::vector<std::string_view> allowed(names.begin(), names.end());
  const auto name = fields.one_of("alert", allowed);
  const auto time = fields.optional_integer("seconds", 1, 7 * 86'400);
  const auto reason = fields.optional_text("reason", {.least = 1, .most = 200, .marks = " .,:;-_/()#@'"});
  if (!time) fields.complain("seconds", "must be a whole number from 1 to 604800");
  if (!problems.empty()) throw problem_error(bad_body(std::move(problems)));
  const auto id = parts_.watch.alerts().silence(
      {.name = *name,
       .until = hasten::steady_clock_source::now() + std::chrono::seconds(*time),
       .reason = reason.value_or("")});
  if (!id) throw problem_error(unavailable("There are as many silences as may be; remove one first."));
  answer out{
      .status = 201,
      .body = {},
      .headers = {{.name = "Location", .value = "/api/v1/admin/alerts/silences/" + std::to_string(*id)}}};
  json_writer(out.body).begin_object().member("id", std::to_string(*id)).end_object();
  return out;
}

answer watch_handlers::remove_silence(std::string_view id) const {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (failure != std::errc{} || end != id.data() + id.size() || !parts_.watch.alerts().unsilence(number))
    throw problem_error(not_found());
  return {.status = 204, .body = {}, .headers = {}};
}

// --- figures -----------------------------------------------------------------------------------------------

answer watch_handlers::chart(std::string_view query) const {
  static constexpr std::array<std::string_view, 2> known = {"series", "window"};
  static constexpr std::array<std::string_view, 6> spans = {"1m", "10m", "15m", "1h", "2h", "24h"};
  static constexpr std::array<std::chrono::seconds, 6> lengths = {60s, 600s, 900s, 3600s, 7200s, 86400s};
  query_parameters given(query, known);
  const auto& names = parts_.watch.charts().names();
  const std::vector<std::string_view> allowed(names.begin(), names.end());
  const auto name = given.one_of("series", allowed);
  const std::string_view window = given.one_of("window", spans).value_or("15m");
  given.check();
  answer out;
  json_writer json(out.body);
  json.begin_object();
  if (!name) {  // which there are
    json.key("series").begin_array();
    for (const std::string& each : names) json.value(each);
    json.end_array().end_object();
    return out;
  }
  const auto found = parts_.watch.charts().last(
      *name, lengths[static_cast<std::size_t>(std::ranges::find(spans, window) - spans.begin())]);
  json.member("series", *name).member("window", window).member("stepSeconds", found->step.count());
  json.key("at").begin_array();
  for (const auto at : found->at)
    json.value(std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
  json.end_array().key("values").begin_array();
  for (const double value : found->values) json.value(value);
  json.end_array().end_object();
  return out;
}

answer watch_handlers::metrics_page(std::string_view accept) const {
  hasten::prometheus_text page(hasten::prometheus_text::accepted(accept));
  parts_.watch.metrics().collect(page);
  return {.content_type = page.content_type(), .body = page.finish(), .headers = {}};
}

// --- the program -------------------------------------------------------------------------------------------

answer watch_handlers::info() const {
  answer out;
  json_writer json(out.body);
  json.begin_object().member("name", "hasten reference server").member("version", version_text());
  json.member("compiler", __VERSION__).member("boost", BOOST_LIB_VERSION);
  json.member("startedAt", instant_of(parts_.watch.started()));
  json.member("processId", static_cast<std::int64_t>(::getpid())).end_object();
  return out;
}

answer watch_handlers::settings() const {
  answer out;
  json_writer json(out.body);
  json.begin_object();
  for (const auto& [name, value] : parts_.settings) json.member(name, value);
  json.end_object();
  return out;
}

answer watch_handlers::loggers() const {
  const auto now = parts_.levels.current(hasten::steady_clock_source::now());
  answer out;
  json_writer json(out.body);
  json.begin_object().key("levels").begin_array();
  for (const std::string_view each : log_levels::names()) json.value(each);
  json.end_array().key("loggers").begin_object().key("hasten").begin_object();
  json.member("level", now.level).member("usualLevel", now.usual);
  if (now.left) json.member("revertsInSeconds", now.left->count());
  json.end_object().end_object().end_object();
  return out;
}

answer watch_handlers::set_logger(std::string_view id, std::string_view body) const {
  static constexpr std::array<std::string_view, 2> known = {"level", "ttlSeconds"};
  if (id != "hasten") throw problem_error(not_found());
  const json_document document(body);
  std::vector<problem_item> problems;
  json_fields fields(document.root(), "", known, problems);
  const auto level = fields.one_of("level", log_levels::names());
  const auto time = fields.optional_integer("ttlSeconds", 1, 86'400);
  if (!problems.empty()) throw problem_error(bad_body(std::move(problems)));
  parts_.levels.set(*level, hasten::steady_clock_source::now() + std::chrono::seconds(time.value_or(600)));
  return loggers();
}

answer watch_handlers::reset_logger(std::string_view id) const {
  if (id != "hasten") throw problem_error(not_found());
  parts_.levels.revert();
  return {.status = 204, .body = {}, .headers = {}};
}

void add_legacy_paths(std::vector<route>& routes) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 11> aliases = {{
      {"/api/admin/performance", "/api/v1/admin/performance"},
      {"/api/admin/cache/stats", "/api/v1/admin/cache/stats"},
      {"/api/admin/database/health", "/api/v1/admin/database/health"},
      {"/api/admin/workers/stats", "/api/v1/admin/workers/stats"},
      {"/api/v1/cache/stats", "/api/v1/admin/cache/stats"},
      {"/api/v1/cache/stats/reset", "/api/v1/admin/cache/stats/reset"},
      {"/api/monitoring/health", "/api/v1/health"},
      {"/api/monitoring/metrics", "/metrics"},
      {"/api/monitoring/optimize", "/api/v1/admin/database/optimize"},
      {"/api/monitoring/migrations", "/api/v1/admin/migrations"},
      {"/api/monitoring/migrations/run", "/api/v1/admin/migrations/run"},
  }};
  for (const auto& [old, now] : aliases) {
    const auto has = [&routes](std::string_view pattern) {
      return std::ranges::find(routes, pattern, &route::pattern);
    };
    const auto found = has(now);
    if (found == routes.end()) continue;
    if (const auto own = has(old); own != routes.end()) {
      own->is_older_name = true;
      continue;
    }
    route copy = *found;
    copy.pattern = old;
    copy.is_older_name = true;
    routes.push_back(std::move(copy));
  }
}

}  // namespace claims_app

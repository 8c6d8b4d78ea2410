// SPDX-License-Identifier: BSL-1.0
#include "app/service.hpp"

#include "admin/admin_description.hpp"
#include "admin/admin_handlers.hpp"
#include "admin/cache_handlers.hpp"
#include "admin/certificate_watch.hpp"
#include "admin/database_handlers.hpp"
#include "admin/migration_handlers.hpp"
#include "admin/outbound.hpp"
#include "admin/telemetry.hpp"
#include "admin/watch_handlers.hpp"
#include "admin/worker_handlers.hpp"
#include "app/request_log.hpp"
#include "app/risk_job.hpp"
#include "app/test_echo.hpp"
#include "app/ticker.hpp"
#include "claims/claim_description.hpp"
#include "claims/claim_handlers.hpp"
#include "denials/denial_description.hpp"
#include "denials/denial_handlers.hpp"
#include "directory/directory_description.hpp"
#include "directory/directory_handlers.hpp"
#include "jobs/job_description.hpp"
#include "jobs/job_handlers.hpp"
#include "risk/risk_description.hpp"
#include "risk/risk_handlers.hpp"
#include "server/api_document.hpp"
#include "server/server.hpp"
#include "shared/answer_ttls.hpp"
#include "shared/keyed_hash.hpp"

#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/sql_job_store.hpp>
#include <hasten/workers/job_runner.hpp>
#include <hasten/workers/job_runner_stats.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace claims_app {

namespace {

std::vector<std::string> timed_routes(const router& routes) {
  std::vector<std::string> out = routes.row_names();
  out.emplace_back("(none)");
  return out;
}

hasten::worker_pool::options worker_options(const serve_config& config) {
  return {
      .threads = config.workers, .queue_max = config.queue, .name = "claims", .on_error = log_task_failure};
}

// Jobs share the pool with requests, behind them.
hasten::job_runner_options runner_options() {
  return {.name = "claims",
          .in_hand_max = 4,
          .lane = hasten::task_lane::background,
          .on_error = log_task_failure};
}

// What was chosen, without what nobody may read.
std::vector<std::pair<std::string, std::string>> shown_settings(const serve_config& config) {
  return {{"database", config.database},
          {"address", config.address},
          {"port", std::to_string(config.port)},
          {"threads", std::to_string(config.threads)},
          {"workers", std::to_string(config.workers)},
          {"queue", std::to_string(config.queue)},
          {"cacheEntries", std::to_string(config.cache_entries)},
          {"cacheTtlSeconds", std::to_string(config.cache_ttl.count())},
          {"slowQueryMs", std::to_string(config.slow_query.count())},
          {"drainSeconds", std::to_string(config.drain_time.count())},
          {"logLevel", config.log_level},
          {"adminToken", "******"}};
}

void collect_loops(hasten::metric_sink& sink, const loop_totals& loops) {
  sink.begin({"http_server_blocked_total", "Handlers that kept an event loop from its other connections.",
              hasten::metric_type::counter});
  sink.level({}, static_cast<double>(loops.blocked));
  sink.begin({"http_server_accept_failures_total",
              "Clients that could not be taken, each with a pause after it.", hasten::metric_type::counter});
  sink.level({}, static_cast<double>(loops.accept_failures));
}

api_description description() {
  api_description out;
  describe_api_document(out);
  describe_admin(out);
  describe_claims(out);
  describe_denials(out);
  describe_directory(out);
  describe_jobs(out);
  describe_risk(out);
  return out;
}

server::options server_options(const serve_config& config) {
  server::options out;
  out.address = config.address;
  out.port = config.port;
  out.threads = config.threads;
  out.per_client = {.connections = config.client_connections,
                    .requests_per_second = config.rate,
                    .requests_burst = config.rate_burst};
  if (!config.tls_certificate.empty())
    out.encrypted =
        encrypted_entrance{.address = config.tls_address,
                           .port = config.tls_port,
                           .files = {.certificate = config.tls_certificate, .key = config.tls_key},
                           .strict_transport = config.strict_transport};
  out.on_request = log_request;
  out.on_failure = log_task_failure;
  out.on_blocked = log_blocked_loop;
  return out;
}

// Few, so that they are no second way to use the machine up, and shared with no client.
server::options admin_options(const serve_config& config) {
  server::options out;
  out.address = config.admin_address;
  out.port = config.admin_port;
  out.threads = 1;
  out.connections_max = 100;
  out.on_request = log_request;
  out.on_failure = log_task_failure;
  out.on_blocked = log_blocked_loop;
  return out;
}

}  // namespace

// In the order of dependence: what is below uses what is above. The workers come last, and so end first, because a
// task that still runs answers through the server's loops.
struct service::parts {
  explicit parts(const serve_config& config)
      : hashes(load_or_create_key(key_path(config.database))),
        queries({.slow_threshold = config.slow_query,
                 .on_slow = log_slow_query,
                 .reports_per_statement = 3,
                 .slow_factor = 20,
                 .adaptive_least =
                     std::min<std::chrono::nanoseconds>(config.slow_query, std::chrono::milliseconds(5))}),
        sessions({.path = config.database,
                  .readers = config.workers,
                  .on_leak = log_leak,
                  .session = {.plans = &plans}},
                 queries),
        cache({.entries_max = config.cache_entries,
               .insight = {.hot_keys_max = 128, .namespaces_max = 32, .miss_ratios = true}}),
        cached(cache, log_eviction),
        ttls(config.ttls),
        claims({.sessions = sessions,
                .cache = cache,
                .version = version,
                .key_hash = hashes.derive("cache key: claims"),
                .cursors = cursor_codec(hashes.derive("cursor: claims")),
                .keys = idempotency_keys(hashes)}),
        denials({.sessions = sessions, .version = version, .key_hash = hashes.derive("cache key: denials")}),
        directory({.sessions = sessions,
                   .key_hash = hashes.derive("cache key: directory"),
                   .cursors = cursor_codec(hashes.derive("cursor: directory"))}),
        guard({.token = config.admin_token, .api_needs_token = config.is_remote}),
        others({.webhook_url = config.alert_webhook,
                .webhook_secret = config.alert_webhook_secret,
                .alertmanager_url = config.alertmanager,
                .otlp = config.otlp}) {
    workers.emplace(worker_options(config));
    pools.add("claims", *workers);
    watch.emplace(telemetry::parts{.sessions = sessions,
                                   .cache = cache,
                                   .workers = *workers,
                                   .queries = queries,
                                   .timing = [this]() -> request_timer& { return *timing; },
                                   .http = [this]() -> const server& { return *http; },
                                   .is_stopping = [this] { return leaving || (http && http->is_stopping()); },
                                   .jobs = [this] { return runner->stats(); },
                                   .more_checks = checks_of(config),
                                   .more_alerts = config.more_alerts,
                                   .tell =
                                       [this](std::span<const hasten::alert_notice> notices) {
                                         log_alerts(notices);
                                         others.tell(notices);
                                       },
                                   .each_second =
                                       [this](hasten::steady_time now) {
                                         levels.tick(now);
                                         others.tick(now, watch->alerts(), watch->metrics());
                                       },
                                   .lost_elsewhere = [this] { return others.lost(); }});
    watching.emplace(watch_handlers::parts{.watch = *watch,
                                           .cache = cache,
                                           .sessions = sessions,
                                           .workers = *workers,
                                           .queries = queries,
                                           .levels = levels,
                                           .timing = [this]() -> const request_timer& { return *timing; },
                                           .http = [this]() -> const server& { return *http; },
                                           .settings = shown_settings(config)});
    runner.emplace(job_store, *workers, runner_options());
    add_risk_job(*runner, sessions, *workers);
    watch->metrics().add_collector(
        [this](hasten::metric_sink& sink) { hasten::collect_jobs(sink, "claims", runner->stats()); });
    watch->metrics().add_collector(
        [this](hasten::metric_sink& sink) { collect_loops(sink, http->totals()); });
    watch->metrics().add_collector([this](hasten::metric_sink& sink) {
      if (const auto reading = http->certificate()) write_certificate(sink, *reading);
    });
    std::vector<route> all;
    admin.add_routes(all);
    watching->add_routes(all);
    cached.add_routes(all);
    migrations.add_routes(all);
    database.add_routes(all);
    claims.add_routes(all);
    denials.add_routes(all);
    directory.add_routes(all);
    risk.add_routes(all);
    pools.add_routes(all);
    jobs.add_routes(all);
    described.add_routes(all);
    add_legacy_paths(all);
    if (config.test_echo) add_test_echo(all);
    routes.emplace(std::move(all));
    described.write(*routes, description());
    timing.emplace(
        request_timer::options{.routes = timed_routes(*routes),
                               .stages = {"queue", "cache", "db", "work", "serialise", "write"},
                               .slow = {.threshold = config.slow_request, .report = log_slow_response}});
    const auto dispatched = [this](hasten::worker_pool& by, audience whom) {
      return dispatcher::parts{.routes = *routes,
                               .guard = guard,
                               .cache = cache,
                               .ttls = ttls,
                               .workers = by,
                               .work_time = std::chrono::seconds(10),
                               .serves = whom};
    };
    requests.emplace(dispatched(*workers, config.separates_admin ? audience::clients : audience::everyone));
    server::options options = server_options(config);
    if (others.wants_spans()) {
      options.keeps_span = [this](int status, std::chrono::nanoseconds took, bool sampled,
                                  std::uint64_t draw) { return others.keeps(status, took, sampled, draw); };
      options.on_span = [this](const span_record& span) { others.add(span); };
    }
    http.emplace(std::move(options), *requests, *routes, *timing);
    if (!config.separates_admin) return;
    // Nothing that clients can use up: a loop, connections and workers of its own.
    admin_workers.emplace(hasten::worker_pool::options{
        .threads = 2, .queue_max = 100, .name = "admin", .on_error = log_task_failure});
    admin_requests.emplace(dispatched(*admin_workers, audience::operators));
    admin_http.emplace(admin_options(config), *admin_requests, *routes, *timing);
  }

  [[nodiscard]] std::vector<hasten::health_check> checks_of(const serve_config& config) {
    std::vector<hasten::health_check> out = config.more_checks;
    if (!config.tls_certificate.empty())
      out.push_back(certificate_check([this] { return http->certificate(); },
                                      [] { return hasten::wall_clock_source::now(); }));
    return out;
  }

  // What another program, an import above all, has committed to the same file makes answers outdated.
  void notice_foreign_writes() {
    const std::int64_t seen = data_version_seen();
    if (std::exchange(foreign_writes, seen) == seen) return;
    version.bump();
    cache.clear();
  }

  // The number is the connection's own: it changes with the commits of others, never with its own.
  std::int64_t data_version_seen() {
    constexpr hasten::statement own_view{"sqlite.data_version", "PRAGMA data_version"};
    auto writer = sessions.write(hasten::steady_clock_source::now() + std::chrono::seconds(1));
    return writer->scalar<std::int64_t>(own_view);
  }

  // What should happen without a request.
  void look_after() {
    const std::scoped_lock lock(upkeep_mutex);
    sessions.maintain();
    notice_foreign_writes();
    queries.adapt();
  }

  keyed_hash hashes;
  hasten::query_monitor queries;
  hasten::plan_book plans{{.on_plan = log_plan}};
  hasten::session_pool sessions;
  answer_cache cache;
  cache_handlers cached;
  answer_ttls ttls;
  data_version version;
  std::mutex upkeep_mutex;  // held through look_after()
  std::int64_t foreign_writes = data_version_seen();
  claim_handlers claims;
  denial_handlers denials;
  directory_handlers directory;
  risk_handlers risk{sessions};
  migration_handlers migrations{sessions};
  database_handlers database{{.sessions = sessions, .queries = queries, .plans = plans}};
  worker_handlers pools;
  hasten::sql_job_store job_store{sessions, {.poll = std::chrono::seconds(1)}};
  job_handlers jobs{{.sessions = sessions,
                     .store = job_store,
                     .keys = idempotency_keys(hashes),
                     .triggers = {{.pattern = "/api/v1/risk/recompute", .job = make_risk_job()}},
                     .write_result = write_risk_result}};
  access_guard guard;
  outbound others;
  admin_handlers admin;
  api_document described;
  std::optional<router> routes;
  std::optional<request_timer> timing;
  std::optional<dispatcher> requests;
  std::optional<server> http;
  std::optional<dispatcher> admin_requests;  // these three only if operators have a listener of their own
  std::optional<server> admin_http;
  std::optional<hasten::worker_pool> admin_workers;
  std::optional<hasten::worker_pool> workers;
  std::optional<hasten::job_runner<hasten::sql_job_store>> runner;
  log_levels levels;
  std::optional<watch_handlers> watching;
  std::optional<telemetry> watch;
  std::atomic<bool> leaving{false};
  const ticker upkeep{std::chrono::seconds(30), [this] { look_after(); }, log_task_failure};
};

service::service(serve_config config) : config_(std::move(config)) {}

service::~service() { stop(hasten::steady_clock_source::now()); }

void service::start() {
  parts_ = std::make_unique<parts>(config_);
  parts_->http->start();
  parts_->watch->start();
  parts_->runner->start();
  if (parts_->admin_http) parts_->admin_http->start();  // last: it asks all the others
}

void service::look_after() { parts_->look_after(); }

void service::reload(const serve_config& now) {
  parts& all = *parts_;
  all.http->change_rate(now.rate, now.rate_burst);
  all.ttls = now.ttls;
  all.queries.set_slow_threshold(now.slow_query);
  all.timing->set_slow_threshold(now.slow_request);
  all.levels.set_usual(now.log_level);
}

std::vector<std::string> service::amiss_in_api_document() const { return parts_->described.amiss(); }

std::uint16_t service::port() const { return parts_->http->port(); }

std::uint16_t service::tls_port() const { return parts_->http->tls_port(); }

std::uint16_t service::admin_port() const { return parts_->admin_http ? parts_->admin_http->port() : 0; }

void service::reload_certificate() {
  server& http = *parts_->http;
  if (!http.certificate()) return;
  if (const auto refused = http.reload_certificate())
    log_certificate_refused(*refused);
  else
    log_certificate(http.certificate()->expires);
}

void service::announce_stop() { parts_->leaving = true; }

bool service::responds(std::chrono::nanoseconds patience) const {
  return parts_->http->lag(hasten::steady_clock_source::now() + patience) < patience;
}

stop_report service::stop(hasten::steady_time deadline) {
  stop_report out;
  if (!parts_) return out;
  // The loops first: as long as a connection waits for an answer, the workers have to give it.
  out.connections_cut = parts_->http->stop(deadline);
  if (parts_->admin_http) out.connections_cut += parts_->admin_http->stop(deadline);
  parts_->watch->stop(deadline);
  parts_->others.stop(std::min(deadline, hasten::steady_clock_source::now() + std::chrono::seconds(2)),
                      parts_->watch->metrics());
  // What is cut short is given back, and goes on with the next start.
  parts_->runner->drain(deadline);
  if (parts_->admin_workers) static_cast<void>(parts_->admin_workers->drain(deadline));
  const hasten::drain_report drained = parts_->workers->drain(deadline);
  out.tasks_dropped = drained.cancelled + drained.left;
  parts_.reset();
  return out;
}

}  // namespace claims_app

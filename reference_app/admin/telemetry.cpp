// SPDX-License-Identifier: BSL-1.0
#include "admin/telemetry.hpp"

#include "admin/metric_pages.hpp"
#include "shared/json_writer.hpp"

#include <hasten/metrics/default_alerts.hpp>
#include <hasten/metrics/health_checks.hpp>
#include <hasten/query/pool_meter.hpp>
#include <hasten/workers/thread_budget.hpp>
#include <hasten/workers/worker_pool_metrics.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <thread>
#include <utility>

namespace claims_app {

namespace {

using namespace std::chrono_literals;

constexpr hasten::statement probe{"admin.probe", "SELECT count(*) FROM (SELECT 1 FROM claims LIMIT 1)"};
constexpr std::chrono::seconds sample_interval{1};
constexpr std::chrono::milliseconds lag_wait{200};
constexpr double megabyte = 1024.0 * 1024;

double seconds(std::chrono::nanoseconds span) { return std::chrono::duration<double>(span).count(); }
double seconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

hasten::alert_reading quantile_of(const hasten::window& values, double q, std::chrono::nanoseconds span) {
  const auto found = values.last(span).values;
  if (found.count() == 0) return {.value = {}, .samples = 0};
  return {.value = seconds(found.quantile(q)), .samples = found.count()};
}

std::vector<std::string> chart_names() {
  return {"requests_per_second", "error_ratio",     "p50_seconds",     "p95_seconds",
          "p99_seconds",         "in_flight",       "cpu_ratio",       "memory_bytes",
          "loop_lag_seconds",    "cache_hit_ratio", "pool_used_ratio", "queue_depth"};
}

}  // namespace

telemetry::telemetry(parts given)
    : parts_(std::move(given)),
      started_(hasten::steady_clock_source::now()),
      charts_(chart_names()),
      background_({.threads = 4, .queue_max = 200, .name = "watch"}) {
  health_.emplace(checks(), [this](std::function<void()> task) { background_.post(std::move(task)); });
  alerts_.emplace(rules());
  add_collectors();
}

telemetry::~telemetry() { stop(hasten::steady_clock_source::now()); }

void telemetry::start() {
  health_->tick();
  schedule(hasten::steady_clock_source::now());
  const auto deadline = hasten::steady_clock_source::now() + 2s;
  const auto all_known = [this] {
    const auto report = health_->report();
    return std::ranges::all_of(report.components, [](const auto& each) { return each.known; });
  };
  while (!all_known() && hasten::steady_clock_source::now() < deadline) std::this_thread::sleep_for(2ms);
}

void telemetry::stop(hasten::steady_time deadline) {
  stopping_ = true;
  static_cast<void>(background_.drain(deadline));
}

void telemetry::schedule(hasten::steady_time due) {
  if (stopping_) return;
  background_.post_at(due, [this, due] {
    const auto now = hasten::steady_clock_source::now();
    sample(now, hasten::wall_clock_source::now());
    schedule(std::max(due + sample_interval, now));  // a sampler that fell behind does not try to catch up
  });
}

// --- sampling ----------------------------------------------------------------------------------------------

void telemetry::sample(hasten::steady_time now, hasten::wall_time at) {
  const auto all = parts_.timing().routes();
  {
    const std::lock_guard lock(mutex_);
    while (rows_.size() < all.size()) rows_.push_back(std::make_unique<row>());
    process_ = hasten::read_process_stats();
    if (process_) cpu_.tick(now, process_->cpu);
  }
  hasten::histogram_snapshot answered;
  totals_mark sum;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t k = 0; k < hasten::status_classes; ++k)
      rows_[i]->by_class[k].tick(now, all[i].by_class[k]);
    rows_[i]->stages.tick(now, all[i].stages);
    answered.merge(all[i].answered());
    sum.failed += all[i].failed();
    sum.aborted += all[i].of(hasten::status_class::aborted).count();
  }
  latency_.tick(now, answered);
  totals_.tick(now, sum);
  budget_.tick(now, {.all = answered.count() + sum.aborted, .bad = sum.failed});
  const hasten::cache_stats cached = parts_.cache.stats();
  cache_.tick(now, {.hits = cached.hits, .lookups = cached.hits + cached.misses});
  lag_.record(parts_.http().lag(hasten::steady_clock_source::now() + lag_wait));
  lag_window_.tick(now, lag_.snapshot());
  hasten::histogram_snapshot statements;
  for (const auto& each : parts_.queries.statements()) statements.merge(each.latency);
  statements_.tick(now, statements);
  hasten::histogram_snapshot waits;
  for (const hasten::pool_reading& each : parts_.sessions.readings()) waits.merge(each.times.waited);
  session_waits_.tick(now, waits);
  std::uint64_t dead = 0;
  for (const hasten::job_kind_stats& each : parts_.jobs().kinds) dead += each.attempts.dead;
  dead_jobs_.tick(now, dead);
  lost_.tick(now, lost());
  push_charts(at);
  judge(now, at);
  if (parts_.each_second) parts_.each_second(now);
}

void telemetry::push_charts(hasten::wall_time at) {
  const auto recent = latency_.last(10s);
  const request_totals now = totals(10s);
  const auto cpu = cpu_.last(10s);
  const auto hits = cache_hits(1min);
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto quantile = [&](double q) {
    return recent.values.count() == 0 ? none : seconds(recent.values.quantile(q));
  };
  const std::array<double, 12> values = {
      recent.per_second(),
      now.count() == 0 ? none : now.error_ratio(),
      quantile(0.5),
      quantile(0.95),
      quantile(0.99),
      static_cast<double>(now.in_flight),
      cpu ? seconds(cpu->now - cpu->then) / seconds(cpu->covered) / hasten::thread_budget() : none,
      process() ? static_cast<double>(process()->resident_bytes) : none,
      seconds(lag_window_.last(10s).values.max()),
      hits.value.value_or(none),
      pool_used(),
      static_cast<double>(parts_.workers.stats().queued)};
  charts_.push(at, values);

  std::string data;
  json_writer json(data);
  json.begin_object().member(
      "at", std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
  for (std::size_t i = 0; i < values.size(); ++i) json.member(charts_.names()[i], values[i]);
  json.member("health", to_string(health_->report().status));
  std::uint64_t firing = 0;
  for (const auto& each : alerts_->current()) firing += each.state == hasten::alert_state::firing ? 1U : 0U;
  json.member("alertsFiring", firing).end_object();
  events_->publish("tick", data);
}

void telemetry::judge(hasten::steady_time now, hasten::wall_time at) {
  if (parts_.is_stopping()) health_->drain();
  health_->tick();
  const auto notices = alerts_->tick(now, at);
  for (const auto& each : notices) {
    std::string data;
    json_writer json(data);
    json.begin_object().member("name", each.name).member("severity", each.severity);
    json.member("firing", each.firing).member("summary", each.summary).end_object();
    events_->publish("alert", data);
  }
  if (!notices.empty() && parts_.tell) parts_.tell(notices);
}

// --- reading -----------------------------------------------------------------------------------------------

request_totals telemetry::totals() const {
  request_totals out;
  for (const hasten::route_timing& each : parts_.timing().routes()) {
    out.latency.merge(each.answered());
    out.failed += each.failed();
    out.aborted += each.of(hasten::status_class::aborted).count();
    out.in_flight += each.in_flight;
  }
  return out;
}

request_totals telemetry::totals(std::chrono::nanoseconds window) const {
  request_totals out;
  out.latency = latency_.last(window).values;
  if (const auto span = totals_.last(window)) {
    out.failed = span->now.failed - span->then.failed;
    out.aborted = span->now.aborted - span->then.aborted;
  }
  const request_timer& timing = parts_.timing();
  for (std::size_t i = 0; i < timing.route_names().size(); ++i) out.in_flight += timing.in_flight(i);
  return out;
}

std::vector<route_window> telemetry::routes(std::chrono::nanoseconds window) const {
  const request_timer& timing = parts_.timing();
  std::vector<route_window> out;
  std::size_t known = 0;
  {
    const std::lock_guard lock(mutex_);
    known = rows_.size();  // from then on they stay where they are
  }
  for (std::size_t i = 0; i < known; ++i) {
    route_window made;
    made.route = timing.route_names()[i];
    made.in_flight = timing.in_flight(i);
    for (std::size_t k = 0; k < hasten::status_classes; ++k) {
      const auto view = rows_[i]->by_class[k].last(window);
      made.by_class[k] = view.values.count();
      made.covered = std::max(made.covered, view.covered);
      if (static_cast<hasten::status_class>(k) != hasten::status_class::aborted)
        made.latency.merge(view.values);
    }
    if (const auto span = rows_[i]->stages.last(window)) {
      made.stages = span->now;
      for (std::size_t k = 0; k < made.stages.size() && k < span->then.size(); ++k) {
        made.stages[k].count -= span->then[k].count;
        made.stages[k].total -= span->then[k].total;
      }
    }
    out.push_back(std::move(made));
  }
  return out;
}

std::optional<hasten::process_stats> telemetry::process() const {
  const std::lock_guard lock(mutex_);
  return process_;
}

double telemetry::pool_used() const {
  const auto pool = parts_.sessions.stats().readers;
  return pool.size_max == 0 ? 0.0 : static_cast<double>(pool.in_use) / static_cast<double>(pool.size_max);
}

hasten::alert_reading telemetry::cache_hits(std::chrono::nanoseconds window) const {
  const auto span = cache_.last(window);
  // reset_stats() makes the numbers go down; until the window is past that, nothing is said.
  if (!span || span->now.lookups <= span->then.lookups || span->now.hits < span->then.hits)
    return {.value = {}, .samples = 0};
  const std::uint64_t lookups = span->now.lookups - span->then.lookups;
  return {.value = static_cast<double>(span->now.hits - span->then.hits) / static_cast<double>(lookups),
          .samples = lookups};
}

double telemetry::jobs_given_up(std::chrono::nanoseconds window) const {
  const auto span = dead_jobs_.last(window);
  return span ? static_cast<double>(span->now - span->then) : 0.0;
}

// --- judging -----------------------------------------------------------------------------------------------

std::vector<hasten::health_check> telemetry::checks() const {
  const std::filesystem::path file = parts_.sessions.path();
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  std::vector<hasten::health_check> all;
  all.push_back(hasten::ping_check(
      "database",
      [this] {
        auto session = parts_.sessions.read(hasten::steady_clock_source::now() + 900ms);
        static_cast<void>(session->scalar<std::int64_t>(probe));
      },
      250ms));
  all.back().interval = 2s;
  all.push_back(hasten::level_check("databasePool", [this] { return std::optional(pool_used()); },
                                    {.warn = 0.9, .fail = 2, .unit = "ratio", .note = "sessions run out"}));
  all.push_back(
      hasten::file_size_check("databaseLog", file.string() + "-wal", 256 * megabyte, 4096 * megabyte));
  all.push_back(hasten::disk_space_check("disk", folder, 1024 * megabyte, 64 * megabyte));
  all.push_back(hasten::level_check("cache", [this] { return cache_hits(5min).value; },
                                    {.bad = hasten::alert_when::below,
                                     .warn = 0.2,
                                     .fail = -1,
                                     .unit = "ratio",
                                     .note = "few answers come from the cache"}));
  all.back().critical = false;
  all.push_back(hasten::level_check(
      "workers", [this] { return std::optional(seconds(parts_.workers.stats().oldest_age())); },
      {.warn = 1, .fail = 30, .unit = "s", .note = "tasks wait long for a worker"}));
  all.push_back(hasten::level_check(
      "jobs",
      [this] { return std::optional(jobs_given_up(10min) + static_cast<double>(parts_.jobs().overdue)); },
      {.warn = 0,
       .fail = std::numeric_limits<double>::infinity(),
       .unit = "jobs",
       .note = "jobs run beyond their time or were given up in the last ten minutes"}));
  all.back().critical = false;
  all.push_back(hasten::level_check(
      "eventLoop", [this] { return std::optional(seconds(lag_window_.last(10s).values.max())); },
      {.warn = 0.05, .fail = 5, .unit = "s", .note = "something blocks the event loop"}));
  all.back().live = true;
  if (const std::uint64_t limit = hasten::memory_limit_bytes())
    all.push_back(hasten::memory_check("memory", limit));
  all.push_back(hasten::file_descriptor_check("fileDescriptors"));
  all.push_back(hasten::response_check("responses", [this] {
    const request_totals recent = totals(1min);
    return hasten::response_levels{
        .count = recent.count(),
        .mean = std::chrono::nanoseconds(static_cast<std::int64_t>(recent.latency.mean())),
        .error_ratio = recent.error_ratio()};
  }));
  for (const hasten::health_check& each : parts_.more_checks) all.push_back(each);
  return all;
}

std::vector<hasten::alert_source> telemetry::rules() const {
  using hasten::alert_reading;
  const auto mean = [](const hasten::window& values, std::chrono::nanoseconds span) -> alert_reading {
    const auto found = values.last(span).values;
    if (found.count() == 0) return {.value = {}, .samples = 0};
    return {.value = found.mean() / 1e9, .samples = found.count()};
  };
  const auto used_of = [this](auto figure) {
    return [this, figure]() -> alert_reading {
      const auto now = process();
      if (!now) return {};
      return {.value = figure(*now)};
    };
  };
  const auto memory = static_cast<double>(hasten::memory_limit_bytes());
  std::vector<hasten::alert_source> all = hasten::default_alerts({
      .burn_fast = [this] { return budget_.burn_rate(1h, 5min); },
      .burn_slow = [this] { return budget_.burn_rate(6h, 30min); },
      .burn_ticket = [this] { return budget_.burn_rate(24h, 2h); },
      .response_mean = [this, mean] { return mean(latency_, 5min); },
      .response_p95 = [this] { return quantile_of(latency_, 0.95, 5min); },
      .response_p99 = [this] { return quantile_of(latency_, 0.99, 5min); },
      .error_ratio = [this] { return budget_.bad_ratio(5min); },
      .cache_hit_ratio = [this] { return cache_hits(5min); },
      .pool_used_ratio = [this] { return alert_reading{.value = pool_used()}; },
      .pool_wait_p95 = [this] { return quantile_of(session_waits_, 0.95, 5min); },
      .queue_age = [this] { return alert_reading{.value = seconds(parts_.workers.stats().oldest_age())}; },
      .queue_used_ratio =
          [this] {
            const auto pool = parts_.workers.stats();
            std::size_t longest = 0;  // of the lanes, each of which has the whole bound
            for (const auto& lane : pool.lanes) longest = std::max(longest, lane.queued);
            return alert_reading{.value = static_cast<double>(longest) / static_cast<double>(pool.queue_max)};
          },
      .dead_jobs = [this] { return alert_reading{.value = jobs_given_up(10min)}; },
      .slow_query_change = [this] { return hasten::change_reading(statements_, 5min, 1h); },
      .loop_lag_p99 = [this] { return quantile_of(lag_window_, 0.99, 5min); },
      .cpu_ratio =
          [this] {
            const auto span = cpu_.last(1min);
            if (!span) return alert_reading{};
            return alert_reading{.value = seconds(span->now - span->then) / seconds(span->covered) /
                                          hasten::thread_budget()};
          },
      .memory_ratio = memory == 0 ? std::function<alert_reading()>()
                                  : used_of([memory](const hasten::process_stats& now) {
                                      return static_cast<double>(now.resident_bytes) / memory;
                                    }),
      .descriptor_ratio = used_of([](const hasten::process_stats& now) {
        return now.max_fds == 0 ? 0.0 : static_cast<double>(now.open_fds) / static_cast<double>(now.max_fds);
      }),
      .telemetry_lost =
          [this] {
            const auto span = lost_.last(10min);
            if (!span) return alert_reading{};
            return alert_reading{.value = static_cast<double>(span->now - span->then)};
          },
      .health = [this] { return hasten::health_reading(health_->report()); },
  });
  all.insert(all.end(), parts_.more_alerts.begin(), parts_.more_alerts.end());
  return all;
}

std::uint64_t telemetry::lost() const {
  return metrics_.overflowed() + metrics_.collector_failures() +
         (parts_.lost_elsewhere ? parts_.lost_elsewhere() : 0);
}

void telemetry::add_collectors() {
  metrics_.add_collector([this](hasten::metric_sink& sink) { write_requests(sink, parts_.timing()); });
  metrics_.add_collector([this](hasten::metric_sink& sink) { write_statements(sink, parts_.queries); });
  metrics_.add_collector(
      [this](hasten::metric_sink& sink) { hasten::write_pools(sink, parts_.sessions.readings()); });
  metrics_.add_collector(
      [this](hasten::metric_sink& sink) { write_cache(sink, "answers", parts_.cache.stats()); });
  metrics_.add_collector([this](hasten::metric_sink& sink) {
    const std::array pools{hasten::pool_figures{"claims", parts_.workers.stats()}};
    hasten::write_pool_families(sink, pools);
  });
  metrics_.add_collector([this](hasten::metric_sink& sink) {
    write_self(sink, lag_.snapshot(), lost());
    write_health(sink, health_->report());
    write_alerts(sink, alerts_->current());
  });
  metrics_.add_collector([](hasten::metric_sink& sink) {
    if (const auto used = hasten::read_process_stats()) hasten::collect_process(sink, *used);
  });
}

}  // namespace claims_app

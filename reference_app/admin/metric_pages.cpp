// SPDX-License-Identifier: BSL-1.0
#include "admin/metric_pages.hpp"

#include <hasten/core/version.hpp>

#include <utility>
#include <vector>

namespace claims_app {

namespace {

using hasten::label_set;
using hasten::metric_type;

// The buckets that the conventions advise for statements, and three below.
hasten::bucket_bounds statement_bounds() {
  return hasten::bucket_bounds({0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10});
}

// A row's name is its method and its template, or "(none)".
std::pair<std::string, std::string> method_and_route(const std::string& row) {
  const std::size_t blank = row.find(' ');
  if (blank == std::string::npos) return {"_OTHER", ""};
  return {row.substr(0, blank), row.substr(blank + 1)};
}

void gauge(hasten::metric_sink& sink, const char* name, const char* help, const label_set& labels,
           double value) {
  sink.begin({name, help, metric_type::gauge});
  sink.level(labels, value);
}

void counter(hasten::metric_sink& sink, const char* name, const char* help, const label_set& labels,
             std::uint64_t value) {
  sink.begin({name, help, metric_type::counter});
  sink.count(labels, value);
}

}  // namespace

void write_requests(hasten::metric_sink& sink, const request_timer& timing) {
  static const hasten::bucket_bounds bounds = hasten::bucket_bounds::seconds();
  const auto rows = timing.routes();
  sink.begin({"http_server_request_duration_seconds", "How long requests took, by route and class of status.",
              metric_type::histogram});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    const auto [method, route] = method_and_route(row.route);
    for (std::size_t k = 0; k < hasten::status_classes; ++k) {
      if (row.by_class[k].count() == 0) continue;
      const auto result = static_cast<hasten::status_class>(k);
      const std::vector<hasten::exemplar> examples = timing.exemplars(i, result);
      sink.exemplars(examples);
      const bool is_aborted = result == hasten::status_class::aborted;
      // A class in place of a code: fewer series, and what asks for 5.. finds 5xx.
      sink.distribution({{"http_request_method", method},
                         {"http_route", route},
                         {"http_response_status_code", is_aborted ? "" : std::string(to_string(result))},
                         {"error_type", is_aborted                                     ? "aborted"
                                        : result == hasten::status_class::server_error ? "5xx"
                                                                                       : ""},
                         {"url_scheme", "http"}},
                        row.by_class[k], bounds);
    }
  }
  sink.begin({"http_server_active_requests", "Requests that are not answered yet.", metric_type::gauge});
  for (const auto& row : rows) {
    if (row.count() == 0 && row.in_flight == 0) continue;  // nobody has asked for it yet
    const auto [method, route] = method_and_route(row.route);
    sink.level({{"http_request_method", method}, {"http_route", route}, {"url_scheme", "http"}},
               static_cast<double>(row.in_flight));
  }
  sink.begin({"http_server_request_stage_seconds_total", "Time of requests by stage.", metric_type::counter});
  for (const auto& row : rows) {
    const auto [method, route] = method_and_route(row.route);
    for (const auto& stage : row.stages)
      if (stage.count > 0)
        sink.level({{"http_request_method", method}, {"http_route", route}, {"stage", stage.name}},
                   std::chrono::duration<double>(stage.total).count());
  }
}

void write_statements(hasten::metric_sink& sink, const hasten::query_monitor& queries) {
  static const hasten::bucket_bounds bounds = statement_bounds();
  const auto statements = queries.statements();
  sink.begin(
      {"db_client_operation_duration_seconds", "How long statements took, by name.", metric_type::histogram});
  for (const auto& each : statements)
    sink.distribution({{"db_system_name", "sqlite"}, {"db_query_summary", each.name}}, each.latency, bounds);
  sink.begin({"db_client_operation_errors_total", "Statements that failed, by name.", metric_type::counter});
  for (const auto& each : statements)
    sink.count({{"db_system_name", "sqlite"}, {"db_query_summary", each.name}}, each.errors);
  sink.begin({"db_client_returned_rows_total", "Rows read or changed, by name of the statement.",
              metric_type::counter});
  for (const auto& each : statements)
    sink.count({{"db_system_name", "sqlite"}, {"db_query_summary", each.name}}, each.rows);
}

void write_cache(hasten::metric_sink& sink, const std::string& name, const hasten::cache_stats& stats) {
  sink.begin({"cache_requests_total", "Look-ups by what came of them.", metric_type::counter});
  sink.count({{"cache_name", name}, {"cache_request_type", "hit"}}, stats.hits);
  sink.count({{"cache_name", name}, {"cache_request_type", "miss"}}, stats.misses);
  sink.begin({"cache_evictions_total", "Entries that left, by reason.", metric_type::counter});
  sink.count({{"cache_name", name}, {"cache_eviction_reason", "size"}}, stats.evictions_size);
  sink.count({{"cache_name", name}, {"cache_eviction_reason", "expired"}}, stats.evictions_expired);
  sink.count({{"cache_name", name}, {"cache_eviction_reason", "explicit"}}, stats.removals);
  sink.count({{"cache_name", name}, {"cache_eviction_reason", "replaced"}}, stats.replaced);
  gauge(sink, "cache_entries", "Entries.", {{"cache_name", name}}, static_cast<double>(stats.size));
  gauge(sink, "cache_capacity_entries", "Entries allowed.", {{"cache_name", name}},
        static_cast<double>(stats.entries_max));
  counter(sink, "cache_loads_total", "Values loaded.", {{"cache_name", name}}, stats.loads);
  counter(sink, "cache_load_failures_total", "Loads that failed.", {{"cache_name", name}},
          stats.load_failures);
  sink.begin({"cache_load_duration_seconds_total", "Time spent loading.", metric_type::counter});
  sink.level({{"cache_name", name}}, std::chrono::duration<double>(stats.load_time).count());
}

void write_self(hasten::metric_sink& sink, const hasten::histogram_snapshot& loop_lag, std::uint64_t lost) {
  static const hasten::bucket_bounds bounds = hasten::bucket_bounds::seconds();
  sink.begin({"hasten_eventloop_lag_seconds", "How long a task given to the event loops waits.",
              metric_type::histogram});
  sink.distribution({}, loop_lag, bounds);
  counter(sink, "hasten_metric_overflow_total", "Times a series or a collector was lost.", {}, lost);
  gauge(sink, "hasten_build_info", "The build; always 1.",
        {{"version", std::to_string(hasten::version_major) + "." + std::to_string(hasten::version_minor) +
                         "." + std::to_string(hasten::version_patch)},
         {"compiler", __VERSION__}},
        1);
}

void write_health(hasten::metric_sink& sink, const hasten::health_report& report) {
  sink.begin({"hasten_health_status", "0 pass, 1 warn, 2 fail, by check.", metric_type::gauge});
  for (const auto& each : report.components)
    if (each.known) sink.level({{"check", each.name}}, static_cast<double>(each.result.status));
}

void write_alerts(hasten::metric_sink& sink, const std::vector<hasten::alert_board::status>& alerts) {
  sink.begin({"hasten_alert_state", "0 inactive, 1 pending, 2 firing, by rule.", metric_type::gauge});
  for (const auto& each : alerts)
    sink.level({{"alertname", each.about.name}, {"severity", each.about.severity}},
               static_cast<double>(each.state));
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/label_set.hpp>
#include <hasten/metrics/metric_sink.hpp>
#include <hasten/query/query_stats.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hasten {

/// Writes what a query_monitor knows as families of metrics, under OpenTelemetry's names for database clients
/// ("Semantic conventions for database client metrics") as Prometheus spells them: durations and rows by statement, and
/// failures by statement and kind. The statement's name is the label, never its text; only kinds that occurred have a
/// series. Begin them once for all monitors of a program.
/// Throws: what the sink throws.
///
///     registry.add_collector([&](hasten::metric_sink& sink) {
///       hasten::write_statements(sink, monitor.statements(), "sqlite");
///     });
inline void write_statements(metric_sink& sink, std::span<const statement_stats> statements,
                             std::string_view system) {
  // What the conventions advise for statements, and three below: a statement on a local file is fast.
  static const bucket_bounds bounds(
      {0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0});
  const std::string name(system);
  sink.begin(
      {"db_client_operation_duration_seconds", "How long statements took, by name.", metric_type::histogram});
  for (const statement_stats& each : statements)
    sink.distribution(label_set({{"db_system_name", name}, {"db_query_summary", each.name}}), each.latency,
                      bounds);
  sink.begin({"db_client_operation_errors_total", "Statements that failed, by name and kind.",
              metric_type::counter});
  for (const statement_stats& each : statements)
    for (std::size_t kind = 0; kind < query_error_kinds; ++kind)
      if (each.errors_by_kind[kind] != 0)
        sink.count(label_set({{"db_system_name", name},
                              {"db_query_summary", each.name},
                              {"error_type", name_of(static_cast<query_error_kind>(kind))}}),
                   each.errors_by_kind[kind]);
  sink.begin({"db_client_returned_rows_total", "Rows read or changed, by name of the statement.",
              metric_type::counter});
  for (const statement_stats& each : statements)
    sink.count(label_set({{"db_system_name", name}, {"db_query_summary", each.name}}), each.rows);
}

}  // namespace hasten

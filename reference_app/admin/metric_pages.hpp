// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/server.hpp"

#include <hasten/cache/cache_stats.hpp>
#include <hasten/metrics/alert_board.hpp>
#include <hasten/metrics/health_report.hpp>
#include <hasten/metrics/metric_sink.hpp>
#include <hasten/query/query_monitor.hpp>

#include <cstdint>
#include <string>

/// What the parts of the server count, written under the names of OpenTelemetry's conventions in Prometheus's form. All are
/// thread-safe and keep nothing.
namespace claims_app {

void write_requests(hasten::metric_sink& sink, const request_timer& timing);
void write_statements(hasten::metric_sink& sink, const hasten::query_monitor& queries);
void write_cache(hasten::metric_sink& sink, const std::string& name, const hasten::cache_stats& stats);
void write_self(hasten::metric_sink& sink, const hasten::histogram_snapshot& loop_lag, std::uint64_t lost);
void write_health(hasten::metric_sink& sink, const hasten::health_report& report);
void write_alerts(hasten::metric_sink& sink, const std::vector<hasten::alert_board::status>& alerts);

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/server.hpp"
#include "shared/answer_cache.hpp"
#include "shared/event_feed.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/metrics/alert_board.hpp>
#include <hasten/metrics/alert_readings.hpp>
#include <hasten/metrics/health.hpp>
#include <hasten/metrics/process_stats.hpp>
#include <hasten/metrics/registry.hpp>
#include <hasten/metrics/time_series.hpp>
#include <hasten/metrics/window.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/workers/job_runner_stats.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace claims_app {

/// What all requests of some time were like.
struct request_totals {
  hasten::histogram_snapshot latency;  // of what was answered
  std::uint64_t failed = 0;            // by fault of the server
  std::uint64_t aborted = 0;
  std::uint64_t in_flight = 0;

  [[nodiscard]] std::uint64_t count() const noexcept { return latency.count() + aborted; }
  [[nodiscard]] double error_ratio() const noexcept {
    return count() == 0 ? 0.0 : static_cast<double>(failed) / static_cast<double>(count());
  }
};

/// What one route was like within a window.
struct route_window {
  std::string route;  // method and template
  std::array<std::uint64_t, hasten::status_classes> by_class{};
  hasten::histogram_snapshot latency;
  std::chrono::nanoseconds covered{0};
  std::uint64_t in_flight = 0;
  std::vector<hasten::route_timing::stage> stages;
};

/// Watches the running server: samples it each second, keeps windows and charts, checks its health, judges its alerts and
/// tells those who listen. What it knows is read at once, from any thread; nothing here is on a request's path.
///
/// Thread safety: thread-safe, but start, stop and the destructor belong to one thread.
class telemetry {
 public:
  struct parts {
    hasten::session_pool& sessions;
    answer_cache& cache;
    hasten::worker_pool& workers;
    hasten::query_monitor& queries;
    std::function<request_timer&()> timing;  // these two are asked late: both need the routes first
    std::function<const server&()> http;
    std::function<bool()> is_stopping;
    std::function<hasten::job_runner_stats()> jobs;  // as late as the two above
    std::vector<hasten::health_check> more_checks = {};
    std::vector<hasten::alert_source> more_alerts = {};
    std::function<void(std::span<const hasten::alert_notice>)> tell = {};  // must not block or throw
    std::function<void(hasten::steady_time)> each_second = {};             // as above
    std::function<std::uint64_t()> lost_elsewhere = {};  // what others dropped of metrics, traces and alerts
  };

  explicit telemetry(parts given);
  ~telemetry();
  telemetry(const telemetry&) = delete;
  telemetry& operator=(const telemetry&) = delete;

  /// Begins to sample, and waits until each check has run once, for at most two seconds.
  void start();
  /// Ends all sampling. Blocks on: a check that runs, until `deadline`.
  void stop(hasten::steady_time deadline);

  [[nodiscard]] request_totals totals() const;                                 // since the start
  [[nodiscard]] request_totals totals(std::chrono::nanoseconds window) const;  // as of the last sample
  [[nodiscard]] std::vector<route_window> routes(std::chrono::nanoseconds window) const;

  [[nodiscard]] hasten::health_report health(hasten::health_group group) const {
    return health_->report(group);
  }
  [[nodiscard]] hasten::alert_board& alerts() noexcept { return *alerts_; }
  [[nodiscard]] const hasten::time_series& charts() const noexcept { return charts_; }
  [[nodiscard]] const std::shared_ptr<event_feed>& events() const noexcept { return events_; }
  [[nodiscard]] const hasten::registry& metrics() const noexcept { return metrics_; }
  [[nodiscard]] hasten::registry& metrics() noexcept { return metrics_; }
  [[nodiscard]] std::optional<hasten::process_stats> process() const;
  [[nodiscard]] hasten::steady_time started() const noexcept { return started_; }

  /// One sample; start() has it called each second.
  void sample(hasten::steady_time now, hasten::wall_time at);

 private:
  struct totals_mark {
    std::uint64_t failed = 0;
    std::uint64_t aborted = 0;
  };
  struct row {
    std::array<hasten::window, hasten::status_classes> by_class;
    hasten::time_marks<std::vector<hasten::route_timing::stage>> stages;
  };
  struct cache_mark {
    std::uint64_t hits = 0;
    std::uint64_t lookups = 0;
  };

  void add_collectors();
  [[nodiscard]] std::uint64_t lost() const;
  [[nodiscard]] std::vector<hasten::health_check> checks() const;
  [[nodiscard]] std::vector<hasten::alert_source> rules() const;
  [[nodiscard]] double pool_used() const;
  [[nodiscard]] hasten::alert_reading cache_hits(std::chrono::nanoseconds window) const;
  [[nodiscard]] double jobs_given_up(std::chrono::nanoseconds window) const;
  void schedule(hasten::steady_time due);
  void push_charts(hasten::wall_time at);
  void judge(hasten::steady_time now, hasten::wall_time at);

  parts parts_;
  const hasten::steady_time started_;
  hasten::registry metrics_;
  hasten::time_series charts_;
  const std::shared_ptr<event_feed> events_ = std::make_shared<event_feed>();

  hasten::window latency_;
  hasten::time_marks<totals_mark> totals_;
  hasten::time_marks<cache_mark> cache_;
  hasten::time_marks<std::chrono::nanoseconds> cpu_;
  hasten::time_marks<std::uint64_t> lost_;
  hasten::time_marks<std::uint64_t> dead_jobs_;
  hasten::error_budget budget_{0.999};
  hasten::histogram lag_;  // of the event loops
  hasten::window lag_window_;
  hasten::window statements_;
  hasten::window session_waits_;
  std::vector<std::unique_ptr<row>> rows_;  // made by the first sample, by the timer's rows
  mutable std::mutex mutex_;                // guards rows_ being made, and the next
  std::optional<hasten::process_stats> process_;

  std::atomic<bool> stopping_{false};
  std::optional<hasten::health<>> health_;
  std::optional<hasten::alert_board> alerts_;
  // Samples, and runs the checks: apart, so that one that hangs holds up no request. Last, so that its threads end first.
  hasten::worker_pool background_;
};

}  // namespace claims_app

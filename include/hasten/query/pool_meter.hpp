// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/pool_stats.hpp>
#include <hasten/metrics/histogram.hpp>
#include <hasten/metrics/histogram_snapshot.hpp>
#include <hasten/metrics/metric_sink.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hasten {

/// How long callers waited for a pool's resources, how long these took to make, and how long they were held.
struct pool_times {
  histogram_snapshot waited;
  histogram_snapshot created;
  histogram_snapshot used;
};

/// A pool as write_pools() shows it.
struct pool_reading {
  std::string name;  ///< a short fixed one: it is a label
  pool_stats stats;
  pool_times times;
};

/// Keeps the times of one resource_pool. Copies share the figures: one goes into the pool as its observer, and may
/// outlive the others.
/// Thread safety: thread-safe.
///
///     hasten::pool_meter times;
///     hasten::resource_pool<connection> pool({.observer = times.observer()}, connect);
///     const auto p99 = times.read().waited.quantile(0.99);
class pool_meter {
 public:
  /// Returns: what to give to a pool. `leaked` is told of leases that are held too long; empty: nobody.
  [[nodiscard]] pool_observer observer(std::function<void(const pool_leak&)> leaked = {}) const {
    return {.waited = [kept = kept_](std::chrono::nanoseconds span) { kept->waited.record(span); },
            .created = [kept = kept_](std::chrono::nanoseconds span) { kept->created.record(span); },
            .used = [kept = kept_](std::chrono::nanoseconds span) { kept->used.record(span); },
            .leaked = std::move(leaked)};
  }

  [[nodiscard]] pool_times read() const {
    return {.waited = kept_->waited.snapshot(),
            .created = kept_->created.snapshot(),
            .used = kept_->used.snapshot()};
  }

 private:
  struct histograms {
    histogram waited{{.precision_bits = 4}};
    histogram created{{.precision_bits = 4, .threads_max = 0}};  // seldom: everybody shares
    histogram used{{.precision_bits = 4}};
  };
  std::shared_ptr<histograms> kept_ = std::make_shared<histograms>();  // never null
};

/// Writes the families of connection pools under OpenTelemetry's names, one series for each pool: begin them once for
/// all pools of a program. Throws: what the sink throws.
inline void write_pools(metric_sink& sink, std::span<const pool_reading> pools) {
  const auto labels = [](const pool_reading& each) { return label_set({{"pool_name", each.name}}); };
  sink.begin({"db_client_connections", "Connections that are open, by what they do.", metric_type::gauge});
  for (const pool_reading& each : pools) {
    sink.level(label_set({{"pool_name", each.name}, {"state", "used"}}),
               static_cast<double>(each.stats.in_use));
    sink.level(label_set({{"pool_name", each.name}, {"state", "idle"}}),
               static_cast<double>(each.stats.idle));
  }
  struct level {
    const char* name;
    const char* help;
    std::size_t pool_stats::* value;
  };
  for (const level& family :
       {level{"db_client_connection_max", "The most connections there can be.", &pool_stats::size_max},
        level{"db_client_connection_pending_requests", "Callers that wait for a connection.",
              &pool_stats::waiting},
        level{"db_client_connection_overdue", "Connections held for longer than anybody should.",
              &pool_stats::overdue}}) {
    sink.begin({family.name, family.help, metric_type::gauge});
    for (const pool_reading& each : pools)
      sink.level(labels(each), static_cast<double>(each.stats.*family.value));
  }
  struct counter_family {
    const char* name;
    const char* help;
    std::uint64_t pool_stats::* value;
  };
  for (const counter_family& family :
       {counter_family{"db_client_connection_timeouts_total", "Callers whose deadline passed first.",
                       &pool_stats::timed_out},
        counter_family{"db_client_connection_rejections_total", "Callers that found the queue full.",
                       &pool_stats::rejected},
        counter_family{"db_client_connection_failures_total", "Attempts to connect that failed.",
                       &pool_stats::creation_failures},
        counter_family{"db_client_connection_discards_total", "Connections that broke in use.",
                       &pool_stats::discarded},
        counter_family{"db_client_connection_leaks_total", "Leases reported as held too long.",
                       &pool_stats::leaks}}) {
    sink.begin({family.name, family.help, metric_type::counter});
    for (const pool_reading& each : pools) sink.count(labels(each), each.stats.*family.value);
  }
  struct time_family {
    const char* name;
    const char* help;
    histogram_snapshot pool_times::* value;
  };
  for (const time_family& family :
       {time_family{"db_client_connection_wait_time_seconds", "How long callers waited for a connection.",
                    &pool_times::waited},
        time_family{"db_client_connection_create_time_seconds", "How long connecting took.",
                    &pool_times::created},
        time_family{"db_client_connection_use_time_seconds", "How long connections were held.",
                    &pool_times::used}}) {
    sink.begin({family.name, family.help, metric_type::histogram});
    for (const pool_reading& each : pools)
      sink.distribution(labels(each), each.times.*family.value, bucket_bounds::seconds());
  }
}

}  // namespace hasten

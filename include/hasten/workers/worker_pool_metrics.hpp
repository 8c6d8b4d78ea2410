// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/metric_sink.hpp>
#include <hasten/workers/worker_pool_stats.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hasten {

/// The figures of one pool and what it is called on a page of metrics.
struct pool_figures {
  std::string pool;
  worker_pool_stats stats;
};

namespace detail {

inline constexpr std::array<std::string_view, task_lane_count> lane_names{"high", "normal", "background"};

// Writes the families of all pools, one family after the other, as a page wants them.
class pool_families {
 public:
  pool_families(metric_sink& sink, std::span<const pool_figures> pools) : sink_(sink), pools_(pools) {}

  template <class Write>
  void family(const char* name, const char* help, metric_type type, Write&& write) {
    sink_.begin(metric_description(name, help, type));
    for (const pool_figures& each : pools_) write(each);
  }

  template <class Value>
  void by_lane(const char* name, const char* help, Value&& value) {
    family(name, help, metric_type::gauge, [&](const pool_figures& of) {
      for (std::size_t i = 0; i != task_lane_count; ++i) {
        sink_.level(lane_label(of, i), static_cast<double>(value(of.stats.lanes[i])));
      }
    });
  }

  void durations(const char* name, const char* help, histogram_snapshot lane_stats::* part) {
    family(name, help, metric_type::histogram, [&](const pool_figures& of) {
      for (std::size_t i = 0; i != task_lane_count; ++i) {
        sink_.distribution(lane_label(of, i), of.stats.lanes[i].*part, bounds_);
      }
    });
  }

  void labelled_durations(const char* name, const char* help, histogram_snapshot label_stats::* part) {
    family(name, help, metric_type::histogram, [&](const pool_figures& of) {
      for (const label_stats& each : of.stats.labels) {
        sink_.distribution({{"worker_pool", of.pool}, {"task", each.name}}, each.*part, bounds_);
      }
    });
  }

 private:
  static label_set lane_label(const pool_figures& of, std::size_t lane) {
    return {{"worker_pool", of.pool}, {"queue", std::string(lane_names[lane])}};
  }

  metric_sink& sink_;
  const std::span<const pool_figures> pools_;
  const bucket_bounds bounds_ = bucket_bounds::seconds();
};

inline double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace detail

/// Writes what pools are doing as families `worker_...`, for a collector of a registry. All pools of a program
/// belong into one call, because a family can be begun only once. The names of pools and of labels become label
/// values.
///
///     metrics.add_collector([&pool](hasten::metric_sink& sink) {
///       const std::array pools{hasten::pool_figures{"claims", pool.stats()}};
///       hasten::write_pool_families(sink, pools);
///     });
///
/// Throws: what the sink throws; std::bad_alloc.
inline void write_pool_families(metric_sink& sink, std::span<const pool_figures> pools) {
  detail::pool_families out(sink, pools);
  using of = const pool_figures&;
  const auto with = [](of each, const char* name, const char* value) {
    return label_set{{"worker_pool", each.pool}, {name, value}};
  };
  const auto named = [](of each) { return label_set{{"worker_pool", each.pool}}; };

  out.family("worker_pool_threads", "Threads by what they do.", metric_type::gauge, [&](of each) {
    const std::size_t active = std::min(each.stats.running, each.stats.threads);
    sink.level(with(each, "state", "active"), static_cast<double>(active));
    sink.level(with(each, "state", "idle"), static_cast<double>(each.stats.threads - active));
  });
  out.family("worker_pool_threads_max", "Threads of the pool.", metric_type::gauge,
             [&](of each) { sink.level(named(each), static_cast<double>(each.stats.threads)); });
  out.family("worker_busy_seconds_total", "Time that the threads spent awake, together.",
             metric_type::counter,
             [&](of each) { sink.level(named(each), detail::seconds_of(each.stats.busy)); });
  out.by_lane("worker_queue_depth", "Tasks waiting.", [](const lane_stats& lane) { return lane.queued; });
  out.family("worker_queue_capacity", "The most tasks that can wait in each queue.", metric_type::gauge,
             [&](of each) { sink.level(named(each), static_cast<double>(each.stats.queue_max)); });
  out.by_lane("worker_queue_oldest_age_seconds", "The least time that the oldest task has waited.",
              [](const lane_stats& lane) { return detail::seconds_of(lane.oldest_age); });
  out.durations("worker_task_wait_duration_seconds", "From acceptance to start, of the tasks that are timed.",
                &lane_stats::wait);
  out.durations("worker_task_run_duration_seconds", "From start to end, of the tasks that are timed.",
                &lane_stats::run);
  out.family("worker_tasks_total", "Accepted tasks by what became of them.", metric_type::counter,
             [&](of each) {
               sink.count(with(each, "outcome", "success"), each.stats.completed);
               sink.count(with(each, "outcome", "failure"), each.stats.failed);
               sink.count(with(each, "outcome", "timeout"), each.stats.expired);
               sink.count(with(each, "outcome", "cancelled"), each.stats.cancelled);
               sink.count(with(each, "outcome", "shed"), each.stats.shed);
             });
  out.family("worker_rejected_total", "Tasks refused because the queue was full or the pool closed.",
             metric_type::counter, [&](of each) { sink.count(named(each), each.stats.rejected); });
  out.labelled_durations("worker_labelled_wait_duration_seconds", "From acceptance to start, by label.",
                         &label_stats::wait);
  out.labelled_durations("worker_labelled_run_duration_seconds", "From start to end, by label.",
                         &label_stats::run);
}

}  // namespace hasten

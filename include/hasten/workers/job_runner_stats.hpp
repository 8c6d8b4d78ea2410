// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/histogram_snapshot.hpp>
#include <hasten/metrics/label_set.hpp>
#include <hasten/metrics/metric_sink.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// What became of the attempts of one kind, or of all. Totals since the runner was made.
struct job_attempt_counts {
  std::uint64_t completed = 0;
  std::uint64_t retried = 0;    ///< failed, with attempts left
  std::uint64_t dead = 0;       ///< failed for the last time
  std::uint64_t cancelled = 0;  ///< ended because somebody asked for it
  std::uint64_t snoozed = 0;    ///< the handler asked to be called later
  std::uint64_t given_back =
      0;                        ///< not begun or not finished when the runner stopped, or no room in the pool
  std::uint64_t timed_out = 0;  ///< took longer than the timeout; counted among the others too, once settled
  std::uint64_t lost = 0;       ///< ended after their lease was lost: somebody else has the job
};

/// One kind of job.
struct job_kind_stats {
  std::string kind = {};
  std::size_t in_hand = 0;  ///< taken and not settled
  job_attempt_counts attempts = {};
  histogram_snapshot wait = {};  ///< nanoseconds from when a job was ready to its start here
  histogram_snapshot run = {};   ///< nanoseconds that handlers took
};

/// One look at a runner.
struct job_runner_stats {
  std::size_t in_hand = 0;
  std::size_t overdue = 0;            ///< of these, running beyond their timeout
  std::uint64_t rescued = 0;          ///< jobs of vanished workers made available
  std::uint64_t ended_by_rescue = 0;  ///< such jobs that were at their last attempt, or to be cancelled
  std::uint64_t removed = 0;          ///< old finished jobs
  std::uint64_t periodic = 0;         ///< made by the runner's own schedules
  std::uint64_t store_failures = 0;   ///< calls of the store that threw; they are repeated
  std::uint64_t clock_jumps = 0;      ///< times the calendar clock was set while the runner ran
  std::vector<job_kind_stats> kinds = {};
};

/// Writes a runner's figures, for a registry's collector. `name` tells runners apart.
///
///     metrics.add_collector([&](hasten::metric_sink& sink) { collect_jobs(sink, "jobs", runner.stats()); });
inline void collect_jobs(metric_sink& sink, const std::string& name, const job_runner_stats& stats) {
  const label_set all{{"worker_pool", name}};
  const auto one = [&](const char* family, const char* help, metric_type type) {
    sink.begin({family, help, type});
  };
  one("worker_job_attempts_total", "Attempts at durable jobs by how they ended.", metric_type::counter);
  for (const job_kind_stats& each : stats.kinds) {
    const std::pair<const char*, std::uint64_t> ends[] = {
        {"success", each.attempts.completed}, {"retried", each.attempts.retried},
        {"dead", each.attempts.dead},         {"cancelled", each.attempts.cancelled},
        {"snoozed", each.attempts.snoozed},   {"given_back", each.attempts.given_back},
        {"timeout", each.attempts.timed_out}, {"lost", each.attempts.lost}};
    for (const auto& [outcome, count] : ends)
      sink.count({{"outcome", outcome}, {"task", each.kind}, {"worker_pool", name}}, count);
  }
  one("worker_job_wait_duration_seconds", "From when a durable job was ready to its start.",
      metric_type::histogram);
  for (const job_kind_stats& each : stats.kinds)
    sink.distribution({{"task", each.kind}, {"worker_pool", name}}, each.wait, bucket_bounds::seconds());
  one("worker_job_run_duration_seconds", "How long handlers of durable jobs took.", metric_type::histogram);
  for (const job_kind_stats& each : stats.kinds)
    sink.distribution({{"task", each.kind}, {"worker_pool", name}}, each.run, bucket_bounds::seconds());
  one("worker_jobs_in_hand", "Durable jobs taken and not yet settled.", metric_type::gauge);
  for (const job_kind_stats& each : stats.kinds)
    sink.level({{"task", each.kind}, {"worker_pool", name}}, static_cast<double>(each.in_hand));
  one("worker_jobs_overdue", "Durable jobs that run beyond their timeout.", metric_type::gauge);
  sink.level(all, static_cast<double>(stats.overdue));
  one("worker_jobs_rescued_total", "Durable jobs whose worker vanished.", metric_type::counter);
  sink.count(all, stats.rescued + stats.ended_by_rescue);
  one("worker_job_store_failures_total", "Calls of the job store that failed.", metric_type::counter);
  sink.count(all, stats.store_failures);
}

}  // namespace hasten

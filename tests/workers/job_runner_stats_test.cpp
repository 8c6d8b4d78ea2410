// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/job_runner_stats.hpp>

#include <hasten/metrics/prometheus_text.hpp>
#include <hasten/metrics/registry.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

TEST_CASE("a runner's figures are families that the registry exposes") {
  hasten::job_runner_stats stats;
  stats.rescued = 2;
  stats.kinds.push_back({.kind = "mail", .in_hand = 3, .attempts = {.completed = 7, .dead = 1}});
  hasten::registry metrics;
  metrics.add_collector([&](hasten::metric_sink& sink) { hasten::collect_jobs(sink, "jobs", stats); });
  hasten::prometheus_text page;
  metrics.collect(page);
  CHECK(metrics.collector_failures() == 0);
  const std::string& text = page.finish();
  for (const char* line : {R"(worker_job_attempts_total{outcome="success",task="mail",worker_pool="jobs"} 7)",
                           R"(worker_job_attempts_total{outcome="dead",task="mail",worker_pool="jobs"} 1)",
                           R"(worker_jobs_in_hand{task="mail",worker_pool="jobs"} 3)",
                           R"(worker_jobs_rescued_total{worker_pool="jobs"} 2)",
                           R"(worker_job_run_duration_seconds_count{task="mail",worker_pool="jobs"} 0)"})
    CHECK(text.find(line) != std::string::npos);
}

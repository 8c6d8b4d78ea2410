// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/worker_pool_metrics.hpp>

#include <hasten/metrics/prometheus_text.hpp>
#include <hasten/metrics/registry.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <array>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("what pools do is on the page of a registry, by pool, queue and outcome") {
  hasten::manual_clock clock;
  hasten::basic_worker_pool<hasten::manual_clock> pool({.threads = 1, .queue_max = 100, .clock_sampling = 1},
                                                       clock);
  const auto exports = pool.label("export");
  pool.submit({.label = exports}, [&clock] { clock.advance(2ms); }).get();
  while (pool.stats().completed == 0) std::this_thread::yield();
  pool.pause();
  pool.post({.lane = hasten::task_lane::background}, [] {});
  clock.advance(90s);
  hasten::worker_pool other({.threads = 2});

  hasten::registry metrics;
  metrics.add_collector([&](hasten::metric_sink& sink) {
    const std::array pools{hasten::pool_figures{"claims", pool.stats()},
                           hasten::pool_figures{"exports", other.stats()}};
    hasten::write_pool_families(sink, pools);
  });
  hasten::prometheus_text page;
  metrics.collect(page);
  const std::string text = page.finish();
  CHECK(metrics.collector_failures() == 0);
  CHECK_THAT(text, ContainsSubstring("worker_pool_threads{worker_pool=\"exports\",state=\"idle\"} 2"));
  CHECK_THAT(text, ContainsSubstring("worker_pool_threads_max{worker_pool=\"claims\"} 1"));
  CHECK_THAT(text, ContainsSubstring("worker_queue_depth{worker_pool=\"claims\",queue=\"background\"} 1"));
  CHECK_THAT(text, ContainsSubstring("worker_queue_capacity{worker_pool=\"claims\"} 100"));
  CHECK_THAT(text, ContainsSubstring(
                       "worker_queue_oldest_age_seconds{worker_pool=\"claims\",queue=\"background\"} 90"));
  CHECK_THAT(text, ContainsSubstring("worker_tasks_total{worker_pool=\"claims\",outcome=\"success\"} 1"));
  CHECK_THAT(text, ContainsSubstring("worker_rejected_total{worker_pool=\"claims\"} 0"));
  CHECK_THAT(text, ContainsSubstring(
                       "worker_task_run_duration_seconds_count{worker_pool=\"claims\",queue=\"normal\""));
  CHECK_THAT(text, ContainsSubstring(
                       "worker_labelled_run_duration_seconds_bucket{worker_pool=\"claims\",task=\"export\""));
}

TEST_CASE("a page cannot have the families of pools twice") {
  hasten::prometheus_text page;
  hasten::write_pool_families(page, {});
  CHECK_THROWS_AS(hasten::write_pool_families(page, {}), std::invalid_argument);
}

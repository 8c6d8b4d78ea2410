// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/registry.hpp>
// and what shows its metrics
#include <hasten/metrics/prometheus_text.hpp>
#include <hasten/metrics/window.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

std::string page_of(const hasten::registry& metrics) {
  hasten::prometheus_text page;
  metrics.collect(page);
  return page.finish();
}

}  // namespace

TEST_CASE("what is declared and counted is on the page") {
  hasten::registry metrics;
  metrics.counters("requests_total", "Requests.", {"route"})->with({"/claims"})->add(3);
  metrics.gauges("open_connections", "Connections.")->with()->set(2);
  metrics.histograms("response_seconds", "Latencies.", {}, hasten::bucket_bounds({0.1, 1}))
      ->with()
      ->record(50ms);
  CHECK(page_of(metrics) == R"(# HELP open_connections Connections.
# TYPE open_connections gauge
open_connections 2
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{route="/claims"} 3
# HELP response_seconds Latencies.
# TYPE response_seconds histogram
response_seconds_bucket{le="0.1"} 1
response_seconds_bucket{le="1"} 1
response_seconds_bucket{le="+Inf"} 1
response_seconds_sum 0.05
response_seconds_count 1
)");
}

TEST_CASE("declaring a family again gives the same one") {
  hasten::registry metrics;
  const auto first = metrics.counters("requests_total", "Requests.", {"route"});
  CHECK(metrics.counters("requests_total", "Requests.", {"route"}) == first);
}

TEST_CASE("declaring a family again in another shape is refused") {
  using Catch::Matchers::Message;
  hasten::registry metrics;
  static_cast<void>(metrics.histograms("wait_seconds", "Waits.", {"pool"}));
  const auto refused = Message("registry: wait_seconds exists with another shape");
  CHECK_THROWS_MATCHES(metrics.histograms("wait_seconds", "Waits."), std::invalid_argument, refused);
  CHECK_THROWS_MATCHES(metrics.gauges("wait_seconds", "Waits.", {"pool"}), std::invalid_argument, refused);
  CHECK_THROWS_MATCHES(metrics.histograms("wait_seconds", "Waits.", {"pool"}, hasten::bucket_bounds({1})),
                       std::invalid_argument, refused);
}

TEST_CASE("collectors are asked when the page is made") {
  hasten::registry metrics;
  int asked = 0;
  metrics.add_collector([&](hasten::metric_sink& sink) {
    sink.begin({"cache_entries", "Entries.", hasten::metric_type::gauge});
    sink.level(hasten::label_set{{"cache", "claims"}}, ++asked);
  });
  CHECK(page_of(metrics).ends_with("cache_entries{cache=\"claims\"} 1\n"));
  CHECK(page_of(metrics).ends_with("cache_entries{cache=\"claims\"} 2\n"));
}

TEST_CASE("a collector that throws costs its own figures only, and is counted") {
  hasten::registry metrics;
  metrics.counters("requests_total", "Requests.")->with()->add();
  metrics.add_collector([](hasten::metric_sink&) { throw std::runtime_error("the pool is gone"); });
  metrics.add_collector([](hasten::metric_sink& sink) {
    sink.begin({"requests_total", "Again.", hasten::metric_type::counter});  // taken already
  });
  metrics.add_collector([](hasten::metric_sink& sink) {
    sink.begin({"open", "Open.", hasten::metric_type::gauge});
    sink.level({}, 1);
  });
  const std::string page = page_of(metrics);
  CHECK(page.find("requests_total 1\n") != std::string::npos);
  CHECK(page.ends_with("open 1\n"));
  CHECK(metrics.collector_failures() == 2);
}

TEST_CASE("caps are kept and overflows add up") {
  using Catch::Matchers::Message;
  hasten::registry metrics({.families_max = 2, .series_max = 1});
  for (const char* route : {"a", "b", "c"}) {
    metrics.counters("requests_total", "Requests.", {"route"})->with({route})->add();
    metrics.gauges("open", "Open.", {"route"})->with({route})->add(1);
  }
  CHECK(metrics.overflowed() == 4);
  CHECK_THROWS_MATCHES(metrics.gauges("closed", "Closed."), std::length_error,
                       Message("registry: there are 2 families, options allow no more"));
}

TEST_CASE("collectors are capped, and an empty one is refused") {
  using Catch::Matchers::Message;
  hasten::registry metrics({.collectors_max = 1});
  CHECK_THROWS_MATCHES(metrics.add_collector({}), std::invalid_argument,
                       Message("registry: a collector must not be empty"));
  metrics.add_collector([](hasten::metric_sink&) {});
  CHECK_THROWS_MATCHES(metrics.add_collector([](hasten::metric_sink&) {}), std::length_error,
                       Message("registry: there are 1 collectors, options allow no more"));
  CHECK_THROWS_MATCHES(hasten::registry({.collectors_max = 0}), std::invalid_argument,
                       Message("registry: collectors_max must be 1..10000, got 0"));
}

TEST_CASE("series that nobody holds any more leave the page") {
  hasten::registry metrics;
  const auto held = metrics.counters("requests_total", "Requests.", {"route"})->with({"/held"});
  metrics.counters("requests_total", "Requests.", {"route"})->with({"/gone"})->add();
  metrics.gauges("open", "Open.", {"pool"})->with({"gone"})->set(1);
  CHECK(metrics.forget_unheld() == 2);
  CHECK(page_of(metrics).find("gone") == std::string::npos);
  CHECK(page_of(metrics).find("/held") != std::string::npos);
}

TEST_CASE("names, labels and options that break a rule are refused where they are declared") {
  using Catch::Matchers::Message;
  hasten::registry metrics;
  CHECK_THROWS_AS(metrics.counters("requests", "Requests."), std::invalid_argument);
  CHECK_THROWS_AS(metrics.gauges("open", "Open.", {"le"}), std::invalid_argument);
  CHECK_THROWS_AS(metrics.gauges("open", "Open.", {"a", "a"}), std::invalid_argument);
  CHECK_THROWS_AS(metrics.histograms("wait_seconds", "Waits.", {}, hasten::bucket_bounds::seconds(),
                                     {.precision_bits = 99}),
                  std::invalid_argument);
  CHECK_THROWS_MATCHES(hasten::registry({.families_max = 0}), std::invalid_argument,
                       Message("registry: families_max must be 1..100000, got 0"));
  CHECK_THROWS_MATCHES(hasten::registry({.series_max = 0}), std::invalid_argument,
                       Message("registry: series_max must be 1..100000, got 0"));
}

TEST_CASE("a collector may throw anything") {
  hasten::registry metrics;
  metrics.add_collector([](hasten::metric_sink&) { throw 1; });
  CHECK(page_of(metrics).empty());
  CHECK(metrics.collector_failures() == 1);
}

TEST_CASE("threads that come and go count while a sampler ticks and a scraper reads, and nothing is lost") {
  constexpr int rounds = 20;
  constexpr int values = 200;
  hasten::registry metrics;
  const auto requests = metrics.counters("requests_total", "Requests.", {"route"});
  const auto latency = metrics.histograms("response_seconds", "Latencies.")->with();
  hasten::window recent;
  std::atomic<bool> done{false};
  std::jthread sampler([&] {
    for (int second = 1; !done; ++second)
      recent.tick(hasten::steady_time(std::chrono::seconds(second)), latency->snapshot());
  });
  std::jthread scraper([&] {
    while (!done) {
      static_cast<void>(page_of(metrics));
      metrics.forget_unheld();
    }
  });
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::jthread> writers;
    for (const char* route : {"/a", "/b"})
      writers.emplace_back([&, route] {
        const auto series = requests->with({route});
        for (int i = 0; i < values; ++i) {
          series->add();
          latency->record(1us);
        }
      });
  }
  done = true;
  sampler.join();
  scraper.join();
  CHECK(latency->snapshot().count() == 2 * rounds * values);
  CHECK(recent.since_start().count() <= 2 * rounds * values);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/beast/otlp_exporter.hpp>

#include "support/fake_receiver.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using hasten::otlp_exporter;
using hasten::otlp_options;

namespace {

struct running_io {
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  std::jthread thread{[this] { io.run(); }};
  ~running_io() {
    work.reset();
    io.stop();
  }
};

const hasten::wall_time start{1000s};
const hasten::steady_time zero{1s};

hasten::steady_time soon(std::chrono::nanoseconds time) { return hasten::steady_clock_source::now() + time; }

otlp_options read(const std::map<std::string, std::string, std::less<>>& variables) {
  return otlp_options::from_environment([&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

}  // namespace

TEST_CASE("metrics are exported at their interval, spans as they come, and all once more at the end") {
  fake_receiver collector([](std::size_t) { return fake_receiver::status(200, "", "{}"); });
  running_io running;
  hasten::registry metrics;
  metrics.counters("reads_total", "Reads.")->with()->add(7);
  otlp_exporter exporter(
      running.io, {.metrics_url = collector.url("/v1/metrics"), .traces_url = collector.url("/v1/traces")},
      start);
  exporter.tick(zero, start, metrics);
  CHECK(collector.wait_for(1)[0].starts_with("POST /v1/metrics "));
  exporter.tick(zero + 59s, start + 59s, metrics);
  CHECK(exporter.add({.trace_id = std::string(32, 'a'), .name = "GET /x"}));
  exporter.tick(zero + 59s, start + 59s, metrics);
  CHECK(collector.wait_for(2)[1].starts_with("POST /v1/traces "));
  exporter.stop(soon(30s), start + 60s, metrics);
  const auto all = collector.wait_for(3);
  REQUIRE(all.size() == 3);
  CHECK(all[2].find("\"asInt\":\"7\"") != std::string::npos);
  CHECK(exporter.stats().metrics.sent == 2);
  CHECK(exporter.stats().traces.sent == 1);
}

TEST_CASE(
    "a collector that hangs costs a stop no more than its deadline, and memory no more than its bound") {
  fake_receiver collector([](std::size_t) { return std::string(); });
  running_io running;
  const hasten::registry metrics;
  otlp_exporter exporter(running.io,
                         {.traces_url = collector.url("/v1/traces"), .spans_max = 2, .batch_max = 1}, start);
  CHECK(exporter.add({}));
  CHECK(exporter.add({}));
  CHECK_FALSE(exporter.add({}));
  CHECK(exporter.stats().spans_dropped == 1);
  const auto began = hasten::steady_clock_source::now();
  exporter.stop(soon(100ms), start, metrics);
  CHECK(hasten::steady_clock_source::now() - began < 10s);
  CHECK(exporter.stats().traces.dropped == 2);
}

TEST_CASE(
    "a busy collector is asked again, one that takes only a part is counted, one that refuses is not asked "
    "again") {
  fake_receiver collector([](std::size_t number) {
    if (number == 0) return fake_receiver::status(503, "Retry-After: 0\r\n");
    if (number == 1)
      return fake_receiver::status(200, "", R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}})");
    if (number == 2) return fake_receiver::status(200, "", R"({"partialSuccess":{}})");
    return fake_receiver::status(400, "", "garbage \x01");
  });
  running_io running;
  const hasten::registry metrics;
  otlp_exporter exporter(running.io, {.traces_url = collector.url("/v1/traces")}, start);
  for (std::size_t expected : {2U, 3U, 4U}) {
    exporter.add({});
    exporter.tick(zero, start, metrics);
    collector.wait_for(expected);
  }
  exporter.stop(soon(30s), start, metrics);
  const auto stats = exporter.stats();
  CHECK(stats.partial_successes == 1);
  CHECK(stats.traces.retried == 1);
  CHECK(stats.traces.sent == 2);
  CHECK(stats.traces.given_up == 1);
}

TEST_CASE("without an address nothing is exported") {
  boost::asio::io_context io;
  otlp_exporter exporter(io, {}, start);
  CHECK_FALSE(exporter.add({}));
  exporter.tick(zero, start, hasten::registry());
  CHECK_FALSE(exporter.exports_traces());
}

TEST_CASE("the variables that all know are read") {
  const auto options = read(
      {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/"},
       {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h/t"},
       {"OTEL_EXPORTER_OTLP_HEADERS", "api-key=k,x=y"},
       {"OTEL_EXPORTER_OTLP_CERTIFICATE", "/etc/ca.pem"},
       {"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"},
       {"OTEL_EXPORTER_OTLP_TIMEOUT", "2000"},
       {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"},
       {"OTEL_METRIC_EXPORT_INTERVAL", "5000"},
       {"OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment=test"},
       {"OTEL_SERVICE_NAME", "orders"}});
  CHECK(options.metrics_url == "http://127.0.0.1:4318/v1/metrics");
  CHECK(options.traces_url == "http://h/t");
  CHECK(options.headers == std::vector<hasten::http_poster::header>{{"api-key", "k"}, {"x", "y"}});
  CHECK(options.authorities_file == "/etc/ca.pem");
  CHECK(options.histograms == hasten::otlp_histograms::exponential);
  CHECK(options.timeout == 2s);
  CHECK(options.interval == 5s);
  CHECK(options.temporality == hasten::otlp_temporality::delta);
  CHECK(options.resource ==
        hasten::otlp_resource{{"deployment.environment", "test"}, {"service.name", "orders"}});
  CHECK(read({}).metrics_url.empty());
  CHECK(
      read({{"OTEL_SDK_DISABLED", "true"}, {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://h"}}).metrics_url.empty());
}

TEST_CASE("variables and options that make no sense are refused by name") {
  CHECK_THROWS_AS(read({{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}}), std::invalid_argument);
  CHECK_THROWS_AS(read({{"OTEL_EXPORTER_OTLP_TIMEOUT", "soon"}}), std::invalid_argument);
  CHECK_THROWS_AS(read({{"OTEL_EXPORTER_OTLP_HEADERS", "=x"}}), std::invalid_argument);
  CHECK_THROWS_AS(read({{"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "x"}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(read({{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "both"}}),
                  std::invalid_argument);
  boost::asio::io_context io;
  CHECK_THROWS_AS(otlp_exporter(io, {.interval = 1ms}, start), std::invalid_argument);
  CHECK_THROWS_AS(otlp_exporter(io, {.spans_max = 0}, start), std::invalid_argument);
  CHECK_THROWS_AS(otlp_exporter(io, {.batch_max = 0}, start), std::invalid_argument);
  CHECK_THROWS_AS(otlp_exporter(io, {.metrics_url = "https://h"}, start), std::invalid_argument);
}

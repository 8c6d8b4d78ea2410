// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/otlp_json.hpp>
// and what fills a message
#include <hasten/metrics/registry.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using hasten::otlp_metrics;
using hasten::otlp_temporality;

namespace {

const hasten::wall_time start{1000s};
const hasten::otlp_resource who = {{"service.name", "orders"}};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE(
    "each kind of metric is written as the protocol has it: numbers of 64 bits as text, enums as numbers") {
  hasten::registry metrics;
  metrics.counters("reads_total", "Reads.", {"route"})->with({"a \"b\""})->add(7);
  metrics.gauges("pool_idle", "Idle.")->with()->set(2.5);
  const auto waits =
      metrics.histograms("wait_seconds", "Waits.", {}, hasten::bucket_bounds({0.001, 0.1}))->with();
  waits->record(500us);
  waits->record(1s);
  otlp_metrics page(who, otlp_temporality::cumulative, start);
  page.restart(start + 5s);
  metrics.collect(page);
  const std::string text = page.finish();
  CHECK(text.starts_with(
      R"({"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},)"
      R"("scopeMetrics":[{"scope":{"name":"hasten","version":")"));
  CHECK(has(
      text,
      R"({"name":"reads","description":"Reads.","unit":"","sum":{"isMonotonic":true,"aggregationTemporality":2,)"
      R"("dataPoints":[{"attributes":[{"key":"route","value":{"stringValue":"a \"b\""}}],)"
      R"("startTimeUnixNano":"1000000000000","timeUnixNano":"1005000000000","asInt":"7"}]}})"));
  CHECK(
      has(text,
          R"("name":"pool_idle","description":"Idle.","unit":"","gauge":{"dataPoints":[{"attributes":[],)"));
  CHECK(has(text, R"("asDouble":2.5}]}})"));
  CHECK(has(text,
            R"({"name":"wait","description":"Waits.","unit":"s","histogram":{"aggregationTemporality":2,)"));
  CHECK(
      has(text, R"("count":"2","sum":1.0005,"bucketCounts":["1","0","1"],"explicitBounds":[0.001,0.1]}]}})"));
  CHECK(text.ends_with("]}]}]}"));
}

TEST_CASE("as deltas, only what was added since is sent, and gauges stay as they are") {
  hasten::registry metrics;
  const auto reads = metrics.counters("reads_total", "Reads.")->with();
  const auto idle = metrics.gauges("pool_idle", "Idle.")->with();
  const auto waits = metrics.histograms("wait_seconds", "Waits.", {}, hasten::bucket_bounds({0.1}))->with();
  otlp_metrics page(who, otlp_temporality::delta, start);
  const auto next = [&](std::chrono::seconds at) {
    page.restart(start + at);
    metrics.collect(page);
    return page.finish();
  };
  reads->add(7);
  idle->set(3);
  waits->record(1ms);
  const std::string first = next(10s);
  CHECK(has(first, "\"aggregationTemporality\":1"));
  CHECK(has(first, "\"asInt\":\"7\""));
  CHECK(has(first, "\"startTimeUnixNano\":\"1000000000000\""));
  reads->add(2);
  waits->record(2ms);
  const std::string second = next(20s);
  CHECK(has(second, "\"asInt\":\"2\""));
  CHECK(has(second, "\"count\":\"1\""));
  CHECK(has(second, "\"asDouble\":3"));
  CHECK(has(second, "\"startTimeUnixNano\":\"1010000000000\",\"timeUnixNano\":\"1020000000000\""));
  CHECK(has(next(30s), "\"asInt\":\"0\""));
}

TEST_CASE("a series without a family is a mistake") {
  otlp_metrics page(who, otlp_temporality::cumulative, start);
  CHECK_THROWS_AS(page.count({}, 1), std::invalid_argument);
}

TEST_CASE("spans are written with their ids in hexadecimal") {
  const std::vector<hasten::otlp_span> spans = {{.trace_id = std::string(32, 'a'),
                                                 .span_id = std::string(16, 'b'),
                                                 .name = "GET /orders/{id}",
                                                 .what = hasten::otlp_span::kind::server,
                                                 .began = start,
                                                 .ended = start + 1ms,
                                                 .failed = true,
                                                 .attributes = {{"http.route", "/orders/{id}"}}}};
  const std::string text = hasten::otlp_traces(spans, who);
  CHECK(has(text, R"("scopeSpans":[{"scope":)"));
  CHECK(has(text,
            R"({"traceId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","spanId":"bbbbbbbbbbbbbbbb","parentSpanId":"",)"
            R"("name":"GET /orders/{id}","kind":2,"startTimeUnixNano":"1000000000000",)"
            R"("endTimeUnixNano":"1000001000000","attributes":[{"key":"http.route",)"));
  CHECK(has(text, R"("status":{"code":2}})"));
  CHECK(text.ends_with("]}]}]}"));
}

TEST_CASE("an exemplar is sent once, with its trace") {
  hasten::histogram waits;
  waits.record(250ms);
  hasten::exemplar example{.value = 250'000'000, .at = start + 2s};
  example.trace_id_digits.fill('a');
  otlp_metrics page(who, otlp_temporality::cumulative, start);
  const auto next = [&](std::chrono::seconds at) {
    page.restart(start + at);
    page.begin({"wait_seconds", "Waits.", hasten::metric_type::histogram});
    page.exemplars(std::span(&example, 1));
    page.distribution(hasten::label_set(), waits.snapshot(), hasten::bucket_bounds({0.1}));
    return page.finish();
  };
  CHECK(has(next(5s), R"("explicitBounds":[0.1],"exemplars":[{"traceId":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",)"
                      R"("timeUnixNano":"1002000000000","asDouble":0.25}]}]}})"));
  CHECK_FALSE(has(next(10s), "exemplars"));
}

TEST_CASE("in exponential buckets a distribution needs no bounds") {
  hasten::registry metrics;
  const auto waits = metrics.histograms("wait_seconds", "Waits.")->with();
  waits->record(1s);
  waits->record(0ns);
  otlp_metrics page(who, otlp_temporality::delta, start, hasten::otlp_histograms::exponential);
  const auto next = [&](std::chrono::seconds at) {
    page.restart(start + at);
    metrics.collect(page);
    return page.finish();
  };
  const std::string first = next(5s);
  CHECK(has(first, R"("unit":"s","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{)"));
  CHECK(has(
      first,
      R"("count":"2","sum":1,"scale":4,"zeroCount":"1","positive":{"offset":-1,"bucketCounts":["1"]}}]}})"));
  CHECK_FALSE(has(first, "explicitBounds"));
  CHECK(
      has(next(10s),
          R"("count":"0","sum":0,"scale":4,"zeroCount":"0","positive":{"offset":0,"bucketCounts":[]}}]}})"));
}

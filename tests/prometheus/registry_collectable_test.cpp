// SPDX-License-Identifier: BSL-1.0
#include <hasten/prometheus/registry_collectable.hpp>
// and what it is compared with
#include <hasten/metrics/prometheus_text.hpp>

#include <catch2/catch_test_macros.hpp>
#include <httplib.h>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <sstream>
#include <string>

using namespace std::chrono_literals;

namespace {

// The lines of a page: a series by what precedes its value. Numbers are compared as numbers, bounds among them, for each
// library writes them in its own way.
std::map<std::string, double> series_of(const std::string& page) {
  std::map<std::string, double> out;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    const std::size_t blank = line.rfind(' ');
    std::string name = line.substr(0, blank);
    if (const std::size_t at = name.find("le=\""); at != std::string::npos) {
      const std::size_t end = name.find('"', at + 4);
      name.replace(at + 4, end - at - 4, std::to_string(std::stod(name.substr(at + 4, end - at - 4))));
    }
    out[name] = std::stod(line.substr(blank + 1));
  }
  return out;
}

void fill(hasten::registry& metrics) {
  metrics.counters("claims_read_total", "Claims read.\nA second line with a \\.", {"route"})
      ->with({"a \"quoted\" \\ path\nwith two lines"})
      ->add(7);
  metrics.gauges("pool_idle", "Idle sessions.")->with()->set(-0.25);
  const auto waits = metrics.histograms("wait_seconds", "Waits.", {"pool"});
  for (const auto span : {50us, 3'000us, 20'000'000us}) waits->with({"main"})->record(span);
  waits->with({"other"})->record(1ms);
  metrics.add_collector([](hasten::metric_sink& sink) {
    sink.begin({"uptime_seconds_total", "Time.", hasten::metric_type::counter});
    sink.level({}, 1.5);
  });
}

}  // namespace

TEST_CASE("what prometheus-cpp writes of a registry is what the registry's own page says") {
  hasten::registry metrics;
  fill(metrics);
  const hasten::registry_collectable shown(metrics);
  const std::string theirs = prometheus::TextSerializer().Serialize(shown.Collect());
  hasten::prometheus_text ours;
  metrics.collect(ours);
  INFO(theirs);
  CHECK(series_of(theirs) == series_of(ours.finish()));
  CHECK(series_of(theirs).size() == 3 + 2 * 22);
  // A line break in a help text stays in its line.
  CHECK(theirs.find("# HELP claims_read_total Claims read.\\nA second line with a \\\\.\n") !=
        std::string::npos);
}

TEST_CASE("an Exposer shows a registry beside what else it shows") {
  hasten::registry metrics;
  fill(metrics);
  const auto theirs = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter().Name("others_total").Help("Others.").Register(*theirs).Add({}).Increment();
  const auto ours = std::make_shared<hasten::registry_collectable>(metrics);
  prometheus::Exposer exposer("127.0.0.1:0");
  exposer.RegisterCollectable(theirs);
  exposer.RegisterCollectable(ours);
  httplib::Client client("127.0.0.1", exposer.GetListeningPorts().at(0));
  const auto page = client.Get("/metrics");
  REQUIRE(page);
  CHECK(page->body.find("others_total 1\n") != std::string::npos);
  CHECK(page->body.find("wait_seconds_count{pool=\"main\"} 3\n") != std::string::npos);
}

TEST_CASE("a family of a name that was there ends the collector that brings it, as on a page") {
  hasten::registry metrics;
  fill(metrics);
  metrics.add_collector(
      [](hasten::metric_sink& sink) { sink.begin({"pool_idle", "Again.", hasten::metric_type::gauge}); });
  const hasten::registry_collectable shown(metrics);
  CHECK(shown.Collect().size() == 4);
  CHECK(metrics.collector_failures() == 1);
}

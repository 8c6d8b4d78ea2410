// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/prometheus_text.hpp>
// and what fills a page
#include <hasten/metrics/registry.hpp>

#include <catch2/catch_get_random_seed.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using hasten::metric_description;
using hasten::metric_type;
using hasten::prometheus_text;

namespace {

const hasten::label_set none;

// Everything that could trip a reader of the format: each type, awkward texts, numbers that are none.
void fill(hasten::metric_sink& page) {
  page.begin({"claims_read_total", "Claims read.\nA second line with a \\ and a \".", metric_type::counter});
  page.count(hasten::label_set{{"route", "a \"quoted\" \\ path\nwith two lines"}}, 7);
  page.begin({"pool_idle", "Idle sessions.", metric_type::gauge});
  page.level(none, -0.25);
  page.level(hasten::label_set{{"pool", "nan"}}, std::numeric_limits<double>::quiet_NaN());
  page.level(hasten::label_set{{"pool", "inf"}}, -std::numeric_limits<double>::infinity());
  hasten::histogram latency;
  latency.record(50us);
  latency.record(3ms);
  latency.record(20s);
  page.begin({"wait_seconds", "How long callers wait.", metric_type::histogram});
  page.distribution(hasten::label_set{{"pool", "main"}}, latency.snapshot(),
                    hasten::bucket_bounds({0.0001, 0.005, 1}));
  page.distribution(none, latency.snapshot(), hasten::bucket_bounds({1}));
}

#ifdef HASTEN_PROMTOOL
// Returns: what `promtool check metrics` ends with: 0 if it can read the page and has nothing to say.
int promtool_status(const std::string& page) {
  std::FILE* const tool = popen("'" HASTEN_PROMTOOL "' check metrics", "w");
  REQUIRE(tool != nullptr);
  std::fwrite(page.data(), 1, page.size(), tool);
  return pclose(tool);
}
#endif

}  // namespace

TEST_CASE("a page in the text format is as Prometheus documents it") {
  prometheus_text page;
  fill(page);
  CHECK(page.finish() == R"(# HELP claims_read_total Claims read.\nA second line with a \\ and a ".
# TYPE claims_read_total counter
claims_read_total{route="a \"quoted\" \\ path\nwith two lines"} 7
# HELP pool_idle Idle sessions.
# TYPE pool_idle gauge
pool_idle -0.25
pool_idle{pool="nan"} NaN
pool_idle{pool="inf"} -Inf
# HELP wait_seconds How long callers wait.
# TYPE wait_seconds histogram
wait_seconds_bucket{pool="main",le="0.0001"} 1
wait_seconds_bucket{pool="main",le="0.005"} 2
wait_seconds_bucket{pool="main",le="1"} 2
wait_seconds_bucket{pool="main",le="+Inf"} 3
wait_seconds_sum{pool="main"} 20.00305
wait_seconds_count{pool="main"} 3
wait_seconds_bucket{le="1"} 2
wait_seconds_bucket{le="+Inf"} 3
wait_seconds_sum 20.00305
wait_seconds_count 3
)");
  CHECK(page.content_type() == "text/plain; version=0.0.4; charset=utf-8");
}

TEST_CASE("OpenMetrics names counters without _total, writes bounds as floats, escapes quotes, and ends") {
  prometheus_text page(prometheus_text::format::open_metrics);
  fill(page);
  const std::string& text = page.finish();
  CHECK(text.find("# TYPE claims_read counter\n") != std::string::npos);
  CHECK(text.find("# HELP claims_read Claims read.\\nA second line with a \\\\ and a \\\".\n") !=
        std::string::npos);
  CHECK(text.find("\nclaims_read_total{route=") != std::string::npos);
  CHECK(text.find("le=\"1.0\"} 2\n") != std::string::npos);
  CHECK(text.ends_with("\n# EOF\n"));
  CHECK(page.finish().find("# EOF\n") == text.size() - 6);
  CHECK(page.content_type() == "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

TEST_CASE("OpenMetrics shows the latest exemplar of each bucket, the text format none") {
  hasten::histogram latency;
  latency.record(50us);
  latency.record(2s);
  const auto example = [](std::uint64_t value, char digit, hasten::wall_time at) {
    hasten::exemplar made{.value = value, .at = at};
    made.trace_id_digits.fill(digit);
    return made;
  };
  const std::vector<hasten::exemplar> examples = {
      example(40'000, 'a', hasten::wall_time(1'700'000'000'500ms)),
      example(50'000, 'b', hasten::wall_time(1'700'000'001s)),
      example(2'000'000'000, 'c', hasten::wall_time(1'700'000'002s))};
  const auto write = [&](prometheus_text& page) {
    page.begin({"wait_seconds", "How long callers wait.", metric_type::histogram});
    page.exemplars(examples);
    for (int series = 0; series < 2; ++series)
      page.distribution(hasten::label_set{{"pool", std::to_string(series)}}, latency.snapshot(),
                        hasten::bucket_bounds({0.0001, 1}));
    return page.finish();
  };
  prometheus_text page(prometheus_text::format::open_metrics);
  CHECK(write(page) == R"(# HELP wait_seconds How long callers wait.
# TYPE wait_seconds histogram
wait_seconds_bucket{pool="0",le="0.0001"} 1 # {trace_id="bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"} 5e-05 1700000001
wait_seconds_bucket{pool="0",le="1.0"} 1
wait_seconds_bucket{pool="0",le="+Inf"} 2 # {trace_id="cccccccccccccccccccccccccccccccc"} 2 1700000002
wait_seconds_sum{pool="0"} 2.00005
wait_seconds_count{pool="0"} 2
wait_seconds_bucket{pool="1",le="0.0001"} 1
wait_seconds_bucket{pool="1",le="1.0"} 1
wait_seconds_bucket{pool="1",le="+Inf"} 2
wait_seconds_sum{pool="1"} 2.00005
wait_seconds_count{pool="1"} 2
# EOF
)");
  prometheus_text plain;
  CHECK(write(plain).find("trace_id") == std::string::npos);
}

TEST_CASE("OpenMetrics is for those who ask for it") {
  using format = prometheus_text::format;
  CHECK(prometheus_text::accepted("") == format::text);
  CHECK(prometheus_text::accepted("text/plain;version=0.0.4,*/*;q=0.1") == format::text);
  CHECK(prometheus_text::accepted("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2") ==
        format::open_metrics);
}

TEST_CASE("a cleared page begins anew") {
  prometheus_text first;
  fill(first);
  prometheus_text again;
  fill(again);
  static_cast<void>(again.finish());
  again.clear();
  fill(again);
  CHECK(again.finish() == first.finish());
}

TEST_CASE("a family is not written twice") {
  prometheus_text page;
  page.begin({"pool_idle", "Idle sessions.", metric_type::gauge});
  CHECK_THROWS_AS(page.begin({"pool_idle", "Idle sessions.", metric_type::gauge}), std::invalid_argument);
}

TEST_CASE("promtool finds nothing to complain about") {
#ifdef HASTEN_PROMTOOL
  prometheus_text page;
  fill(page);
  CHECK(promtool_status(page.finish()) == 0);
#else
  SKIP("promtool is not installed");
#endif
}

TEST_CASE("promtool reads whatever texts labels and help are made of") {
#ifdef HASTEN_PROMTOOL
  const auto seed = Catch::getSeed();
  std::mt19937 random(seed);
  // What formats trip over: their own marks, line ends, control characters, texts of several bytes, and bytes that are none.
  const std::vector<std::string> pieces = {
      "\\",     "\"",         "\n",   "\r",      "\t",   "{",    "}",        "=",
      ",",      "#",          " ",    "# EOF\n", "\\n",  "a",    "7",        "\u00e9",
      "\u20ac", "\U0001F600", "\x01", "\x7f",    "\xff", "\xc3", "\xe2\x82", std::string(1, '\0')};
  const auto text = [&] {
    std::string out;
    for (auto left = random() % 12; left > 0; --left) out += pieces[random() % pieces.size()];
    return out;
  };
  prometheus_text page;
  for (int family = 0; family < 200; ++family) {
    page.begin({"family_" + std::to_string(family), "Help " + text(), metric_type::gauge});
    for (int series = 0; series < 5; ++series)
      page.level(hasten::label_set{{"number", std::to_string(series)}, {"text", text()}}, 1);
  }
  INFO("seed " << seed);
  CHECK(promtool_status(page.finish()) == 0);
#else
  SKIP("promtool is not installed");
#endif
}

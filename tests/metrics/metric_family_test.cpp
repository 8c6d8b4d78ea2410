// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/metric_family.hpp>
// and what shows a family
#include <hasten/metrics/prometheus_text.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

hasten::metric_family<hasten::counter> requests(std::size_t series_max) {
  return {{"requests_total", "Requests.", hasten::metric_type::counter},
          {"route", "status"},
          series_max,
          [] { return std::make_shared<hasten::counter>(); },
          hasten::bucket_bounds::seconds()};
}

}  // namespace

TEST_CASE("the same values give the same series") {
  auto family = requests(10);
  const auto first = family.with({"/claims", "2xx"});
  first->add(2);
  family.with({"/claims", "2xx"})->add();
  family.with({"/claims", "5xx"})->add();
  CHECK(first->value() == 3);
  CHECK(family.series_count() == 2);

  hasten::prometheus_text page;
  family.collect(page);
  CHECK(
      page.finish().ends_with("requests_total{route=\"/claims\",status=\"2xx\"} 3\n"
                              "requests_total{route=\"/claims\",status=\"5xx\"} 1\n"));
}

TEST_CASE("beyond the cap all share the overflow series, and that is told") {
  auto family = requests(2);
  static_cast<void>(family.with({"a", ""}));
  static_cast<void>(family.with({"b", ""}));
  CHECK(family.overflowed() == 0);
  const auto third = family.with({"c", ""});
  const auto fourth = family.with({"d", ""});
  CHECK(third == fourth);
  third->add(5);
  CHECK(family.overflowed() == 2);
  CHECK(family.series_count() == 2);
  CHECK(family.with({"a", ""}) != third);

  hasten::prometheus_text page;
  family.collect(page);
  CHECK(page.finish().ends_with("requests_total{otel_metric_overflow=\"true\"} 5\n"));
}

TEST_CASE("series that nobody holds can be forgotten, those in use stay") {
  auto family = requests(2);
  const auto held = family.with({"held", ""});
  family.with({"dropped", ""})->add();
  CHECK(family.forget_unheld() == 1);
  CHECK(family.series_count() == 1);
  CHECK(family.with({"held", ""}) == held);
  CHECK(family.with({"dropped", ""})->value() == 0);
}

TEST_CASE("values must match the names") {
  using Catch::Matchers::Message;
  auto family = requests(2);
  CHECK_THROWS_MATCHES(family.with({"a"}), std::invalid_argument,
                       Message("metric_family: requests_total has 2 labels, got 1 values"));
  CHECK_THROWS_AS(family.with({"a", std::string(300, 'x')}), std::invalid_argument);
  CHECK(family.series_count() == 0);
}

TEST_CASE("threads find, count and read series at once") {
  auto family = requests(4);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t)
      threads.emplace_back([&family, t] {
        for (int i = 0; i < 200; ++i) family.with({std::to_string((i + t) % 6), ""})->add();
      });
    for (int i = 0; i < 20; ++i) {
      hasten::prometheus_text page;
      family.collect(page);
    }
  }
  std::uint64_t total = 0;
  struct adding final : hasten::metric_sink {
    std::uint64_t* into;
    explicit adding(std::uint64_t* where) : into(where) {}
    void begin(const hasten::metric_description&) override {}
    void count(const hasten::label_set&, std::uint64_t value) override { *into += value; }
    void level(const hasten::label_set&, double) override {}
    void distribution(const hasten::label_set&, const hasten::histogram_snapshot&,
                      const hasten::bucket_bounds&) override {}
  } sink(&total);
  family.collect(sink);
  CHECK(total == 600);
}

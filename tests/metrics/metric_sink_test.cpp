// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/metric_sink.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <stdexcept>
#include <string>
#include <vector>

using hasten::bucket_bounds;
using hasten::metric_description;
using hasten::metric_type;

TEST_CASE("a description keeps what it was given") {
  const metric_description family("cache_requests_total", "Look-ups.", metric_type::counter);
  CHECK(family.name() == "cache_requests_total");
  CHECK(family.help() == "Look-ups.");
  CHECK(family.type() == metric_type::counter);
}

TEST_CASE("names that a linter would complain about are refused, with the rule") {
  using Catch::Matchers::Message;
  const auto refused = [](const char* name, metric_type type, const char* rule) {
    CHECK_THROWS_MATCHES(metric_description(name, "Help.", type), std::invalid_argument,
                         Message("metric_description: the name \"" + std::string(name) + "\" " + rule));
  };
  refused("requests", metric_type::counter, "is a counter and must end in _total");
  refused("open_total", metric_type::gauge, "is no counter and must not end in _total");
  refused("thread_count", metric_type::gauge, "must not end in _count, _sum or _bucket");
  refused("wait_ms", metric_type::histogram, "must be in base units: seconds, bytes");
  refused("camelCase", metric_type::gauge,
          "must be lower-case letters, digits and single leading underscores");
  CHECK_THROWS_MATCHES(metric_description("open", "", metric_type::gauge), std::invalid_argument,
                       Message("metric_description: the name \"open\" needs a help text"));
}

TEST_CASE("bounds are told in the exposed unit and in the recorded one") {
  const bucket_bounds bounds({0.0001, 2.5});
  CHECK(bounds.recorded()[0] == 100'000);
  CHECK(bounds.recorded()[1] == 2'500'000'000);
  CHECK(bounds.texts()[0] == "0.0001");
  CHECK(bounds.texts()[1] == "2.5");
  CHECK(bucket_bounds({1e-12}, 1e15).texts()[0] == "1e-12");
  CHECK(bucket_bounds({16, 1024}, 1).recorded()[1] == 1024);
  CHECK(bucket_bounds::seconds().exposed().size() == 19);
  CHECK(bucket_bounds::seconds() == bucket_bounds::seconds());
}

TEST_CASE("bounds that do not ascend above zero are refused") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(bucket_bounds({}), std::invalid_argument,
                       Message("bucket_bounds: bounds must be 1..200, got 0"));
  CHECK_THROWS_AS(bucket_bounds({1, 1}), std::invalid_argument);
  CHECK_THROWS_AS(bucket_bounds({2, 1}), std::invalid_argument);
  CHECK_THROWS_AS(bucket_bounds({-1, 1}), std::invalid_argument);
  CHECK_THROWS_AS(bucket_bounds({1e300}), std::invalid_argument);
  CHECK_THROWS_AS(bucket_bounds({1}, 0), std::invalid_argument);
}

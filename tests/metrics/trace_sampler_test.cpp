// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/trace_sampler.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <random>
#include <stdexcept>

using namespace std::chrono_literals;
using sampler = hasten::trace_sampler<hasten::manual_clock>;

TEST_CASE("what the caller records, what failed and what was slow is kept, the rest is drawn") {
  sampler never({.ratio = 0, .slow = 100ms});
  CHECK_FALSE(never.keeps({.took = 99ms}));
  CHECK(never.keeps({.took = 100ms}));
  CHECK(never.keeps({.failed = true}));
  CHECK(never.keeps({.sampled_by_caller = true}));

  hasten::manual_clock clock;
  sampler some({.ratio = 0.25, .per_second = 1'000'000}, clock);
  std::mt19937_64 random(1);
  int kept = 0;
  for (int i = 0; i < 10'000; ++i) kept += some.keeps({.draw = random()}) ? 1 : 0;
  CHECK(kept > 2300);
  CHECK(kept < 2700);
  sampler always({.ratio = 1});
  CHECK(always.keeps({.draw = ~std::uint64_t{0}}));
}

TEST_CASE("no more are kept in a second than allowed, whatever callers wish") {
  hasten::manual_clock clock;
  sampler few({.per_second = 2}, clock);
  int kept = 0;
  for (int i = 0; i < 10; ++i) kept += few.keeps({.sampled_by_caller = true}) ? 1 : 0;
  CHECK(kept == 2);
  clock.advance(1s);
  CHECK(few.keeps({.failed = true}));
}

TEST_CASE("options of a trace_sampler out of range are refused") {
  CHECK_THROWS_AS(sampler({.ratio = 1.1}), std::invalid_argument);
  CHECK_THROWS_AS(sampler({.slow = -1ns}), std::invalid_argument);
  CHECK_THROWS_AS(sampler({.per_second = 0}), std::invalid_argument);
}

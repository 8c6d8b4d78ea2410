// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/backoff.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>

using namespace std::chrono_literals;
using hasten::backoff;

TEST_CASE("delays grow by the factor up to the cap") {
  const backoff delays({.first = 100ms, .most = 1s, .factor = 2.0});
  CHECK(delays.longest_after(0) == 0ns);
  CHECK(delays.longest_after(1) == 100ms);
  CHECK(delays.longest_after(2) == 200ms);
  CHECK(delays.longest_after(4) == 800ms);
  CHECK(delays.longest_after(5) == 1s);
}

TEST_CASE("any number of failures stays at the cap") {
  const backoff delays({.first = 1ns, .most = std::chrono::hours(24 * 30), .factor = 100.0});
  CHECK(delays.longest_after(1'000'000) == std::chrono::hours(24 * 30));
  CHECK(delays.longest_after(std::numeric_limits<std::uint64_t>::max()) == std::chrono::hours(24 * 30));
}

TEST_CASE("jitter takes away at most its share, and spreads over all of it") {
  const backoff delays({.first = 1s, .most = 1min, .jitter = 0.5});
  std::mt19937_64 random(7);
  auto shortest = std::chrono::nanoseconds(1h);
  auto longest = 0ns;
  for (int i = 0; i < 1'000; ++i) {
    const auto delay = delays.after(3, random);
    REQUIRE(delay >= 2s);
    REQUIRE(delay <= 4s);
    shortest = std::min(shortest, delay);
    longest = std::max(longest, delay);
  }
  CHECK(shortest < 2100ms);
  CHECK(longest > 3900ms);
}

TEST_CASE("without jitter the delay is always the longest") {
  const backoff delays({.first = 10ms, .most = 1s, .jitter = 0.0});
  std::mt19937_64 random(7);
  CHECK(delays.after(3, random) == 40ms);
  CHECK(delays.after(0, random) == 0ns);
}

TEST_CASE("full jitter may give any delay down to none") {
  const backoff delays({.first = 3ns, .most = 1s, .factor = 1.0, .jitter = 1.0});
  std::mt19937_64 random(7);
  bool was_none = false;
  for (int i = 0; i < 100; ++i) was_none = was_none || delays.after(1, random) == 0ns;
  CHECK(was_none);
}

TEST_CASE("backoff options out of range are refused by name, value and range") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(backoff({.first = 0ns}), std::invalid_argument,
                       Message("backoff: first must be 1 ns..most, got 0 ns"));
  CHECK_THROWS_AS(backoff({.first = 2s, .most = 1s}), std::invalid_argument);
  CHECK_THROWS_MATCHES(backoff({.most = 0ns}), std::invalid_argument,
                       Message("backoff: most must be 1..2592000000000000 ns, got 0"));
  CHECK_THROWS_AS(backoff({.most = std::chrono::hours(24 * 31)}), std::invalid_argument);
  CHECK_THROWS_MATCHES(backoff({.factor = 0.5}), std::invalid_argument,
                       Message("backoff: factor must be 1..100, got 0.500000"));
  CHECK_THROWS_AS(backoff({.factor = std::numeric_limits<double>::quiet_NaN()}), std::invalid_argument);
  CHECK_THROWS_MATCHES(backoff({.jitter = 1.5}), std::invalid_argument,
                       Message("backoff: jitter must be 0..1, got 1.500000"));
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/retry_policy.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <chrono>
#include <random>
#include <stdexcept>

using namespace std::chrono_literals;
using hasten::retry_policy;

TEST_CASE("attempts are bounded, the first one included") {
  const retry_policy policy({.attempts_max = 3, .delays = {.first = 10ms, .jitter = 0.0}});
  std::mt19937_64 random(1);
  CHECK(policy.next_after(1, 0ns, random) == 10ms);
  CHECK(policy.next_after(2, 0ns, random) == 20ms);
  CHECK_FALSE(policy.next_after(3, 0ns, random));
  CHECK_FALSE(policy.next_after(4, 0ns, random));
  CHECK(policy.attempts_max() == 3);
}

TEST_CASE("a policy of one attempt never tries again") {
  const retry_policy policy({.attempts_max = 1});
  std::mt19937_64 random(1);
  CHECK_FALSE(policy.next_after(1, 0ns, random));
}

TEST_CASE("no attempt begins after the time is up") {
  const retry_policy policy({.attempts_max = 100, .time_max = 1s, .delays = {.first = 100ms, .jitter = 0.0}});
  std::mt19937_64 random(1);
  CHECK(policy.next_after(1, 900ms, random) == 100ms);
  CHECK_FALSE(policy.next_after(1, 901ms, random));
  CHECK_FALSE(policy.next_after(1, std::chrono::nanoseconds::max(), random));
}

TEST_CASE("retry options out of range are refused by name, value and range") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(retry_policy({.attempts_max = 0}), std::invalid_argument,
                       Message("retry_policy: attempts_max must be 1..1000, got 0"));
  CHECK_THROWS_AS(retry_policy({.attempts_max = 1001}), std::invalid_argument);
  CHECK_THROWS_MATCHES(retry_policy({.time_max = -1ns}), std::invalid_argument,
                       Message("retry_policy: time_max must be 0 ns or more, got -1"));
  CHECK_THROWS_AS(retry_policy({.delays = {.factor = 0.0}}), std::invalid_argument);
}

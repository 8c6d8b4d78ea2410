// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/rate_limiter.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using hasten::manual_clock;
using limiter = hasten::rate_limiter<manual_clock>;

TEST_CASE("a burst is allowed at once, and then as many as the rate says") {
  manual_clock clock;
  limiter limits({.per_second = 10, .burst = 3}, clock);
  CHECK(limits.ask(1).remaining == 2);
  CHECK(limits.ask(1).remaining == 1);
  CHECK(limits.ask(1).remaining == 0);
  const auto refused = limits.ask(1);
  CHECK_FALSE(refused.allowed);
  CHECK(refused.remaining == 0);
  CHECK(refused.retry_after == 100ms);
  CHECK(refused.full_after == 300ms);
  clock.advance(99ms);
  CHECK(limits.ask(1).retry_after == 1ms);
  clock.advance(1ms);
  CHECK(limits.ask(1).allowed);
  CHECK_FALSE(limits.ask(1).allowed);
}

TEST_CASE("a refused request costs nothing, and a pause gives the burst back and no more") {
  manual_clock clock;
  limiter limits({.per_second = 10, .burst = 2}, clock);
  for (int round = 0; round < 50; ++round) limits.ask(7);
  clock.advance(100ms);
  CHECK(limits.ask(7).allowed);
  CHECK_FALSE(limits.ask(7).allowed);
  clock.advance(1h);
  CHECK(limits.ask(7).allowed);
  CHECK(limits.ask(7).allowed);
  CHECK_FALSE(limits.ask(7).allowed);
}

TEST_CASE("another rate holds from now on, and what was asked before still counts") {
  manual_clock clock;
  limiter limits({.per_second = 10, .burst = 2}, clock);
  CHECK(limits.ask(1).allowed);
  CHECK(limits.ask(1).allowed);
  limits.change({.per_second = 1, .burst = 1});
  CHECK(limits.limits().per_second == 1);
  CHECK(limits.limits().burst == 1);
  CHECK(limits.ask(1).retry_after == 200ms);
  clock.advance(200ms);
  CHECK(limits.ask(1).allowed);
  CHECK(limits.ask(1).retry_after == 1s);
  CHECK_THROWS_AS(limits.change({.per_second = 0, .burst = 5}), std::invalid_argument);
  CHECK(limits.limits().burst == 1);
}

TEST_CASE("over a long time a caller gets its rate, however it asks") {
  manual_clock clock;
  limiter limits({.per_second = 100, .burst = 5}, clock);
  int allowed = 0;
  for (int step = 0; step < 10'000; ++step, clock.advance(1ms)) allowed += limits.ask(3).allowed ? 1 : 0;
  CHECK(allowed >= 1'000);
  CHECK(allowed <= 1'005);
}

TEST_CASE("callers do not pay for one another") {
  manual_clock clock;
  limiter limits({.per_second = 1, .burst = 1, .keys_max = 4'096}, clock);
  for (std::uint64_t key = 0; key < 500; ++key) CHECK(limits.ask(key).allowed);
  int refused = 0;
  for (std::uint64_t key = 0; key < 500; ++key) refused += limits.ask(key).allowed ? 0 : 1;
  CHECK(refused == 500);
}

TEST_CASE("more callers than places are forgotten early, and nothing grows") {
  manual_clock clock;
  limiter limits({.per_second = 1, .burst = 1, .keys_max = 8}, clock);
  for (std::uint64_t key = 1; key <= 1'000; ++key) CHECK(limits.ask(key).allowed);
}

TEST_CASE("threads that share a caller share its burst") {
  manual_clock clock;
  limiter limits({.per_second = 1, .burst = 1'000}, clock);
  std::atomic<int> allowed = 0;
  std::vector<std::thread> threads;
  for (int at = 0; at < 4; ++at)
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) allowed += limits.ask(9).allowed ? 1 : 0;
    });
  for (std::thread& each : threads) each.join();
  CHECK(allowed == 1'000);
}

TEST_CASE("limits out of range are refused by name") {
  const auto said = [](limiter::options chosen) {
    try {
      const limiter made(chosen);
    } catch (const std::invalid_argument& refused) {
      return std::string(refused.what());
    }
    return std::string();
  };
  CHECK(said({.per_second = 0}).find("per_second must be 0.001..1000000") != std::string::npos);
  CHECK(said({.burst = 0}).find("burst must be 1..1000000, got 0") != std::string::npos);
  CHECK(said({.keys_max = 7}).find("keys_max must be 8..16777216, got 7") != std::string::npos);
}

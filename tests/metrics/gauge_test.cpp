// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/gauge.hpp>

#include <catch2/catch_test_macros.hpp>

#include <latch>
#include <thread>
#include <vector>

TEST_CASE("a gauge is set, goes up and goes down") {
  hasten::gauge level;
  CHECK(level.value() == 0);
  level.set(2.5);
  level.add(-3);
  CHECK(level.value() == -0.5);
}

TEST_CASE("what threads add and take at once evens out") {
  hasten::gauge level;
  constexpr int threads = 3;
  std::latch start(threads);
  {
    std::vector<std::jthread> changing;
    for (int i = 0; i < threads; ++i)
      changing.emplace_back([&] {
        start.arrive_and_wait();
        for (int n = 0; n < 2'000; ++n) {
          level.add(1);
          level.add(-1);
        }
        level.add(1);
      });
  }
  CHECK(level.value() == threads);
}

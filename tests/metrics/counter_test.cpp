// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/counter.hpp>

#include <catch2/catch_test_macros.hpp>

#include <latch>
#include <thread>
#include <vector>

TEST_CASE("a counter adds up over threads, those that are gone included") {
  hasten::counter events;
  CHECK(events.value() == 0);
  events.add();
  events.add(41);
  constexpr int threads = 3;
  constexpr int each = 3'000;
  std::latch start(threads);
  {
    std::vector<std::jthread> adding;
    for (int i = 0; i < threads; ++i)
      adding.emplace_back([&] {
        start.arrive_and_wait();
        for (int n = 0; n < each; ++n) events.add();
      });
  }
  CHECK(events.value() == 42 + threads * each);
}

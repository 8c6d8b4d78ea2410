// SPDX-License-Identifier: BSL-1.0
#include "app/ticker.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

using claims_app::ticker;

TEST_CASE("the work is done again and again, also after it threw") {
  std::atomic<int> calls{0};
  std::atomic<int> failures{0};
  {
    const ticker runs(
        std::chrono::microseconds(100),
        [&] {
          if (++calls % 2 == 0) throw std::runtime_error("on purpose");
        },
        [&](const std::exception_ptr&) { ++failures; });
    while (failures < 3) std::this_thread::yield();
  }
  const int ended = calls;
  CHECK(ended >= 6);
  CHECK(calls == ended);
}

TEST_CASE("an end does not wait for the period") {
  const auto began = std::chrono::steady_clock::now();
  {
    const ticker idle(
        std::chrono::hours(1), [] { FAIL("called too early"); }, [](const std::exception_ptr&) {});
  }
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::minutes(1));
}

// SPDX-License-Identifier: BSL-1.0
#include "server/loop_watchdog.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;
using claims_app::loop_watchdog;

TEST_CASE("what blocks a loop no longer than it may is neither counted nor reported") {
  loop_watchdog watchdog({.limit = 20ms, .pause = 1s});
  CHECK_FALSE(watchdog.judge(0ms, hasten::steady_time{}));
  CHECK_FALSE(watchdog.judge(20ms, hasten::steady_time{} + 1h));
  CHECK(watchdog.count() == 0);
}

TEST_CASE("what blocks a loop is reported, and as often as one can read; the rest is counted") {
  loop_watchdog watchdog({.limit = 20ms, .pause = 1s});
  const hasten::steady_time begin{};
  CHECK(watchdog.judge(21ms, begin) == 0U);
  CHECK_FALSE(watchdog.judge(30ms, begin + 999ms));
  CHECK_FALSE(watchdog.judge(40ms, begin + 999ms));
  CHECK_FALSE(watchdog.judge(1ms, begin + 1s));
  CHECK(watchdog.judge(21ms, begin + 1s) == 2U);
  CHECK_FALSE(watchdog.judge(21ms, begin + 1500ms));
  CHECK(watchdog.judge(21ms, begin + 1h) == 1U);
  CHECK(watchdog.count() == 6);
}

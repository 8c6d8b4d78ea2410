// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/stage_times.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("a stage lasts until the next begins") {
  hasten::manual_clock clock;
  hasten::stage_times times;
  times.begin(0, clock.now());
  clock.advance(3ms);
  times.begin(1, clock.now());
  clock.advance(5ms);
  times.end(clock.now());
  clock.advance(9ms);
  CHECK(times.spent(0) == 3ms);
  CHECK(times.spent(1) == 5ms);
  CHECK_FALSE(times.seen(2));
}

TEST_CASE("coming back to a stage adds to it, and so does time measured elsewhere") {
  hasten::manual_clock clock;
  hasten::stage_times times;
  for (int i = 0; i < 3; ++i) {
    times.begin(4, clock.now());
    clock.advance(2ms);
    times.end(clock.now());
  }
  times.add(4, 10ms);
  times.add(5, 1ms);
  CHECK(times.spent(4) == 16ms);
  CHECK(times.spent(5) == 1ms);
}

TEST_CASE("ending without a stage does nothing, and a stage without time was still seen") {
  hasten::manual_clock clock;
  hasten::stage_times times;
  times.end(clock.now());
  times.begin(0, clock.now());
  times.end(clock.now());
  CHECK(times.seen(0));
  CHECK(times.spent(0) == 0ms);
}

TEST_CASE("a clock that was turned back takes nothing away") {
  hasten::manual_clock clock;
  hasten::stage_times times;
  times.begin(0, clock.now());
  clock.advance(-5ms);
  times.end(clock.now());
  times.add(0, -1s);
  CHECK(times.spent(0) == 0ms);
}

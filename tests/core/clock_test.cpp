// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/clock.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("a manual clock stands still until it is moved") {
  hasten::manual_clock clock;
  const auto start = clock.now();
  CHECK(clock.now() == start);
  clock.advance(90s);
  CHECK(clock.now() - start == 90s);
}

TEST_CASE("copies of a manual clock share one hand") {
  hasten::manual_clock clock;
  const hasten::manual_clock copy = clock;
  clock.advance(5ms);
  CHECK(copy.now() == clock.now());
}

TEST_CASE("a manual clock can be turned back, as a faulty clock would") {
  hasten::manual_clock clock;
  const auto start = clock.now();
  clock.advance(-1ns);
  CHECK(clock.now() < start);
}

TEST_CASE("a moved-from manual clock still tells the time") {
  hasten::manual_clock clock;
  const hasten::manual_clock heir = std::move(clock);
  CHECK(clock.now() == heir.now());  // NOLINT(bugprone-use-after-move): that is the promise
}

TEST_CASE("the steady clock never runs backwards") {
  const auto first = hasten::steady_clock_source::now();
  CHECK(hasten::steady_clock_source::now() >= first);
}

TEST_CASE("a manual wall clock moves only when told to, and for all its copies") {
  const hasten::manual_wall_clock clock;
  hasten::manual_wall_clock copy = clock;
  const hasten::wall_time before = clock.now();
  copy.advance(std::chrono::hours(1));
  CHECK(clock.now() - before == std::chrono::hours(1));
  copy.advance(-std::chrono::hours(2));
  CHECK(clock.now() - before == -std::chrono::hours(1));
}

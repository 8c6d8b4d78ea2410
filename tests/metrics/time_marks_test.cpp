// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/time_marks.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;

namespace {

// Ticks once a second with a quantity that grows by one each second.
struct ticking {
  hasten::manual_clock clock;
  hasten::time_marks<std::int64_t> marks;
  std::int64_t quantity = 0;

  explicit ticking(std::chrono::seconds time = 0s) {
    marks.tick(clock.now(), quantity);
    run(time);
  }
  void run(std::chrono::seconds time) {
    for (auto second = 0s; second < time; second += 1s) {
      clock.advance(1s);
      marks.tick(clock.now(), ++quantity);
    }
  }
};

}  // namespace

TEST_CASE("nothing is known before the second tick") {
  hasten::time_marks<int> marks;
  CHECK_FALSE(marks.last(1s));
  CHECK_FALSE(marks.latest());
  marks.tick(hasten::steady_time(1s), 5);
  CHECK_FALSE(marks.last(1s));
  CHECK(marks.latest() == 5);
}

TEST_CASE("within the last minute a window is exact to the second") {
  const ticking run(10min);
  for (const auto window : {1s, 10s, 59s, 60s}) {
    const auto span = run.marks.last(window);
    REQUIRE(span);
    CHECK(span->covered == window);
    CHECK(span->now - span->then == window.count());
  }
}

TEST_CASE("a longer window covers at least what was asked, and says how much") {
  const ticking run(3h);
  const auto five = run.marks.last(5min);
  REQUIRE(five);
  CHECK(five->covered >= 5min);
  CHECK(five->covered < 6min);
  CHECK(std::chrono::seconds(five->now - five->then) == five->covered);
  const auto hour = run.marks.last(1h);
  REQUIRE(hour);
  CHECK(hour->covered >= 1h);
  CHECK(hour->covered <= 2h);
}

TEST_CASE("a window longer than what is known covers all that is known") {
  const ticking run(90s);
  const auto hour = run.marks.last(1h);
  REQUIRE(hour);
  CHECK(hour->covered == 90s);
  CHECK(hour->then == 0);
}

TEST_CASE("ticks that come early or often do not shorten what is kept") {
  hasten::manual_clock clock;
  hasten::time_marks<int> marks;
  for (int i = 0; i < 4 * 120; ++i) {
    marks.tick(clock.now(), i);
    clock.advance(250ms);
  }
  const auto minute = marks.last(59s);
  REQUIRE(minute);
  CHECK(minute->covered >= 59s);
  CHECK(minute->covered < 61s);
}

TEST_CASE("after a pause the window tells the time it really covers") {
  ticking run(30s);
  run.clock.advance(5s);
  run.marks.tick(run.clock.now(), run.quantity + 100);
  const auto second = run.marks.last(1s);
  REQUIRE(second);
  CHECK(second->covered == 5s);
  CHECK(second->now - second->then == 100);
}

TEST_CASE("a tick that is not later is ignored") {
  hasten::time_marks<int> marks;
  marks.tick(hasten::steady_time(10s), 1);
  marks.tick(hasten::steady_time(12s), 2);
  marks.tick(hasten::steady_time(12s), 99);
  marks.tick(hasten::steady_time(3s), 99);
  CHECK(marks.latest() == 2);
  CHECK(marks.last(1s)->covered == 2s);
}

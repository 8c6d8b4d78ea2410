// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/window.hpp>
// and what makes snapshots
#include <hasten/metrics/histogram.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

using namespace std::chrono_literals;

TEST_CASE("a window holds what was recorded in its time, and nothing older") {
  hasten::manual_clock clock;
  hasten::histogram latency;
  hasten::window recent;
  recent.tick(clock.now(), latency.snapshot());
  for (int second = 0; second < 120; ++second) {
    for (int i = 0; i < 10; ++i) latency.record(second < 90 ? 1ms : 100ms);  // it becomes slow for 30 s
    clock.advance(1s);
    recent.tick(clock.now(), latency.snapshot());
  }
  const auto ten = recent.last(10s);
  CHECK(ten.covered == 10s);
  CHECK(ten.values.count() == 100);
  CHECK(ten.per_second() == 10.0);
  CHECK(ten.values.quantile(0.5) > 98'000'000);

  const auto minute = recent.last(1min);
  CHECK(minute.values.count() == 600);
  CHECK(minute.values.quantile(0.49) < 1'020'000);
  CHECK(minute.values.quantile(0.51) > 98'000'000);
  CHECK(recent.since_start().count() == 1200);
}

TEST_CASE("the largest value of a window is not that of the past") {
  hasten::manual_clock clock;
  hasten::histogram latency;
  hasten::window recent;
  latency.record(10s);
  recent.tick(clock.now(), latency.snapshot());
  latency.record(2ms);
  clock.advance(1s);
  recent.tick(clock.now(), latency.snapshot());
  CHECK(recent.last(1s).values.max() < 2'040'000);
  CHECK(recent.since_start().max() == 10'000'000'000);
}

TEST_CASE("a window that was never ticked, or once, holds nothing") {
  hasten::window recent;
  CHECK(recent.last(10s).values.count() == 0);
  CHECK(recent.last(10s).per_second() == 0.0);
  CHECK(recent.since_start().count() == 0);
  hasten::histogram latency;
  latency.record(1ms);
  recent.tick(hasten::steady_time(1s), latency.snapshot());
  CHECK(recent.last(10s).values.count() == 0);
  CHECK(recent.since_start().count() == 1);
}

TEST_CASE("a window is read while it is ticked and recorded") {
  hasten::histogram latency;
  hasten::window recent;
  std::atomic<bool> done{false};
  std::jthread recorder([&] {
    while (!done) latency.record(1us);
  });
  std::jthread reader([&] {
    while (!done) {
      const auto view = recent.last(10s);
      if (view.values.count() > 0 && view.values.max() > 2000) std::abort();
    }
  });
  for (int second = 1; second <= 100; ++second)
    recent.tick(hasten::steady_time(std::chrono::seconds(second)), latency.snapshot());
  done = true;
  recorder.join();
  reader.join();
  CHECK(recent.last(10s).covered == 10s);
}

TEST_CASE("of two threads that tick one window, neither makes a figure wrong") {
  hasten::histogram latency;
  hasten::window recent;
  std::atomic<bool> done{false};
  std::atomic<int> second{0};
  std::jthread recorder([&] {
    while (!done) latency.record(1us);
  });
  const auto tick = [&] {
    for (int i = 0; i < 200; ++i) {
      const auto taken = latency.snapshot();  // perhaps before that of the other, which is ticked first
      recent.tick(hasten::steady_time(std::chrono::seconds(++second)), taken);
      static_cast<void>(recent.last(10s));
    }
  };
  std::jthread one(tick);
  std::jthread other(tick);
  one.join();
  other.join();
  done = true;
  CHECK(recent.last(1min).values.count() <= latency.snapshot().count());
}

TEST_CASE("a snapshot that is behind the one before is ignored") {
  hasten::histogram latency;
  hasten::window recent;
  const auto before = latency.snapshot();
  latency.record(1ms);
  recent.tick(hasten::steady_time(1s), latency.snapshot());
  recent.tick(hasten::steady_time(2s), before);
  CHECK(recent.since_start().count() == 1);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/single_flight.hpp>

#include "support/thread_checks.hpp"

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <latch>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {
constexpr auto long_enough = 60s;  // only ends a test that hangs
using flights = hasten::single_flight<std::string, int>;
}  // namespace

TEST_CASE("callers who want the same key at the same time share one piece of work") {
  flights shared;
  std::latch working(1);
  std::latch proceed(1);
  std::atomic<int> runs = 0;
  thread_checks expect;
  std::jthread first([&] {
    expect(shared.run("key", long_enough, [&] {
      ++runs;
      working.count_down();
      proceed.wait();
      return 7;
    }) == 7);
  });
  working.wait();
  std::atomic<int> sum = 0;
  {
    std::vector<std::jthread> others;
    for (int i = 0; i < 4; ++i) {
      const auto place = shared.join(std::string_view("key"));
      REQUIRE(!place.leads);
      others.emplace_back([&sum, place] { sum += flights::await(*place.trip, long_enough); });
    }
    proceed.count_down();
  }
  first.join();
  CHECK(runs == 1);
  CHECK(sum == 28);
  CHECK(shared.in_flight() == 0);
}

TEST_CASE("slow work for one key does not delay another") {
  flights shared;
  std::latch working(1);
  std::latch proceed(1);
  std::jthread slow([&] {
    static_cast<void>(shared.run("slow", long_enough, [&] {
      working.count_down();
      proceed.wait();
      return 1;
    }));
  });
  working.wait();
  CHECK(shared.run("quick", long_enough, [] { return 2; }) == 2);
  proceed.count_down();
}

TEST_CASE("an exception reaches the worker and everybody who waited, and the next caller tries again") {
  flights shared;
  const auto place = shared.join("key");
  REQUIRE(place.leads);
  auto waiter = std::async(std::launch::async, [&] {
    const auto mine = shared.join("key");
    return flights::await(*mine.trip, long_enough);
  });
  while (place.trip.use_count() < 3) std::this_thread::yield();  // ours, the table's, the waiter's
  shared.fail(place.trip, std::make_exception_ptr(std::runtime_error("down")));
  CHECK_THROWS_AS(waiter.get(), std::runtime_error);
  CHECK_THROWS_AS(shared.run("key", long_enough, []() -> int { throw std::runtime_error("down"); }),
                  std::runtime_error);
  CHECK(shared.run("key", long_enough, [] { return 3; }) == 3);
}

TEST_CASE("a waiter whose deadline passes gets a timeout, and the work goes on") {
  flights shared;
  const auto place = shared.join("key");
  auto waiter = std::async(std::launch::async, [&] {
    return shared.run("key", 1ms, []() -> int { throw std::logic_error("must not run"); });
  });
  try {
    static_cast<void>(waiter.get());
    FAIL("no timeout");
  } catch (const hasten::error& failure) {
    CHECK(failure.code() == hasten::errc::timeout);
  }
  CHECK(shared.settle(place.trip, 5, [] {}));
}

TEST_CASE("work that asks for its own key is refused instead of waiting for itself") {
  flights shared;
  try {
    static_cast<void>(
        shared.run("key", long_enough, [&] { return shared.run("key", long_enough, [] { return 1; }); }));
    FAIL("not refused");
  } catch (const hasten::error& failure) {
    CHECK(failure.code() == hasten::errc::recursive_load);
  }
  CHECK(shared.in_flight() == 0);
}

TEST_CASE("a forgotten key is worked on anew while the old work still serves those who wait") {
  flights shared;
  const auto old = shared.join("key");
  const auto waiting = old.trip;  // as another caller would hold it
  CHECK(shared.forget(std::string_view("key")));
  CHECK(!shared.forget("key"));
  const auto fresh = shared.join("key");
  CHECK(fresh.leads);
  bool kept = false;
  CHECK(!shared.settle(old.trip, 1, [&] { kept = true; }));
  CHECK(!kept);
  CHECK(flights::await(*waiting, long_enough) == 1);
  CHECK(shared.settle(fresh.trip, 2, [&] { kept = true; }));
  CHECK(kept);
}

TEST_CASE("forget_if forgets the keys that match and leaves the others") {
  flights shared;
  const auto a = shared.join("claims:1");
  const auto b = shared.join("claims:2");
  const auto c = shared.join("payers:1");
  CHECK(shared.forget_if([](const std::string& key) { return key.starts_with("claims:"); }) == 2);
  CHECK(shared.in_flight() == 1);
  CHECK(shared.settle(c.trip, 1, [] {}));
}

TEST_CASE("who is willing to wait for ever does, and gets the value") {
  flights shared;
  const auto place = shared.join("key");
  auto waiter = std::async(std::launch::async, [&] {
    return shared.run("key", std::chrono::nanoseconds::max(),
                      []() -> int { throw std::logic_error("must not run"); });
  });
  while (place.trip.use_count() < 3) std::this_thread::yield();  // ours, the table's, the waiter's
  shared.settle(place.trip, 5, [] {});
  CHECK(waiter.get() == 5);
}

TEST_CASE("a predicate that throws half-way forgets nothing") {
  flights shared;
  const auto a = shared.join("a");
  const auto b = shared.join("b");
  CHECK_THROWS_AS(shared.forget_if([](const std::string& key) {
    if (key == "b") throw std::runtime_error("no");
    return true;
  }),
                  std::runtime_error);
  CHECK(shared.in_flight() == 2);
  CHECK(!shared.forget("c"));
  CHECK(shared.settle(a.trip, 1, [] {}));
  CHECK(shared.settle(b.trip, 2, [] {}));
}

namespace {

/// A key that does something when it is copied.
struct busy_key {
  std::string name;
  std::function<void()> when_copied = {};

  busy_key(std::string chosen, std::function<void()> hook)
      : name(std::move(chosen)), when_copied(std::move(hook)) {}
  busy_key(const busy_key& other) : name(other.name), when_copied(other.when_copied) {
    if (when_copied) when_copied();
  }
  busy_key(busy_key&&) = default;
  busy_key& operator=(const busy_key&) = delete;
  busy_key& operator=(busy_key&&) = delete;
  ~busy_key() = default;
  friend bool operator==(const busy_key& left, const busy_key& right) { return left.name == right.name; }
};

}  // namespace

TEST_CASE("keys are copied outside the lock") {
  hasten::single_flight<busy_key, int> shared;
  const auto first = shared.join(busy_key("first", {}));
  std::future<bool> other;
  bool was_free = false;
  const busy_key second("second", [&] {
    if (other.valid()) return;
    other = std::async(std::launch::async, [&] { return shared.forget(busy_key("first", {})); });
    was_free = other.wait_for(10s) == std::future_status::ready;
  });
  CHECK(shared.run(second, long_enough, [] { return 2; }) == 2);
  CHECK(was_free);
  CHECK(other.get());
  CHECK(!shared.settle(first.trip, 1, [] {}));
}

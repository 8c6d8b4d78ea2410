// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/queue_delay_control.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <stdexcept>

using namespace std::chrono_literals;
using hasten::queue_delay_control;

namespace {

const hasten::steady_time start{1h};

}  // namespace

TEST_CASE("a burst is let through, however long some of it waits") {
  queue_delay_control control({.target = 5ms, .interval = 100ms});
  for (int round = 0; round < 10; ++round) {
    const auto now = start + round * 50ms;
    CHECK(control.admits(80ms, now));
    CHECK(control.admits(1ms, now + 1ms));  // the queue ran empty in between
  }
  CHECK_FALSE(control.is_overloaded());
}

TEST_CASE(
    "a queue that stood above the target for an interval sheds what waited more than twice the target") {
  queue_delay_control control({.target = 5ms, .interval = 100ms});
  for (auto passed = 0ms; passed < 100ms; passed += 10ms) CHECK(control.admits(40ms, start + passed));
  CHECK_FALSE(control.admits(40ms, start + 100ms));
  CHECK(control.is_overloaded());
  CHECK(control.admits(10ms, start + 110ms));  // twice the target is still fine
  CHECK_FALSE(control.admits(11ms, start + 120ms));
}

TEST_CASE("shedding ends when an interval brings the queue down to the target") {
  queue_delay_control control({.target = 5ms, .interval = 100ms});
  for (auto passed = 0ms; passed <= 100ms; passed += 10ms)
    static_cast<void>(control.admits(40ms, start + passed));
  REQUIRE(control.is_overloaded());
  CHECK(control.admits(5ms, start + 150ms));
  CHECK(control.admits(40ms, start + 200ms));
  CHECK_FALSE(control.is_overloaded());
}

TEST_CASE("a quiet time ends an overload") {
  queue_delay_control control({.target = 5ms, .interval = 100ms});
  for (auto passed = 0ms; passed <= 100ms; passed += 10ms)
    static_cast<void>(control.admits(40ms, start + passed));
  REQUIRE(control.is_overloaded());
  CHECK(control.admits(40ms, start + 1s));
}

TEST_CASE("options of the delay control out of range are refused") {
  CHECK_THROWS_MATCHES(
      queue_delay_control({.target = 1ns}), std::invalid_argument,
      Catch::Matchers::Message("queue_delay_control: target must be 1000..60000000000 ns, got 1 ns"));
  CHECK_THROWS_AS(queue_delay_control({.target = 2min, .interval = 5min}), std::invalid_argument);
  CHECK_THROWS_MATCHES(queue_delay_control({.target = 5ms, .interval = 1ms}), std::invalid_argument,
                       Catch::Matchers::Message(
                           "queue_delay_control: interval must be target..600000000000 ns, got 1000000 ns"));
  CHECK_THROWS_AS(queue_delay_control({.target = 5ms, .interval = 1h}), std::invalid_argument);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/alert.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;
using hasten::alert_no_data;
using hasten::alert_rule;
using hasten::alert_state;
using hasten::alert_when;

namespace {

// Steps an alert once in ten seconds.
struct stepping {
  hasten::alert alert;
  hasten::manual_clock clock{};

  explicit stepping(alert_rule rule) : alert(std::move(rule)) {}
  alert_state operator()(std::optional<double> value, std::uint64_t samples = 1'000) {
    clock.advance(10s);
    alert.step(clock.now(), {.value = value, .samples = samples});
    return alert.state();
  }
};

constexpr auto inactive = alert_state::inactive;
constexpr auto pending = alert_state::pending;
constexpr auto firing = alert_state::firing;

}  // namespace

TEST_CASE("without a hold an alert fires at once and ends at once") {
  stepping step({.name = "Slow", .raise = 200, .clear = 160});
  CHECK(step(200) == inactive);
  CHECK(step(201) == firing);
  CHECK(step.alert.since() == step.clock.now());
  CHECK(step.alert.value() == 201);
  CHECK(step(160) == inactive);
}

TEST_CASE("step says whether the state changed") {
  hasten::alert alert({.name = "Slow", .raise = 1, .clear = 1});
  CHECK_FALSE(alert.step(hasten::steady_time(1s), {.value = 0}));
  CHECK(alert.step(hasten::steady_time(2s), {.value = 2}));
  CHECK_FALSE(alert.step(hasten::steady_time(3s), {.value = 3}));
}

TEST_CASE("a value between clear and raise neither starts nor ends an alert") {
  stepping step({.name = "Slow", .raise = 200, .clear = 160});
  CHECK(step(180) == inactive);
  CHECK(step(250) == firing);
  CHECK(step(180) == firing);
  CHECK(step(150) == inactive);
}

TEST_CASE("with a hold the value must stay bad for so long") {
  stepping step({.name = "Slow", .raise = 200, .clear = 160, .hold = 30s});
  CHECK(step(300) == pending);
  CHECK(step(300) == pending);
  CHECK(step(100) == inactive);
  CHECK(step(300) == pending);
  CHECK(step(300) == pending);
  CHECK(step(300) == pending);
  CHECK(step(300) == firing);
}

TEST_CASE("an alert keeps firing until the value has been good for so long") {
  stepping step({.name = "Slow", .raise = 200, .clear = 160, .keep_firing = 20s});
  CHECK(step(300) == firing);
  CHECK(step(100) == firing);
  CHECK(step(100) == firing);
  CHECK(step(300) == firing);
  CHECK(step(100) == firing);
  CHECK(step(100) == firing);
  CHECK(step(100) == inactive);
}

TEST_CASE("one that comes and goes keeps firing longer each time, and recovers when it was calm") {
  stepping step({.name = "Slow", .raise = 1, .clear = 1, .keep_firing = 10s, .flap_window = 1min});
  const auto steps_until_over = [&] {
    CHECK(step(2) == firing);
    int steps = 0;
    while (step(0) == firing) ++steps;
    return steps;
  };
  CHECK(steps_until_over() == 1);
  CHECK(steps_until_over() == 2);
  CHECK(steps_until_over() == 4);
  CHECK(steps_until_over() == 8);
  CHECK(steps_until_over() == 8);
  for (int i = 0; i < 7; ++i) CHECK(step(0) == inactive);
  CHECK(steps_until_over() == 1);
}

TEST_CASE("a hit ratio is bad below its threshold") {
  stepping step({.name = "LowHitRatio", .when = alert_when::below, .raise = 0.7, .clear = 0.75});
  CHECK(step(0.9) == inactive);
  CHECK(step(0.69) == firing);
  CHECK(step(0.74) == firing);
  CHECK(step(0.75) == inactive);
}

TEST_CASE("without data, or with too few samples, a rule does as it says") {
  const auto rule = [](alert_no_data no_data) {
    return alert_rule{
        .name = "Errors", .raise = 0.01, .clear = 0.005, .samples_min = 100, .no_data = no_data};
  };
  stepping keep(rule(alert_no_data::keep));
  CHECK(keep(1.0, 99) == inactive);
  CHECK(keep(1.0, 100) == firing);
  CHECK(keep(std::nullopt) == firing);
  CHECK(keep(std::numeric_limits<double>::quiet_NaN()) == firing);
  CHECK(keep.alert.value() == 1.0);

  stepping resolve(rule(alert_no_data::resolve));
  CHECK(resolve(1.0) == firing);
  CHECK(resolve(std::nullopt) == inactive);

  stepping fire(rule(alert_no_data::fire));
  CHECK(fire(0.0) == inactive);
  CHECK(fire(std::nullopt) == firing);
}

TEST_CASE("a pending alert does not fire on the strength of missing data") {
  stepping step({.name = "Slow", .raise = 1, .clear = 1, .hold = 20s});
  CHECK(step(2) == pending);
  for (int i = 0; i < 5; ++i) CHECK(step(std::nullopt) == pending);
  CHECK(step(0) == inactive);
}

TEST_CASE("states are named as Prometheus names them") {
  STATIC_CHECK(to_string(inactive) == "inactive");
  STATIC_CHECK(to_string(pending) == "pending");
  STATIC_CHECK(to_string(firing) == "firing");
}

TEST_CASE("rules that contradict themselves are refused by name") {
  using Catch::Matchers::Message;
  const auto refused = [](alert_rule rule, const std::string& message) {
    CHECK_THROWS_MATCHES(hasten::alert(std::move(rule)), std::invalid_argument, Message(message));
  };
  refused({.name = ""}, "alert: the rule \"\" needs a name");
  refused({.name = "a", .raise = 1, .clear = 2},
          "alert: the rule \"a\" clears on the bad side of where it raises");
  refused({.name = "a", .when = alert_when::below, .raise = 2, .clear = 1},
          "alert: the rule \"a\" clears on the bad side of where it raises");
  refused({.name = "a", .raise = std::numeric_limits<double>::infinity()},
          "alert: the rule \"a\" needs finite thresholds");
  refused({.name = "a", .hold = -1s}, "alert: the rule \"a\" has a negative duration");
  refused({.name = "a", .keep_firing = std::chrono::nanoseconds::max()},
          "alert: the rule \"a\" keeps firing for more than a year");
}

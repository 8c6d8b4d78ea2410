// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/query_monitor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;
using timed_monitor = hasten::basic_query_monitor<hasten::manual_clock>;

}  // namespace

TEST_CASE("an execution is counted under its name with its duration") {
  hasten::manual_clock clock;
  timed_monitor monitor({}, clock);
  const int answer = monitor.track("orders.page", [&] {
    clock.advance(3ms);
    return 42;
  });
  monitor.track("orders.page", [&] { clock.advance(1ms); });
  CHECK(answer == 42);
  const auto all = monitor.statements();
  REQUIRE(all.size() == 1);
  CHECK(all[0].name == "orders.page");
  CHECK(all[0].calls == 2);
  CHECK(all[0].errors == 0);
  CHECK(all[0].last == 1ms);
  CHECK(all[0].latency.max() == 3'000'000);
  CHECK(all[0].latency.sum() == 4'000'000);
}

TEST_CASE("what the callable returns passes through unchanged, references and immovables included") {
  struct immovable {
    explicit immovable(int start) : value(start) {}
    immovable(const immovable&) = delete;
    immovable& operator=(const immovable&) = delete;
    int value;
  };
  hasten::query_monitor monitor;
  int target = 7;
  int& same = monitor.track("x", [&]() -> int& { return target; });
  CHECK(&same == &target);
  CHECK(monitor.track("x", [] { return immovable(5); }).value == 5);
  CHECK(*monitor.track("x", [] { return std::make_unique<int>(3); }) == 3);
  STATIC_CHECK(std::is_void_v<decltype(monitor.track("x", [] {}))>);
}

TEST_CASE("what the callable throws passes through and is counted by kind") {
  hasten::query_monitor monitor;
  CHECK_THROWS_AS(
      monitor.track("x", [] { throw hasten::query_error(hasten::query_error_kind::unique, "x"); }),
      hasten::query_error);
  CHECK_THROWS_AS(monitor.track("x", [] { throw std::runtime_error("oops"); }), std::runtime_error);
  CHECK_THROWS_AS(monitor.track("x", [] { throw 42; }), int);
  const auto all = monitor.statements();
  REQUIRE(all.size() == 1);
  CHECK(all[0].calls == 3);
  CHECK(all[0].errors == 3);
  CHECK(all[0].errors_of(hasten::query_error_kind::unique) == 1);
  CHECK(all[0].errors_of(hasten::query_error_kind::other) == 2);
}

TEST_CASE("an execution under way reports its rows") {
  hasten::query_monitor monitor;
  {
    auto call = monitor.start("x");
    call.add_rows(3);
    call.add_rows(4);
  }
  CHECK(monitor.statements().at(0).rows == 7);
  CHECK(monitor.totals().rows == 7);
}

TEST_CASE("only slow executions are reported, by name and time") {
  hasten::manual_clock clock;
  std::vector<hasten::slow_query> seen;
  timed_monitor monitor(
      {.slow_threshold = 10ms, .on_slow = [&](const hasten::slow_query& slow) { seen.push_back(slow); }},
      clock);
  monitor.track("fast", [&] { clock.advance(10ms - 1ns); });
  monitor.track("slow", [&] { clock.advance(10ms); });
  CHECK_THROWS(monitor.track("broken", [&] {
    clock.advance(20ms);
    throw std::runtime_error("oops");
  }));
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].name == "slow");
  CHECK(seen[0].duration == 10ms);
  CHECK_FALSE(seen[0].failed);
  CHECK(seen[1].name == "broken");
  CHECK(seen[1].failed);
  const auto worst = monitor.slowest().worst();
  REQUIRE(worst.size() == 2);
  CHECK(worst[0].name == "broken");
  CHECK(monitor.totals().slow == 2);
}

TEST_CASE("reports keep to their rate and the rest is counted") {
  hasten::manual_clock clock;
  int seen = 0;
  timed_monitor monitor(
      {.slow_threshold = 0ms, .on_slow = [&](const hasten::slow_query&) { ++seen; }, .reports_per_second = 2},
      clock);
  for (int round = 0; round < 5; ++round) monitor.track("x", [] {});
  CHECK(seen == 2);
  CHECK(monitor.totals().reports_suppressed == 3);
  clock.advance(1s);
  monitor.track("x", [] {});
  CHECK(seen == 3);
}

TEST_CASE("an observer that throws is counted and changes nothing") {
  hasten::query_monitor monitor({.slow_threshold = 0ms, .on_slow = [](const hasten::slow_query&) {
                                   throw std::runtime_error("observer");
                                 }});
  CHECK(monitor.track("x", [] { return 1; }) == 1);
  CHECK(monitor.totals().observer_failures == 1);
}

TEST_CASE("an observer may use the monitor") {
  hasten::query_monitor* self = nullptr;
  std::size_t statements = 0;
  hasten::query_monitor monitor({.slow_threshold = 0ms, .on_slow = [&](const hasten::slow_query&) {
                                   statements = self->statements().size();
                                 }});
  self = &monitor;
  monitor.track("x", [] {});
  CHECK(statements == 1);
}

TEST_CASE("beyond the bound the rest is counted as other") {
  hasten::query_monitor monitor({.statements_max = 2});
  for (const char* name : {"a", "b", "c", "d", "a"}) monitor.track(name, [] {});
  const auto all = monitor.statements();
  REQUIRE(all.size() == 3);
  CHECK(all[0].name == "a");
  CHECK(all[0].calls == 2);
  CHECK(all[2].name == "other");
  CHECK(all[2].calls == 2);
  CHECK(monitor.totals().overflowed == 2);
  CHECK(monitor.totals().calls == 5);
}

TEST_CASE("a name that is really called other has counters of its own") {
  hasten::query_monitor monitor({.statements_max = 1});
  monitor.track("other", [] {});
  monitor.track("b", [] {});
  CHECK(monitor.statements().size() == 2);
}

TEST_CASE("the counters of a name can be looked up once and kept") {
  hasten::query_monitor monitor;
  hasten::statement_meter& meter = monitor.meter_of("x");
  CHECK(&meter == &monitor.meter_of(std::string("x")));
  (void)monitor.start(meter);
  CHECK(monitor.statements().at(0).calls == 1);
}

TEST_CASE("options out of range are refused") {
  using monitor = hasten::query_monitor;
  CHECK_THROWS_AS(monitor({.slow_threshold = -1ns}), std::invalid_argument);
  CHECK_THROWS_AS(monitor({.statements_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(monitor({.slow_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(monitor({.reports_per_second = 0}), std::invalid_argument);
  CHECK_THROWS_AS(monitor({.precision_bits = 1}), std::invalid_argument);
}

TEST_CASE("threads that meet new names at the same time lose nothing") {
  constexpr int threads = 4;
  constexpr int rounds = 500;
  hasten::query_monitor monitor({.statements_max = 8});
  const std::vector<std::string> names{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
  std::latch start(threads);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < threads; ++caller)
    callers.emplace_back([&] {
      start.arrive_and_wait();
      for (int round = 0; round < rounds; ++round)
        monitor.track(names[static_cast<std::size_t>(round) % names.size()], [] {});
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(monitor.totals().calls == threads * rounds);
  CHECK(monitor.statements().size() == 9);
}

namespace {

using timed_monitor = hasten::basic_query_monitor<hasten::manual_clock>;

void run_for(timed_monitor& monitor, hasten::manual_clock& clock, const char* name,
             std::chrono::nanoseconds span, int times = 1) {
  for (int time = 0; time < times; ++time) monitor.track(name, [&] { clock.advance(span); });
}

}  // namespace

TEST_CASE("a statement with a threshold of its own is slow by that one alone") {
  hasten::manual_clock clock;
  timed_monitor monitor(
      {.slow_threshold = std::chrono::milliseconds(100),
       .slow_thresholds = {{"report", std::chrono::seconds(5)}, {"probe", std::chrono::microseconds(50)}}},
      clock);
  run_for(monitor, clock, "report", std::chrono::seconds(4));
  run_for(monitor, clock, "probe", std::chrono::microseconds(60));
  run_for(monitor, clock, "other one", std::chrono::milliseconds(99));
  run_for(monitor, clock, "other one", std::chrono::milliseconds(100));
  CHECK(monitor.totals().slow == 2);
  REQUIRE(monitor.slowest().worst().size() == 2);
  CHECK(monitor.slowest().worst()[1].name == "probe");
}

TEST_CASE("another threshold holds from now on for all statements that have none of their own") {
  hasten::manual_clock clock;
  timed_monitor monitor({.slow_threshold = std::chrono::milliseconds(100),
                         .slow_thresholds = {{"report", std::chrono::seconds(5)}},
                         .slow_factor = 10,
                         .adaptive_calls_min = 100},
                        clock);
  run_for(monitor, clock, "known", std::chrono::milliseconds(60), 100);
  run_for(monitor, clock, "report", std::chrono::milliseconds(60));
  CHECK(monitor.totals().slow == 0);
  monitor.set_slow_threshold(std::chrono::milliseconds(50));
  for (const char* name : {"known", "new", "report"})
    run_for(monitor, clock, name, std::chrono::milliseconds(60));
  CHECK(monitor.totals().slow == 2);
  monitor.adapt();
  run_for(monitor, clock, "known", std::chrono::milliseconds(50));
  CHECK(monitor.totals().slow == 3);
  CHECK_THROWS_AS(monitor.set_slow_threshold(std::chrono::nanoseconds(-1)), std::invalid_argument);
}

TEST_CASE("thresholds adapt to what each statement usually takes, within bounds") {
  hasten::manual_clock clock;
  std::vector<hasten::slow_query> told;
  timed_monitor monitor({.slow_threshold = std::chrono::milliseconds(100),
                         .on_slow = [&](const hasten::slow_query& slow) { told.push_back(slow); },
                         .slow_thresholds = {{"fixed", std::chrono::milliseconds(50)}},
                         .slow_factor = 10,
                         .adaptive_calls_min = 100},
                        clock);
  for (const char* name : {"fast", "fixed"})
    run_for(monitor, clock, name, std::chrono::microseconds(200), 100);
  run_for(monitor, clock, "slow", std::chrono::milliseconds(60), 100);
  run_for(monitor, clock, "tiny", std::chrono::nanoseconds(900), 100);
  run_for(monitor, clock, "rare", std::chrono::microseconds(200), 99);
  CHECK(monitor.adapt() == 3);
  for (const char* name : {"fast", "fixed", "tiny", "rare"})
    run_for(monitor, clock, name, std::chrono::microseconds(2500));
  run_for(monitor, clock, "tiny", std::chrono::microseconds(900));
  run_for(monitor, clock, "slow", std::chrono::milliseconds(100));
  std::vector<std::string> names;
  for (const auto& each : told) names.push_back(each.name);
  CHECK(names == std::vector<std::string>{"fast", "tiny", "slow"});
  CHECK(told[0].threshold > std::chrono::microseconds(1900));
  CHECK(told[0].threshold < std::chrono::microseconds(2100));
  CHECK(told[1].threshold == std::chrono::milliseconds(1));
  CHECK(told[2].threshold == std::chrono::milliseconds(100));
  CHECK(hasten::query_monitor().adapt() == 0);
}

TEST_CASE("the noisiest statement does not hide the others from who is told") {
  hasten::manual_clock clock;
  int noisy = 0;
  int quiet = 0;
  timed_monitor monitor(
      {.slow_threshold = std::chrono::nanoseconds(0),
       .on_slow = [&](const hasten::slow_query& slow) { ++(slow.name == "noisy" ? noisy : quiet); },
       .reports_per_second = 5,
       .reports_per_statement = 2},
      clock);
  run_for(monitor, clock, "noisy", std::chrono::nanoseconds(1), 100);
  run_for(monitor, clock, "quiet", std::chrono::nanoseconds(1));
  CHECK(noisy == 2);
  CHECK(quiet == 1);
  CHECK(monitor.totals().reports_suppressed == 98);
  clock.advance(std::chrono::seconds(1));
  run_for(monitor, clock, "noisy", std::chrono::nanoseconds(1));
  CHECK(noisy == 3);
}

TEST_CASE("thresholds that make no sense are refused by name") {
  using hasten::query_monitor;
  CHECK_THROWS_AS(query_monitor({.reports_per_statement = 0}), std::invalid_argument);
  CHECK_THROWS_AS(query_monitor({.slow_thresholds = {{"x", std::chrono::nanoseconds(-1)}}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(query_monitor({.slow_factor = 0.5}), std::invalid_argument);
  CHECK_THROWS_AS(query_monitor({.slow_factor = 1001}), std::invalid_argument);
  CHECK_THROWS_AS(query_monitor({.adaptive_calls_min = 99}), std::invalid_argument);
  CHECK_THROWS_AS(query_monitor({.slow_factor = 2, .adaptive_least = std::chrono::seconds(1)}),
                  std::invalid_argument);
}

TEST_CASE("an observer hears when each execution begins and ends, and how") {
  std::vector<std::string> heard;
  hasten::query_monitor monitor(
      {.observer = {.started = [&](std::string_view name) { heard.push_back("start " + std::string(name)); },
                    .finished =
                        [&](const hasten::finished_query& what) {
                          heard.push_back("end " + std::string(what.name) + (what.failed ? " " : "") +
                                          (what.failed ? name_of(what.kind) : "") + " " +
                                          std::to_string(what.rows));
                        }}});
  monitor.track("a", [] {});
  {
    auto call = monitor.start("b");
    call.add_rows(3);
  }
  CHECK_THROWS_AS(
      monitor.track("c", [] { throw hasten::query_error(hasten::query_error_kind::deadlock, "c"); }),
      hasten::query_error);
  CHECK(heard ==
        std::vector<std::string>{"start a", "end a 0", "start b", "end b 3", "start c", "end c deadlock 0"});
}

TEST_CASE("an observer that throws changes no result and is counted") {
  hasten::query_monitor monitor({.observer = {.started = [](std::string_view) { throw 1; },
                                              .finished = [](const hasten::finished_query&) { throw 2; }}});
  CHECK(monitor.track("a", [] { return 7; }) == 7);
  CHECK(monitor.totals().observer_failures == 2);
  CHECK(monitor.totals().calls == 1);
}

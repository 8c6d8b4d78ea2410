// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/response_timer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using hasten::status_class;

namespace {

struct noon {
  [[nodiscard]] static hasten::wall_time now() noexcept { return hasten::wall_time(12h); }
};
using timer_type = hasten::response_timer<hasten::manual_clock, noon>;

}  // namespace

TEST_CASE("a response is counted under its route and its class of status") {
  hasten::manual_clock clock;
  timer_type timer({.routes = {"GET /claims", "GET /claims/{id}"}}, clock);
  for (const unsigned status : {200U, 201U, 404U, 503U}) {
    auto scope = timer.start(1);
    clock.advance(4ms);
    CHECK(scope.finish(status) == 4ms);
    CHECK_FALSE(scope.is_open());
  }
  const auto taken = timer.route(1);
  CHECK(taken.route == "GET /claims/{id}");
  CHECK(taken.count() == 4);
  CHECK(taken.of(status_class::success).count() == 2);
  CHECK(taken.of(status_class::client_error).count() == 1);
  CHECK(taken.of(status_class::server_error).count() == 1);
  CHECK(taken.failed() == 1);
  CHECK(taken.answered().max() == 4'000'000);
  CHECK(timer.routes().at(0).count() == 0);
}

TEST_CASE("a scope that is dropped counts as aborted, and nothing stays in flight") {
  hasten::manual_clock clock;
  timer_type timer({.routes = {"GET /claims"}}, clock);
  try {
    auto scope = timer.start(0);
    CHECK(timer.in_flight(0) == 1);
    clock.advance(7ms);
    throw std::runtime_error("the database went away");
  } catch (const std::runtime_error&) {
    CHECK(timer.in_flight(0) == 0);
  }
  const auto taken = timer.route(0);
  CHECK(taken.in_flight == 0);
  CHECK(taken.of(status_class::aborted).count() == 1);
  CHECK(taken.of(status_class::aborted).max() == 7'000'000);
  CHECK(taken.answered().count() == 0);
  CHECK(taken.failed() == 1);
}

TEST_CASE("a scope that is moved ends once, and assigning over one aborts it") {
  hasten::manual_clock clock;
  timer_type timer({.routes = {"GET /claims"}}, clock);
  auto first = timer.start(0);
  auto second = std::move(first);
  CHECK_FALSE(first.is_open());  // NOLINT(bugprone-use-after-move): that is the promise
  CHECK(timer.in_flight(0) == 1);
  auto third = timer.start(0);
  third = std::move(second);
  CHECK(timer.route(0).of(status_class::aborted).count() == 1);
  auto& same = third;
  third = std::move(same);
  CHECK(third.is_open());
  third.finish(200);
  CHECK(timer.route(0).count() == 2);
  CHECK(timer.in_flight(0) == 0);
}

TEST_CASE("stages share the time among them, and an unknown stage is not lost") {
  hasten::manual_clock clock;
  timer_type timer({.routes = {"GET /claims"}, .stages = {"cache", "db"}}, clock);
  auto scope = timer.start(0);
  clock.advance(1ms);
  scope.stage("cache");
  clock.advance(2ms);
  scope.stage("db");
  clock.advance(30ms);
  scope.spent("queue", 5ms);
  scope.stage("cache");
  clock.advance(4ms);
  CHECK(scope.finish(200) == 37ms);

  const auto stages = timer.route(0).stages;
  REQUIRE(stages.size() == 3);
  CHECK(stages[0].name == "cache");
  CHECK(stages[0].count == 1);
  CHECK(stages[0].total == 6ms);
  CHECK(stages[1].total == 30ms);
  CHECK(stages[2].name == "other");
  CHECK(stages[2].total == 5ms);
}

TEST_CASE("the header value tells the time so far and leaves the scope as it was") {
  hasten::manual_clock clock;
  timer_type timer({.routes = {"GET /claims"}}, clock);
  auto scope = timer.start(0);
  scope.stage("db");
  clock.advance(9'800us);
  CHECK(scope.server_timing_value() == "total;dur=9.800, db;dur=9.800");
  clock.advance(200us);
  scope.finish(200);
  CHECK(timer.route(0).stages.at(2).total == 10ms);
}

TEST_CASE("readings of the clock can be handed in") {
  hasten::manual_clock clock;
  timer_type timer({.routes = {"GET /claims"}}, clock);
  const auto arrived = clock.now();
  clock.advance(1h);
  auto scope = timer.start(0, arrived);
  scope.stage("db", arrived + 1ms);
  CHECK(scope.finish(200, arrived + 3ms) == 3ms);
  CHECK(timer.route(0).stages.at(2).total == 2ms);
  auto turned_back = timer.start(0, arrived);
  CHECK(turned_back.finish(200, arrived - 1ms) == 0ms);
}

TEST_CASE("the slowest responses are remembered by route, status and stages") {
  hasten::manual_clock clock;
  timer_type timer({.routes = {"GET /claims", "POST /claims"}, .slowest = {.threshold = 100ms}}, clock);
  timer.start(0).finish(200);
  auto slow = timer.start(1);
  slow.stage("db");
  clock.advance(250ms);
  slow.finish(201);
  {
    const auto dropped = timer.start(0);
    clock.advance(100ms);
  }
  const auto worst = timer.slowest().worst();
  REQUIRE(worst.size() == 2);
  CHECK(worst[0].name == "POST /claims");
  CHECK(worst[0].duration == 250ms);
  CHECK(worst[0].at == noon::now());
  CHECK(worst[0].detail == "201 db;dur=250.000");
  CHECK(worst[1].detail == "aborted");
}

TEST_CASE("responses that start on one thread and finish on another are all counted") {
  constexpr int threads = 3;
  constexpr int each = 300;
  hasten::response_timer timer({.routes = {"GET /claims", "GET /claims/{id}"}});
  std::vector<std::vector<decltype(timer)::scope>> handed_over(threads);
  for (auto& scopes : handed_over)
    std::thread([&] {
      for (int i = 0; i < each; ++i) scopes.push_back(timer.start(static_cast<std::size_t>(i) % 2));
    }).join();
  CHECK(timer.in_flight(0) + timer.in_flight(1) == threads * each);
  std::latch start(threads);
  {
    std::vector<std::jthread> finishers;
    for (auto& scopes : handed_over)
      finishers.emplace_back([&] {
        start.arrive_and_wait();
        for (auto& scope : scopes) {
          scope.stage("write");
          scope.finish(200);
        }
      });
    for (int i = 0; i < 50; ++i) CHECK(timer.in_flight(0) <= threads * each / 2);
  }
  std::uint64_t finished = 0;
  for (const auto& route : timer.routes()) {
    CHECK(route.in_flight == 0);
    finished += route.of(status_class::success).count();
    CHECK(route.stages.at(5).count == route.count());
  }
  CHECK(finished == threads * each);
}

TEST_CASE("a response timer refuses options out of range by name") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(hasten::response_timer({.routes = {}}), std::invalid_argument,
                       Message("response_timer: routes must be 1..10000, got 0"));
  CHECK_THROWS_MATCHES(hasten::response_timer({.routes = {"/"}, .stages = std::vector<std::string>(9, "a")}),
                       std::invalid_argument, Message("response_timer: stages must be 0..8, got 9"));
  CHECK_THROWS_MATCHES(hasten::response_timer({.routes = {"/"}, .stages = {"a b"}}), std::invalid_argument,
                       Message("response_timer: a stage must be an HTTP token of 1..32 bytes, got \"a b\""));
  CHECK_THROWS_MATCHES(hasten::response_timer({.routes = {"/"}, .slowest = {.entries_max = 0}}),
                       std::invalid_argument, Message("slow_log: entries_max must be 1..10000, got 0"));
}

TEST_CASE("what is known only after the end is still added to a stage") {
  hasten::manual_clock clock;
  timer_type timer({.routes = {"GET /claims"}}, clock);
  timer.start(0).finish(200);
  timer.spent(0, "write", 3ms);
  const auto stages = timer.route(0).stages;
  CHECK(stages[5].name == "write");
  CHECK(stages[5].count == 1);
  CHECK(stages[5].total == 3ms);
}

TEST_CASE("a slow response is told with its route, status, stages and trace, and nothing else") {
  hasten::manual_clock clock;
  std::vector<std::string> told;
  timer_type timer(
      {.routes = {"GET /claims"},
       .slow = {.threshold = 100ms,
                .report =
                    [&](const hasten::slow_response& each) {
                      told.push_back(std::string(each.route) + ' ' + std::to_string(each.status) + ' ' +
                                     std::string(each.stages) + ' ' + std::string(each.trace_id));
                    }}},
      clock);
  timer.start(0).finish(200);
  {
    auto slow = timer.start(0);
    slow.trace_id("abc");
    slow.stage("db");
    clock.advance(100ms);
    slow.finish(503);
    auto dropped = timer.start(0);
    clock.advance(1s);
  }
  CHECK(told == std::vector<std::string>{"GET /claims 503 db;dur=100.000 abc", "GET /claims 0  "});
}

TEST_CASE("a response that has a trace becomes an exemplar of its route and class") {
  hasten::manual_clock clock;
  timer_type timer({.routes = {"GET /claims", "GET /claims/{id}"}}, clock);
  const std::string trace(hasten::exemplar::trace_id_size, 'a');
  auto scope = timer.start(1);
  scope.trace_id(trace);
  clock.advance(4ms);
  scope.finish(200);
  timer.start(1).finish(200);  // without a trace
  const auto examples = timer.exemplars(1, status_class::success);
  REQUIRE(examples.size() == 1);
  CHECK(examples[0].trace_id() == trace);
  CHECK(examples[0].value == 4'000'000);
  CHECK(examples[0].at == noon::now());
  CHECK(timer.exemplars(1, status_class::server_error).empty());
  CHECK(timer.exemplars(0, status_class::success).empty());

  timer_type without({.routes = {"GET /claims"}, .exemplar_every = 0s}, clock);
  auto other = without.start(0);
  other.trace_id(trace);
  other.finish(200);
  CHECK(without.exemplars(0, status_class::success).empty());
}

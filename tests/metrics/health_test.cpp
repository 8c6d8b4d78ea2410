// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/health.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using hasten::check_result;
using hasten::health_check;
using hasten::health_group;
using hasten::health_status;

namespace {

using health_type = hasten::health<hasten::manual_clock>;

// An executor whose tasks run when the test says so.
struct by_hand {
  std::shared_ptr<std::deque<std::function<void()>>> tasks =
      std::make_shared<std::deque<std::function<void()>>>();

  void operator()(std::function<void()> task) const { tasks->push_back(std::move(task)); }
  void run_one() const {
    const auto task = std::move(tasks->front());
    tasks->pop_front();
    task();
  }
};

void on_the_spot(const std::function<void()>& task) { task(); }

health_check giving(std::string name, const check_result& result) {
  return {.name = std::move(name), .run = [&result] { return result; }};
}

}  // namespace

TEST_CASE("a check runs when it is due, not before, and its result is shown") {
  hasten::manual_clock clock;
  int runs = 0;
  health_type health({{.name = "database",
                       .run =
                           [&] {
                             ++runs;
                             clock.advance(3ms);
                             return check_result{.observed = 3.0, .unit = "ms"};
                           },
                       .interval = 10s}},
                     on_the_spot, clock);
  health.tick();
  CHECK(runs == 1);
  clock.advance(9s);
  health.tick();
  CHECK(runs == 1);
  const auto report = health.report();
  REQUIRE(report.components.size() == 1);
  CHECK(report.status == health_status::pass);
  CHECK(report.components[0].name == "database");
  CHECK(report.components[0].known);
  CHECK(report.components[0].result.observed == 3.0);
  CHECK(report.components[0].duration == 3ms);
  CHECK(report.components[0].age == 9s);
  clock.advance(1s);
  health.tick();
  CHECK(runs == 2);
}

TEST_CASE("a status changes only after results in a row") {
  hasten::manual_clock clock;
  check_result result;
  health_type health({giving("database", result)}, on_the_spot, clock);
  const auto next = [&](health_status status) {
    result.status = status;
    clock.advance(10s);
    health.tick();
    return health.report().status;
  };
  CHECK(next(health_status::pass) == health_status::pass);
  CHECK(next(health_status::fail) == health_status::pass);
  CHECK(next(health_status::pass) == health_status::pass);
  CHECK(next(health_status::fail) == health_status::pass);
  CHECK(next(health_status::fail) == health_status::fail);
  CHECK(health.report().components[0].in_a_row == 2);
  CHECK(next(health_status::pass) == health_status::fail);
  CHECK(next(health_status::pass) == health_status::pass);
}

TEST_CASE("the first result counts at once") {
  hasten::manual_clock clock;
  const check_result result{.status = health_status::fail};
  health_type health({giving("database", result)}, on_the_spot, clock);
  health.tick();
  CHECK(health.report().status == health_status::fail);
}

TEST_CASE("a check that hangs fails at its deadline, is not started twice, and delays nobody") {
  hasten::manual_clock clock;
  const by_hand executor;
  health_type health({{.name = "hangs", .run = [] { return check_result(); }, .deadline = 1s}}, executor,
                     clock);
  health.tick();
  CHECK_FALSE(health.report().components[0].known);
  clock.advance(1s);
  health.tick();
  const auto hanging = health.report();
  CHECK(hanging.status == health_status::fail);
  CHECK(hanging.components[0].result.note == "no answer within the deadline");
  CHECK(hanging.components[0].running);
  CHECK(hanging.components[0].duration == 1s);
  for (int i = 0; i < 5; ++i) {
    clock.advance(10s);
    health.tick();
  }
  CHECK(executor.tasks->size() == 1);
  CHECK(health.report().components[0].in_a_row == 6);
  CHECK(health.report().components[0].stale);

  executor.run_one();  // it answers at last
  CHECK_FALSE(health.report().components[0].stale);
  CHECK(health.report().components[0].result.note == "answered only after the deadline");
  CHECK_FALSE(health.report().components[0].running);
  for (int i = 0; i < 2; ++i) {
    clock.advance(10s);
    health.tick();
    executor.run_one();
  }
  CHECK(health.report().status == health_status::pass);
}

TEST_CASE("a result that is too old warns") {
  hasten::manual_clock clock;
  const by_hand executor;
  health_type health({{.name = "disk", .run = [] { return check_result(); }, .stale_after = 30s}}, executor,
                     clock);
  health.tick();
  executor.run_one();
  clock.advance(30s);
  CHECK(health.report().status == health_status::pass);
  clock.advance(1s);  // nobody ticks
  CHECK(health.report().status == health_status::warn);
  CHECK(health.report().components[0].stale);
}

TEST_CASE("what is not critical is a warning to the whole") {
  hasten::manual_clock clock;
  const check_result failed{.status = health_status::fail};
  auto optional = giving("remote cache", failed);
  optional.critical = false;
  health_type health({optional}, on_the_spot, clock);
  health.tick();
  CHECK(health.report().status == health_status::warn);
  CHECK(health.report().components[0].result.status == health_status::fail);
}

TEST_CASE("each group asks its own checks, and only those who wait take the unknown for a failure") {
  hasten::manual_clock clock;
  const by_hand executor;
  const check_result fine;
  auto loop = giving("event loop", fine);
  loop.live = true;
  loop.ready = loop.startup = false;
  health_type health({loop, giving("database", fine)}, executor, clock);
  CHECK(health.report(health_group::live).status == health_status::pass);
  CHECK(health.report(health_group::ready).status == health_status::fail);
  CHECK(health.report(health_group::startup).status == health_status::fail);
  CHECK(health.report(health_group::all).status == health_status::pass);
  CHECK(health.report(health_group::live).components.size() == 1);
  health.tick();
  executor.run_one();
  executor.run_one();
  CHECK(health.report(health_group::ready).status == health_status::pass);
  CHECK(health.report(health_group::startup).status == health_status::pass);
}

TEST_CASE("startup stays passed, and draining is the end of ready only") {
  hasten::manual_clock clock;
  check_result result;
  auto check = giving("database", result);
  check.worse_after = 1;
  health_type health({check}, on_the_spot, clock);
  health.tick();
  CHECK(health.report(health_group::startup).status == health_status::pass);
  health.drain();
  CHECK(health.report(health_group::ready).status == health_status::fail);
  CHECK(health.report().status == health_status::pass);
  result.status = health_status::fail;
  clock.advance(10s);
  health.tick();
  CHECK(health.report(health_group::startup).status == health_status::pass);
  CHECK(health.report().status == health_status::fail);
}

TEST_CASE("a check that throws fails without quoting what may be data") {
  hasten::manual_clock clock;
  const auto note_of = [&](std::function<check_result()> run) {
    health_type health({{.name = "database", .run = std::move(run)}}, on_the_spot, clock);
    health.tick();
    CHECK(health.report().status == health_status::fail);
    return health.report().components.at(0).result.note;
  };
  CHECK(note_of([]() -> check_result { throw std::runtime_error("member 123-45-6789"); }) ==
        "the check threw an exception");
  CHECK(note_of([]() -> check_result { throw hasten::error(hasten::errc::timeout, "pinging", "secret"); }) ==
        "pinging: the deadline passed");
}

TEST_CASE("an executor that refuses is a failed run, and the next is tried in time") {
  hasten::manual_clock clock;
  bool full = true;
  const check_result fine;
  health_type health(
      {giving("database", fine)},
      [&](const std::function<void()>& task) {
        if (full) throw hasten::error(hasten::errc::overloaded, "posting a task");
        task();
      },
      clock);
  health.tick();
  CHECK(health.report().components[0].result.note == "the check could not be started");
  full = false;
  for (int i = 0; i < 2; ++i) {
    clock.advance(10s);
    health.tick();
  }
  CHECK(health.report().status == health_status::pass);
}

TEST_CASE("a run may end after the health it was for") {
  const by_hand executor;
  {
    hasten::health health({{.name = "slow", .run = [] { return check_result(); }}}, executor);
    health.tick();
  }
  executor.run_one();
  CHECK(executor.tasks->empty());
}

TEST_CASE("while one of twenty checks blocks, asking for health does not") {
  std::promise<void> unblock;
  const auto unblocked = unblock.get_future().share();
  std::vector<health_check> checks;
  std::atomic<int> done{0};
  for (int i = 0; i < 20; ++i)
    checks.push_back({.name = "check" + std::to_string(i), .run = [&, i] {
                        if (i == 7) unblocked.wait_for(60s);
                        ++done;
                        return check_result();
                      }});
  std::mutex mutex;
  std::vector<std::jthread> threads;
  std::optional<hasten::health<>> health(std::in_place, std::move(checks), [&](std::function<void()> task) {
    const std::lock_guard lock(mutex);
    threads.emplace_back(std::move(task));
  });
  health->tick();
  while (done < 19) static_cast<void>(health->report());
  auto report = health->report();
  while (!report.components[19].known || !report.components[6].known) report = health->report();
  CHECK_FALSE(report.components[7].known);
  CHECK(report.components[7].running);
  CHECK(report.components[19].result.status == health_status::pass);
  unblock.set_value();
  threads.clear();
  CHECK(health->report().components[7].known);
}

TEST_CASE("checks that break a rule are refused by name") {
  using Catch::Matchers::Message;
  const auto refused = [](std::vector<health_check> checks, const std::string& message) {
    CHECK_THROWS_MATCHES(hasten::health(std::move(checks), on_the_spot), std::invalid_argument,
                         Message(message));
  };
  const auto run = [] { return check_result(); };
  refused({{.name = "", .run = run}}, "health: the check \"\" needs a name");
  refused({{.name = "a", .run = nullptr}}, "health: the check \"a\" needs something to run");
  refused({{.name = "a", .run = run, .interval = 0s}},
          "health: the check \"a\" needs an interval and a deadline above 0, up to a year");
  refused({{.name = "a", .run = run, .interval = std::chrono::nanoseconds::max()}},
          "health: the check \"a\" needs an interval and a deadline above 0, up to a year");
  refused({{.name = "a", .run = run, .worse_after = 0}},
          "health: the check \"a\" needs worse_after and better_after of 1..100");
  refused({{.name = "a", .run = run, .stale_after = -1s}},
          "health: the check \"a\" has a negative stale_after");
  refused({{.name = "a", .run = run}, {.name = "a", .run = run}}, "health: there are two checks \"a\"");
  CHECK_THROWS_MATCHES(hasten::health({}, nullptr), std::invalid_argument,
                       Message("health: an executor is needed"));
}

TEST_CASE("a check whose task the executor drops fails and is started again when it is due") {
  hasten::manual_clock clock;
  const by_hand hand;
  const check_result good;
  health_type health({giving("database", good)}, hand, clock);
  health.tick();
  hand.tasks->clear();  // as a pool does that is purged
  CHECK(health.report().components[0].result.status == health_status::fail);
  CHECK(health.report().components[0].result.note == "the check could not be started");
  CHECK_FALSE(health.report().components[0].running);
  for (int i = 0; i < 2; ++i) {
    clock.advance(10s);
    health.tick();
    REQUIRE(hand.tasks->size() == 1);
    hand.run_one();
  }
  CHECK(health.report().status == health_status::pass);
}

TEST_CASE("whatever a check throws is a failed run, and the next one starts") {
  hasten::manual_clock clock;
  int runs = 0;
  health_type health({{.name = "database",
                       .run = [&]() -> check_result {
                         ++runs;
                         throw 1;  // no std::exception
                       }}},
                     on_the_spot, clock);
  health.tick();
  CHECK(health.report().components[0].result.note == "the check threw an exception");
  clock.advance(10s);
  health.tick();
  CHECK(runs == 2);
}

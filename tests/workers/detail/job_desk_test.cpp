// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/detail/job_desk.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

using namespace hasten;
using namespace hasten::detail;
using namespace std::chrono_literals;

namespace {

struct fixture {
  job_kind kind{.name = "mail",
                .options = {},
                .delays = backoff({.first = 1s, .most = 1min, .jitter = 0}),
                .run = [](job_context&) { return job_outcome::done(); }};
  std::mt19937_64 random{1};
  const wall_time now = manual_wall_clock().now();

  job_settlement judge(job_function run, stop_reason why = stop_reason::none, unsigned attempt = 1) {
    kind.run = std::move(run);
    job_in_hand mine(kind, job_record{.id = 7, .attempt = attempt, .attempts_max = 3, .ticket = 4});
    if (why != stop_reason::none) mine.ask_to_stop(why);
    run_job(mine, steady_time{} + 1s);
    auto end = verdict(mine, now, random);
    REQUIRE(end.has_value());
    CHECK(end->lease == job_lease{.id = 7, .ticket = 4});
    return *std::move(end);
  }
  static job_outcome fail(job_context&) { throw job_failure("no such street"); }
};

}  // namespace

TEST_CASE_METHOD(fixture, "a handler that returns completes its job with its result") {
  const auto end = judge([](job_context&) { return job_outcome::done(5); });
  CHECK(end.event == job_event::succeed);
  CHECK(decode<int>(end.result) == 5);
}

TEST_CASE_METHOD(fixture, "a failure is tried again after a growing delay, and at last the job is dead") {
  auto end = judge(fail);
  CHECK(end.event == job_event::fail);
  CHECK(end.at == now + 1s);
  CHECK(end.reason == "no such street");
  CHECK(judge(fail, stop_reason::none, 2).at == now + 2s);
  CHECK(judge(fail, stop_reason::none, 3).event == job_event::exhaust);
}

TEST_CASE_METHOD(fixture, "a handler that gives up is not called again") {
  const auto end =
      judge([](job_context&) -> job_outcome { throw job_failure("gone", job_failure::next::give_up); });
  CHECK(end.event == job_event::exhaust);
  CHECK(end.reason == "gone");
}

TEST_CASE_METHOD(fixture, "words of unknown exceptions are not kept, because they may quote data") {
  const auto end = judge([](job_context&) -> job_outcome { throw std::out_of_range("patient 4711"); });
  CHECK(end.reason == "an exception of type std::out_of_range");
  CHECK(judge([](job_context&) -> job_outcome { throw 5; }).reason == "an exception of an unknown type");
  CHECK(judge([](job_context&) -> job_outcome { throw error(errc::busy, "writing", "secret"); }).reason ==
        "writing: the database is locked by another writer");
}

TEST_CASE_METHOD(fixture, "a handler that fails after it was asked to stop is judged by why") {
  CHECK(judge(fail, stop_reason::cancelled).event == job_event::cancel);
  const auto given_back = judge(fail, stop_reason::draining, 3);
  CHECK(given_back.event == job_event::snooze);
  CHECK(given_back.at == now);
  CHECK(judge(fail, stop_reason::timed_out).reason == "it took longer than its timeout");
  CHECK(judge(fail, stop_reason::timed_out, 3).event == job_event::exhaust);
}

TEST_CASE_METHOD(fixture, "a handler that finishes has finished, whatever it was asked") {
  for (const auto why : {stop_reason::cancelled, stop_reason::timed_out, stop_reason::draining})
    CHECK(judge([](job_context&) { return job_outcome::done(); }, why).event == job_event::succeed);
}

TEST_CASE_METHOD(fixture, "the first reason to stop counts") {
  job_in_hand mine(kind, job_record{});
  mine.ask_to_stop(stop_reason::timed_out);
  mine.ask_to_stop(stop_reason::draining);
  CHECK(mine.why.load() == stop_reason::timed_out);
  CHECK(mine.stop.stop_requested());
}

TEST_CASE_METHOD(fixture, "a snoozed job waits as long as its handler asked") {
  const auto end = judge([](job_context&) { return job_outcome::snooze(10min); });
  CHECK(end.event == job_event::snooze);
  CHECK(end.at == now + 10min);
}

TEST_CASE_METHOD(fixture, "what its handler settled itself is not settled again") {
  kind.run = [](job_context&) { return job_outcome::settled(); };
  job_in_hand mine(kind, job_record{});
  run_job(mine, steady_time{} + 1s);
  CHECK_FALSE(verdict(mine, now, random));
}

TEST_CASE_METHOD(fixture, "a result that no store would take ends the job instead of the runner") {
  const auto end = judge([](job_context&) { return job_outcome::done(std::string(2'000'000, 'x')); });
  CHECK(end.event == job_event::exhaust);
  CHECK(end.result.empty());
}

TEST_CASE("a set clock is noticed in both directions, and drift is not") {
  jump_watch jumps(5s);
  manual_clock steady;
  manual_wall_clock wall;
  CHECK_FALSE(jumps.jumped(steady.now(), wall.now()));
  for (int i = 0; i < 10; ++i) {
    steady.advance(60s);
    wall.advance(61s);
    CHECK_FALSE(jumps.jumped(steady.now(), wall.now()));
  }
  wall.advance(1h);
  CHECK(jumps.jumped(steady.now(), wall.now()));
  CHECK_FALSE(jumps.jumped(steady.now(), wall.now()));
  wall.advance(-1h);
  CHECK(jumps.jumped(steady.now(), wall.now()));
}

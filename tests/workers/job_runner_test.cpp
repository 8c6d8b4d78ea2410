// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/job_runner.hpp>

#include <hasten/workers/memory_job_store.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace hasten;
using namespace std::chrono_literals;

namespace {

steady_time guard() { return steady_clock_source::now() + 1min; }  // against a hang only

// A store whose next calls fail, and which counts what is asked of it.
class failing_store : public memory_job_store {
 public:
  std::atomic<int> failures_left{0};
  std::atomic<int> takes{0};

  std::vector<job_record> take(const job_wish& wish) {
    ++takes;
    fail();
    return memory_job_store::take(wish);
  }
  std::vector<bool> settle(std::span<const job_settlement> ends, wall_time now) {
    fail();
    return memory_job_store::settle(ends, now);
  }

 private:
  void fail() {
    if (failures_left.load() > 0 && failures_left.fetch_sub(1) > 0)
      throw error(errc::busy, "asking the store");
  }
};

// A runner without a thread on clocks turned by hand; its handlers run on a real pool.
struct fixture {
  using runner_type = job_runner<failing_store, manual_clock, manual_wall_clock>;

  failing_store store;
  manual_clock clock;
  manual_wall_clock wall;
  worker_pool pool{{.threads = 2, .name = "t"}};
  std::unique_ptr<runner_type> runner = make();

  std::unique_ptr<runner_type> make(job_runner_options chosen = {}) {
    return std::make_unique<runner_type>(store, pool, chosen, clock, wall);
  }
  void advance(std::chrono::nanoseconds step) {
    clock.advance(step);
    wall.advance(step);
  }
  job_id put(const new_job& job) { return store.enqueue(std::array{job}, wall.now()).at(0).id; }
  job_record read(job_id id) { return store.get(id).value(); }
  job_state state(job_id id) { return read(id).state; }

  // Rounds until `done`, without moving the clocks.
  void rounds_until(const std::function<bool()>& done) {
    const auto limit = guard();
    for (;;) {
      runner->run_once();
      if (done()) return;
      if (steady_clock_source::now() > limit) FAIL("nothing happens any more");
      std::this_thread::yield();
    }
  }
  void rounds_until(job_id id, job_state wanted) {
    rounds_until([&] { return state(id) == wanted; });
  }
};

new_job mail(int payload = 1, job_options chosen = {}) { return make_job("mail", payload, chosen); }

}  // namespace

TEST_CASE_METHOD(fixture, "a job is run with its payload, and its result is kept") {
  runner->add<int>("mail", [](job_context&, int payload) { return payload * 2; });
  const job_id id = put(mail(21));
  rounds_until(id, job_state::completed);
  CHECK(decode<int>(read(id).result) == 42);
  CHECK(read(id).worker == "runner");
  const auto stats = runner->stats();
  CHECK(stats.in_hand == 0);
  REQUIRE(stats.kinds.size() == 1);
  CHECK(stats.kinds[0].attempts.completed == 1);
  CHECK(stats.kinds[0].run.count() == 1);
  CHECK(stats.kinds[0].wait.count() == 1);
}

TEST_CASE_METHOD(fixture, "a failing job is tried again after its delay, until it is dead with its reason") {
  std::atomic<int> calls{0};
  runner->add<int>("mail",
                   [&](job_context&, int) {
                     ++calls;
                     throw job_failure("no such street");
                   },
                   {.delays = {.first = 10s, .jitter = 0}});
  const job_id id = put(mail(1, {.attempts_max = 2}));
  rounds_until(id, job_state::scheduled);
  CHECK(read(id).scheduled_at == wall.now() + 10s);
  runner->run_once();
  CHECK(state(id) == job_state::scheduled);
  advance(10s);
  rounds_until(id, job_state::dead);
  CHECK(read(id).reason == "no such street");
  CHECK(calls == 2);
  CHECK(runner->stats().kinds[0].attempts.retried == 1);
  CHECK(runner->stats().kinds[0].attempts.dead == 1);
}

TEST_CASE_METHOD(fixture, "no more jobs of a kind run at once than allowed, and others go on") {
  std::latch release(1);
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  runner->add<int>("mail",
                   [&](job_context&, int) {
                     most = std::max(most.load(), ++running);
                     release.wait();
                     --running;
                   },
                   {.concurrency = 1});
  runner->add<int>("fax", [](job_context&, int) {});
  for (int i = 0; i < 3; ++i) put(mail());
  const job_id fax = put(make_job("fax", 1));
  rounds_until(fax, job_state::completed);
  CHECK(store.counts(9)[job_state::running] == 1);
  release.count_down();
  rounds_until([&] { return store.counts(9)[job_state::completed] == 4; });
  CHECK(most == 1);
}

TEST_CASE_METHOD(fixture, "leases are renewed while a handler runs, so that nobody rescues its job") {
  std::latch release(1);
  runner->add<int>("mail", [&](job_context& job, int) {
    job.progress(0.5);
    release.wait();
  });
  const job_id id = put(mail());
  rounds_until([&] { return store.counts(9)[job_state::running] == 1; });
  for (int i = 0; i < 12; ++i) {
    advance(10s);
    runner->run_once();
    CHECK(read(id).lease_until == wall.now() + 30s);
    CHECK(store.rescue(wall.now(), 1h, 10).rescued == 0);
  }
  const auto limit = guard();
  while (read(id).progress != 0.5 && steady_clock_source::now() < limit) {
    advance(1s);
    runner->run_once();
  }
  CHECK(read(id).progress == 0.5);
  release.count_down();
  rounds_until(id, job_state::completed);
  CHECK(read(id).attempt == 1);
}

TEST_CASE_METHOD(fixture, "a cancelled job's handler is asked to stop, and the job ends cancelled") {
  runner->add<int>("mail", [](job_context& job, int) {
    while (!job.stop().stop_requested()) std::this_thread::yield();
    throw job_failure("asked to stop");
  });
  const job_id id = put(mail());
  rounds_until([&] { return store.counts(9)[job_state::running] == 1; });
  REQUIRE(store.cancel(id, wall.now()) == job_state::running);
  advance(10s);
  rounds_until(id, job_state::cancelled);
  CHECK(runner->stats().kinds[0].attempts.cancelled == 1);
}

TEST_CASE_METHOD(fixture, "a handler that takes too long is asked to stop, and its attempt counts") {
  std::atomic<bool> begun{false};
  runner->add<int>("mail",
                   [&](job_context& job, int) {
                     begun = true;
                     while (!job.stop().stop_requested()) std::this_thread::yield();
                     throw job_failure("interrupted");
                   },
                   {.timeout = 5s});
  const job_id id = put(mail(1, {.attempts_max = 1}));
  rounds_until([&] { return begun.load(); });
  advance(5s);
  rounds_until(id, job_state::dead);
  CHECK(read(id).reason == "it took longer than its timeout");
  CHECK(runner->stats().kinds[0].attempts.timed_out == 1);
}

TEST_CASE_METHOD(fixture, "a handler that hangs loses its job to another, and cannot settle it any more") {
  std::latch release(1);
  std::atomic<int> calls{0};
  runner->add<int>("mail",
                   [&](job_context&, int) {
                     if (++calls == 1) release.wait();
                   },
                   {.timeout = 5s});
  const job_id id = put(mail());
  rounds_until([&] { return calls.load() == 1; });
  advance(5s);
  runner->run_once();
  CHECK(runner->stats().overdue == 1);
  advance(31s);  // nobody renewed the lease
  rounds_until(id, job_state::completed);
  CHECK(calls == 2);
  CHECK(read(id).ticket == 2);
  release.count_down();
  rounds_until([&] { return runner->stats().in_hand == 0; });
  CHECK(runner->stats().kinds[0].attempts.lost == 1);
  CHECK(runner->stats().kinds[0].attempts.completed == 1);
  CHECK(runner->stats().overdue == 0);
}

TEST_CASE_METHOD(fixture, "a runner that lost a job tells its handler") {
  runner->add<int>("mail", [](job_context& job, int) {
    while (!job.stop().stop_requested()) std::this_thread::yield();
  });
  const job_id id = put(mail());
  rounds_until([&] { return store.counts(9)[job_state::running] == 1; });
  REQUIRE(store.rescue(wall.now() + 1min, 1h, 10).rescued == 1);
  const std::array rooms{job_room{"mail", 1}};
  REQUIRE(store
              .take({.rooms = rooms,
                     .count_max = 1,
                     .now = wall.now(),
                     .lease_until = wall.now() + 1h,
                     .worker = "other"})
              .size() == 1);
  advance(10s);
  rounds_until([&] { return runner->stats().in_hand == 0; });
  CHECK(state(id) == job_state::running);
  CHECK(read(id).worker == "other");
  CHECK(runner->stats().kinds[0].attempts.lost == 1);
}

TEST_CASE_METHOD(fixture, "jobs of a runner that vanished are rescued and run") {
  const job_id id = put(mail());
  const std::array rooms{job_room{"mail", 1}};
  REQUIRE(store
              .take({.rooms = rooms,
                     .count_max = 1,
                     .now = wall.now(),
                     .lease_until = wall.now() + 30s,
                     .worker = "vanished"})
              .size() == 1);
  runner->add<int>("mail", [](job_context&, int) {});
  runner->run_once();
  CHECK(state(id) == job_state::running);
  advance(31s);
  rounds_until(id, job_state::completed);
  CHECK(read(id).attempt == 2);
  CHECK(runner->stats().rescued == 1);
}

TEST_CASE_METHOD(fixture, "a job that kills its worker each time ends among the dead") {
  const job_id id = put(mail(1, {.attempts_max = 3}));
  const std::array rooms{job_room{"mail", 1}};
  for (int death = 0; death < 3; ++death) {
    REQUIRE(store
                .take({.rooms = rooms,
                       .count_max = 1,
                       .now = wall.now(),
                       .lease_until = wall.now() + 30s,
                       .worker = "killed"})
                .size() == 1);
    advance(31s);
    runner->run_once();  // knows no kind: it only rescues
  }
  CHECK(state(id) == job_state::dead);
  CHECK(read(id).reason == job_worker_lost);
  CHECK(runner->stats().ended_by_rescue == 1);
}

TEST_CASE_METHOD(fixture, "when the clock is set forward or back an hour, no living job is rescued") {
  for (const auto jump : {std::chrono::nanoseconds(1h), std::chrono::nanoseconds(-1h)}) {
    store.~failing_store();
    new (&store) failing_store;
    runner = make();
    std::latch release(1);
    std::atomic<int> calls{0};
    runner->add<int>("mail", [&](job_context&, int) {
      ++calls;
      release.wait();
    });
    auto other = make({.name = "other"});
    other->add<int>("mail", [&](job_context&, int) { ++calls; });
    const job_id id = put(mail());
    rounds_until([&] { return calls.load() == 1; });
    other->run_once();
    wall.advance(jump);
    advance(20s);  // both had planned to look
    other->run_once();
    runner->run_once();
    for (int i = 0; i < 10; ++i) {
      advance(10s);
      other->run_once();
      runner->run_once();
    }
    release.count_down();
    rounds_until(id, job_state::completed);
    CHECK(calls == 1);
    CHECK(read(id).attempt == 1);
    CHECK(runner->stats().clock_jumps == 1);
    other.reset();
  }
}

TEST_CASE_METHOD(
    fixture, "finished jobs are removed when they are as old as their end says, the dead are kept longer") {
  runner = make({.retention = {.completed = 1h, .dead = 24h}});
  runner->add<int>("mail", [](job_context&, int payload) {
    if (payload == 0) throw job_failure("no such street", job_failure::next::give_up);
  });
  const job_id good = put(mail(1));
  const job_id bad = put(mail(0));
  rounds_until(good, job_state::completed);
  rounds_until(bad, job_state::dead);
  advance(59min);
  runner->run_once();
  CHECK(store.get(good));
  advance(2min);
  rounds_until([&] { return !store.get(good); });
  CHECK(store.get(bad));
  advance(23h);
  rounds_until([&] { return !store.get(bad); });
  CHECK(runner->stats().removed == 2);
}

TEST_CASE_METHOD(fixture, "a snoozed job is run again later, with the same attempt") {
  std::atomic<int> calls{0};
  runner->add<int>("mail", [&](job_context& job, int) {
    CHECK(job.job().attempt == 1);
    return ++calls == 1 ? job_outcome::snooze(10min) : job_outcome::done();
  });
  const job_id id = put(mail(1, {.attempts_max = 1}));
  rounds_until(id, job_state::scheduled);
  advance(10min);
  rounds_until(id, job_state::completed);
  CHECK(runner->stats().kinds[0].attempts.snoozed == 1);
}

TEST_CASE_METHOD(fixture, "a store that fails is asked again after a pause, and nothing is lost") {
  std::atomic<int> told{0};
  runner = make({.on_error = [&](std::exception_ptr) { ++told; }});
  std::atomic<int> calls{0};
  runner->add<int>("mail", [&](job_context&, int) { ++calls; });
  const job_id id = put(mail());
  store.failures_left = 1;
  runner->run_once();
  const int takes = store.takes;
  runner->run_once();  // still within the pause
  CHECK(store.takes == takes);
  CHECK(told == 1);
  advance(1s);
  rounds_until([&] { return calls.load() == 1; });
  store.failures_left = 1;  // now the settling fails
  rounds_until([&] { return store.failures_left.load() <= 0; });
  advance(1s);
  rounds_until(id, job_state::completed);
  CHECK(calls == 1);
  CHECK(runner->stats().store_failures == 2);
}

TEST_CASE_METHOD(fixture, "a runner with nothing to do sleeps until something is due") {
  runner->add<int>("mail", [](job_context&, int) {});
  CHECK(runner->run_once() == clock.now() + 10s);  // its own upkeep
  put(mail(1, {.at = wall.now() + 3s}));
  CHECK(runner->run_once() == clock.now() + 3s);
}

TEST_CASE_METHOD(fixture, "jobs that a full pool has no room for are given back") {
  worker_pool small({.threads = 1, .queue_max = 1, .name = "s"});
  small.pause();
  auto mine = std::make_unique<runner_type>(store, small, job_runner_options{.in_hand_max = 8}, clock, wall);
  mine->add<int>("mail", [](job_context&, int) {});
  for (int i = 0; i < 8; ++i) put(mail());
  mine->run_once();
  mine->run_once();
  const auto waiting = store.counts(9)[job_state::scheduled];
  CHECK(waiting >= 1);
  CHECK(mine->stats().in_hand == 8 - waiting);
  small.resume();
  const auto limit = guard();
  while (store.counts(9)[job_state::completed] != 8 && steady_clock_source::now() < limit) {
    advance(100ms);
    mine->run_once();
  }
  CHECK(store.counts(9)[job_state::completed] == 8);
  CHECK(mine->stats().kinds[0].attempts.given_back >= waiting);
}

TEST_CASE_METHOD(fixture, "periodic jobs are made once for each tick, however many runners there are") {
  std::vector<std::unique_ptr<runner_type>> runners;
  for (int i = 0; i < 3; ++i) {
    runners.push_back(make());
    runners.back()->repeat("minutely", schedule("* * * * *"), {.kind = "mail"});
  }
  for (int second = 0; second < 600; second += 5) {
    advance(5s);
    for (const auto& each : runners) each->run_once();
  }
  CHECK(store.counts(99)[job_state::available] == 10);
  std::uint64_t made = 0;
  for (const auto& each : runners) made += each->stats().periodic;
  CHECK(made == 10);
}

TEST_CASE_METHOD(fixture, "of ticks that nobody was there for, one job is made") {
  runner->repeat("minutely", schedule("* * * * *"), {.kind = "mail"});
  runner->run_once();
  advance(25min);
  runner->run_once();
  runner->run_once();
  CHECK(store.counts(99)[job_state::available] == 1);
}

TEST_CASE_METHOD(fixture, "a clock that is set back makes no tick twice") {
  runner->repeat("minutely", schedule("* * * * *"), {.kind = "mail"});
  const auto minutes = [&](int count) {
    for (int i = 0; i < count; ++i) {
      advance(1min);
      runner->run_once();
    }
  };
  minutes(5);
  wall.advance(-3min);
  minutes(5);
  CHECK(store.counts(99)[job_state::available] == 7);
}

TEST_CASE_METHOD(fixture, "draining gives back what has not begun and waits for what has") {
  worker_pool one({.threads = 1, .name = "o"});
  std::latch begun(1);
  std::atomic<bool> release{false};
  {
    job_runner<failing_store> mine(store, one, {.in_hand_max = 4});
    mine.add<int>("mail", [&](job_context&, int payload) {
      if (payload == 0) begun.count_down();
      while (!release) std::this_thread::yield();
    });
    const auto now = wall_clock_source::now();
    store.enqueue(std::array{mail(0), mail(1), mail(2)}, now);
    mine.start();
    begun.wait();
    while (store.counts(9)[job_state::running] != 3) std::this_thread::yield();
    std::thread later([&] {
      while (store.counts(9)[job_state::scheduled] != 2) std::this_thread::yield();
      release = true;
    });
    const auto report = mine.drain(guard());
    later.join();
    CHECK(report.left == 0);
    CHECK(report.settled == 3);
    CHECK(mine.stats().kinds[0].attempts.given_back == 2);
  }
  CHECK(store.counts(9)[job_state::completed] == 1);
  CHECK(store.counts(9)[job_state::scheduled] == 2);
  CHECK(store.counts(9)[job_state::running] == 0);
}

TEST_CASE_METHOD(fixture,
                 "draining asks handlers to stop in its second half, and gives back what then fails") {
  job_runner<failing_store> mine(store, pool, {});
  std::latch begun(1);
  mine.add<int>("mail", [&](job_context& job, int) {
    begun.count_down();
    while (!job.stop().stop_requested()) std::this_thread::yield();
    throw job_failure("asked to stop");
  });
  const auto made = store.enqueue(std::array{mail(1, {.attempts_max = 1})}, wall_clock_source::now());
  mine.start();
  begun.wait();
  const auto report = mine.drain(steady_clock_source::now() + 200ms);
  CHECK(report.left == 0);
  CHECK(state(made[0].id) == job_state::scheduled);
  CHECK(read(made[0].id).attempt == 0);
}

TEST_CASE_METHOD(fixture, "draining returns at its deadline although a handler does not") {
  std::latch begun(1);
  std::latch release(1);
  std::optional<job_runner<failing_store>> mine(std::in_place, store, pool, job_runner_options{});
  mine->add<int>("mail", [&](job_context&, int) {
    begun.count_down();
    release.wait();
  });
  store.enqueue(std::array{mail()}, wall_clock_source::now());
  mine->start();
  begun.wait();
  CHECK(mine->drain(steady_clock_source::now() + 50ms).left == 1);
  mine.reset();  // the handler outlives its runner, and harms nobody
  release.count_down();
  pool.drain(guard());
  CHECK(store.counts(9)[job_state::running] == 1);
}

TEST_CASE_METHOD(fixture, "a job that comes wakes a runner that sleeps") {
  job_runner<failing_store> mine(store, pool, {.upkeep = 1h});
  std::latch done(3);
  mine.add<int>("mail", [&](job_context&, int) { done.count_down(); });
  mine.start();
  for (int i = 0; i < 3; ++i) {
    const int before = store.takes;
    store.enqueue(std::array{mail()}, wall_clock_source::now());
    while (store.takes == before) std::this_thread::yield();
  }
  done.wait();
  mine.drain(guard());
  CHECK(store.counts(9)[job_state::completed] == 3);
}

TEST_CASE_METHOD(fixture, "thousands of jobs on two runners are each run once") {
  constexpr int count = 2000;
  std::vector<std::atomic<int>> runs(count);
  std::array<std::optional<job_runner<failing_store>>, 2> runners;
  std::atomic<int> left{count};
  for (auto& each : runners) {
    each.emplace(store, pool, job_runner_options{.in_hand_max = 50});
    each->add<int>("mail", [&](job_context&, int payload) {
      ++runs[static_cast<std::size_t>(payload)];
      --left;
    });
    each->start();
  }
  std::vector<new_job> jobs;
  for (int i = 0; i < count; ++i) jobs.push_back(mail(i));
  store.enqueue(jobs, wall_clock_source::now());
  const auto limit = guard();
  while (left.load() > 0 && steady_clock_source::now() < limit) std::this_thread::yield();
  for (auto& each : runners) CHECK(each->drain(guard()).left == 0);
  CHECK(store.counts(count)[job_state::completed] == count);
  for (const auto& each : runs) REQUIRE(each == 1);
}

TEST_CASE_METHOD(fixture, "a kind is added once and by a proper name") {
  runner->add<int>("mail", [](job_context&, int) {});
  CHECK_THROWS_AS(runner->add<int>("mail", [](job_context&, int) {}), std::invalid_argument);
  CHECK_THROWS_AS(runner->add<int>("m ail", [](job_context&, int) {}), std::invalid_argument);
  CHECK_THROWS_AS(runner->repeat("", schedule("@daily"), {.kind = "mail"}), std::invalid_argument);
  CHECK_THROWS_AS(runner->repeat("x", schedule("@daily"), {.kind = ""}), std::invalid_argument);
  CHECK_THROWS_AS(make({.lease = 1ms}), std::invalid_argument);
}

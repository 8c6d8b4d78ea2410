// SPDX-License-Identifier: BSL-1.0
// A job that recurs, known to two servers. Promise: each tick is one job, whoever makes it; a job that fails is tried again;
// and the figures tell what became of all of them. The store is in memory here, and the clock is turned by hand.
#include <hasten/workers/job_runner.hpp>
#include <hasten/workers/memory_job_store.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;

int main() {
  hasten::memory_job_store store;
  hasten::worker_pool pool({.threads = 2, .name = "jobs"});
  hasten::manual_clock clock;
  hasten::manual_wall_clock calendar;
  using runner =
      hasten::job_runner<hasten::memory_job_store, hasten::manual_clock, hasten::manual_wall_clock>;
  runner one(store, pool, {.name = "server-1"}, clock, calendar);
  runner two(store, pool, {.name = "server-2"}, clock, calendar);

  std::atomic<int> calls{0};
  for (runner* each : {&one, &two}) {
    each->add<int>("cleanup",
                   [&](hasten::job_context&, int days) {
                     if (++calls == 1) throw hasten::job_failure("the disk was asleep");
                     return days;
                   },
                   {.timeout = 1min, .delays = {.first = 1s, .most = 1s}});
    each->repeat("nightly", hasten::schedule("*/15 * * * *"), hasten::make_job("cleanup", 30));
  }

  const auto completed = [&] { return store.counts(100)[hasten::job_state::completed]; };
  for (int second = 0; second < 3600; second += 5) {  // an hour: four ticks
    clock.advance(5s);
    calendar.advance(5s);
    one.run_once();  // start() would do this on a thread of its own
    two.run_once();
    std::this_thread::yield();
  }
  while (completed() < 4) {
    clock.advance(1s);
    calendar.advance(1s);
    one.run_once();
    two.run_once();
  }
  std::cout << completed() << " jobs completed in " << calls << " attempts\n";
  return completed() == 4 && calls == 5 ? EXIT_SUCCESS : EXIT_FAILURE;
}

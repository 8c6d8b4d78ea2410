// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/job_store.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
#include <stdexcept>

using hasten::job_event;
using hasten::job_state;
using namespace std::chrono_literals;

TEST_CASE("exactly the events that end an attempt can settle a job") {
  using hasten::detail::settled_state;
  CHECK(settled_state(job_event::succeed) == job_state::completed);
  CHECK(settled_state(job_event::fail) == job_state::scheduled);
  CHECK(settled_state(job_event::exhaust) == job_state::dead);
  CHECK(settled_state(job_event::snooze) == job_state::scheduled);
  CHECK(settled_state(job_event::cancel) == job_state::cancelled);
  for (const job_event event :
       {job_event::due, job_event::take, job_event::rescue, job_event::abandon, job_event::retry})
    CHECK_THROWS_AS(settled_state(event), std::invalid_argument);
}

TEST_CASE("a job that is to be cancelled is not tried again, whatever its handler says") {
  using hasten::detail::settled_event;
  CHECK(settled_event(job_event::fail, true) == job_event::cancel);
  CHECK(settled_event(job_event::snooze, true) == job_event::cancel);
  CHECK(settled_event(job_event::succeed, true) == job_event::succeed);
  CHECK(settled_event(job_event::fail, false) == job_event::fail);
}

TEST_CASE("times are kept in whole milliseconds, downwards, before 1970 too") {
  const hasten::wall_time at = hasten::wall_time{} + 1500us;
  CHECK(hasten::detail::to_unix_ms(at) == 1);
  CHECK(hasten::detail::to_unix_ms(hasten::wall_time{} - 1us) == -1);
  CHECK(hasten::detail::whole_ms(at) == hasten::wall_time{} + 1ms);
}

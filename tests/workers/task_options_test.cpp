// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/task_options.hpp>

#include <hasten/workers/worker_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <stop_token>

using hasten::task_lane;
using hasten::task_options;

TEST_CASE("options that name only a lane are plain") {
  CHECK(task_options{}.is_plain());
  CHECK(task_options{.lane = task_lane::background}.is_plain());
}

TEST_CASE("a deadline, a label or a stop token makes options more than plain") {
  hasten::worker_pool pool({.threads = 1});
  const std::stop_source stop;
  CHECK_FALSE(task_options{.deadline = hasten::steady_time{}}.is_plain());
  CHECK_FALSE(task_options{.label = pool.label("export")}.is_plain());
  CHECK_FALSE(task_options{.stop = stop.get_token()}.is_plain());
}

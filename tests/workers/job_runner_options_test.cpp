// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/job_runner_options.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

using hasten::job_runner_options;
using hasten::detail::checked;
using namespace std::chrono_literals;

TEST_CASE("a runner takes four jobs for each thread unless told otherwise") {
  CHECK(checked(job_runner_options{}, 3).in_hand_max == 12);
  CHECK(checked(job_runner_options{.in_hand_max = 5}, 3).in_hand_max == 5);
}

TEST_CASE("runner options out of range are refused by name") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(checked(job_runner_options{.name = ""}, 1), std::invalid_argument,
                       Message("job_runner: name must have 1..64 characters, got 0"));
  CHECK_THROWS_MATCHES(checked(job_runner_options{.lease = 1ms}, 1), std::invalid_argument,
                       Message("job_runner: lease must be 100000000..3600000000000 ns, got 1000000"));
  CHECK_THROWS_AS(checked(job_runner_options{.in_hand_max = 100'001}, 1), std::invalid_argument);
  CHECK_THROWS_AS(checked(job_runner_options{.lease = 2h}, 1), std::invalid_argument);
  CHECK_THROWS_AS(checked(job_runner_options{.upkeep = 1ms}, 1), std::invalid_argument);
  CHECK_THROWS_AS(checked(job_runner_options{.retention = {.dead = -1ms}}, 1), std::invalid_argument);
}

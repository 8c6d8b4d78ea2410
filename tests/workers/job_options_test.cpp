// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/job_options.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

using hasten::new_job;
using hasten::validate;
using namespace std::chrono_literals;

TEST_CASE("a job within its limits is accepted, at the limits too") {
  CHECK_NOTHROW(validate(new_job{.kind = "mail"}));
  CHECK_NOTHROW(validate(new_job{.kind = std::string(64, 'a'),
                                 .options = {.priority = 9,
                                             .attempts_max = 1000,
                                             .unique_key = std::string(200, 'k'),
                                             .unique_for = std::chrono::hours(24 * 366)}}));
}

TEST_CASE("a job beyond its limits is refused") {
  const auto refused = [](const new_job& job) { CHECK_THROWS_AS(validate(job), std::invalid_argument); };
  refused({.kind = ""});
  refused({.kind = std::string(65, 'a')});
  refused({.kind = "m\xC3\xA4il"});
  refused({.kind = "a", .options = {.priority = 10}});
  refused({.kind = "a", .options = {.attempts_max = 1001}});
  refused({.kind = "a", .options = {.unique_key = std::string(201, 'k')}});
  refused({.kind = "a", .options = {.unique_key = "k", .unique_for = -1ms}});
  refused({.kind = "a", .options = {.unique_key = "k", .unique_for = std::chrono::hours(24 * 367)}});
}

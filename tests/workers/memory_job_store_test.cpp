// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/memory_job_store.hpp>

#include "conformance/job_store_suite.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <array>
#include <stdexcept>

TEST_CASE("the memory store keeps every promise of a job store") {
  hasten::memory_job_store store;
  hasten::conformance::job_store_suite(store);
}

TEST_CASE("a full memory store refuses jobs and takes them again when there is room") {
  hasten::memory_job_store store({.jobs_max = 2});
  const hasten::manual_wall_clock clock;
  const std::array two{hasten::new_job{.kind = "a"}, hasten::new_job{.kind = "a"}};
  const auto made = store.enqueue(two, clock.now());
  try {
    store.enqueue(std::array{hasten::new_job{.kind = "a"}}, clock.now());
    FAIL("a third job was taken");
  } catch (const hasten::error& failure) {
    CHECK(failure.code() == hasten::errc::overloaded);
  }
  REQUIRE(store.cancel(made[0].id, clock.now()));
  REQUIRE(store.discard(made[0].id));
  CHECK_NOTHROW(store.enqueue(std::array{hasten::new_job{.kind = "a"}}, clock.now()));
}

TEST_CASE("a memory store's bound out of range is refused") {
  CHECK_THROWS_MATCHES(hasten::memory_job_store({.jobs_max = 0}), std::invalid_argument,
                       Catch::Matchers::Message("memory_job_store: jobs_max must be 1..100000000, got 0"));
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/worker_pool_options.hpp>

#include <hasten/workers/worker_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <stdexcept>

using Catch::Matchers::Message;
using hasten::worker_pool;
using namespace std::chrono_literals;

TEST_CASE("zero threads means the budget of the process, and background tasks leave one of them alone") {
  const auto chosen = hasten::detail::checked({});
  CHECK(chosen.threads == hasten::thread_budget());
  CHECK(hasten::detail::checked({.threads = 4}).background_max == 3);
  CHECK(hasten::detail::checked({.threads = 1}).background_max == 1);
  CHECK(worker_pool().stats().threads == hasten::thread_budget());
}

TEST_CASE("options out of range are refused by name, value and range") {
  CHECK_THROWS_MATCHES(worker_pool({.threads = 1025}), std::invalid_argument,
                       Message("worker_pool: threads must be 0..1024, got 1025"));
  CHECK_THROWS_MATCHES(worker_pool({.queue_max = 0}), std::invalid_argument,
                       Message("worker_pool: queue_max must be 1..1073741824, got 0"));
  CHECK_THROWS_MATCHES(worker_pool({.name = ""}), std::invalid_argument,
                       Message("worker_pool: name must have 1..10 characters, got \"\""));
  CHECK_THROWS_AS(worker_pool({.name = "eleven_long"}), std::invalid_argument);
  CHECK_THROWS_MATCHES(worker_pool({.block_max = -1ns}), std::invalid_argument,
                       Message("worker_pool: block_max must be 0..3600000000000 ns, got -1"));
  CHECK_THROWS_AS(worker_pool({.block_max = 2h}), std::invalid_argument);
  CHECK_THROWS_MATCHES(worker_pool({.threads = 2, .background_max = 3}), std::invalid_argument,
                       Message("worker_pool: background_max must be 0..threads, got 3"));
  CHECK_THROWS_MATCHES(worker_pool({.clock_sampling = 3}), std::invalid_argument,
                       Message("worker_pool: clock_sampling must be 0 or a power of two up to 1024, got 3"));
  CHECK_THROWS_AS(worker_pool({.clock_sampling = 2048}), std::invalid_argument);
  CHECK_THROWS_MATCHES(worker_pool({.timed_max = 1'000'001}), std::invalid_argument,
                       Message("worker_pool: timed_max must be 0..1000000, got 1000001"));
  CHECK_THROWS_MATCHES(worker_pool({.labels_max = 10'001}), std::invalid_argument,
                       Message("worker_pool: labels_max must be 0..10000, got 10001"));
  CHECK_THROWS_MATCHES(worker_pool({.clock_sampling = 1, .shed_after = 1ns}), std::invalid_argument,
                       Message("worker_pool: shed_after must be 0 or 1000..60000000000 ns, got 1"));
  CHECK_THROWS_MATCHES(
      worker_pool({.clock_sampling = 1, .shed_after = 5ms, .shed_interval = 1ms}), std::invalid_argument,
      Message("worker_pool: shed_interval must be shed_after..600000000000 ns, got 1000000"));
  CHECK_THROWS_MATCHES(worker_pool({.shed_after = 5ms}), std::invalid_argument,
                       Message("worker_pool: clock_sampling must be 1 with shed_after, got 32"));
}

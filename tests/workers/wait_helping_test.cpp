// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/wait_helping.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <future>

using namespace std::chrono_literals;
using hasten::wait_helping;
using hasten::worker_pool;

namespace {

hasten::steady_time in_a_minute() { return hasten::steady_clock_source::now() + 60s; }

// Every level waits for tasks of the pool that it runs on.
int fibonacci(worker_pool& pool, int n) {
  if (n < 2) return n;
  auto left = pool.submit([&pool, n] { return fibonacci(pool, n - 1); });
  const int right = fibonacci(pool, n - 2);
  REQUIRE(wait_helping(pool, left, in_a_minute()));
  return left.get() + right;
}

}  // namespace

TEST_CASE("tasks that wait for tasks of their own pool do not block it, not even with one thread") {
  for (const unsigned threads : {1U, 2U}) {
    worker_pool pool({.threads = threads});
    CHECK(pool.submit([&pool] { return fibonacci(pool, 10); }).get() == 55);
  }
}

TEST_CASE("a future that never becomes ready is given up at the deadline") {
  worker_pool pool({.threads = 1});
  std::promise<void> never;
  const auto future = never.get_future();
  CHECK_FALSE(wait_helping(pool, future, hasten::steady_clock_source::now()));
}

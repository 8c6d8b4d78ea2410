// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/fork_join.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <latch>
#include <numeric>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using hasten::fork_join;
using hasten::worker_pool;

namespace {

long fib(worker_pool& pool, int n) {
  if (n < 2) return n;
  long left = 0;
  long right = 0;
  fork_join(pool, [&] { left = fib(pool, n - 1); }, [&] { right = fib(pool, n - 2); });
  return left + right;
}

}  // namespace

TEST_CASE("both callables have run when fork_join returns") {
  worker_pool pool({.threads = 2});
  int first = 0;
  int second = 0;
  fork_join(pool, [&] { first = 1; }, [&] { second = 2; });
  CHECK(first == 1);
  CHECK(second == 2);
}

TEST_CASE("forks may fork again, from outside and inside a task") {
  worker_pool pool({.threads = 3});
  CHECK(fib(pool, 18) == 2'584);
  CHECK(pool.submit([&] { return fib(pool, 18); }).get() == 2'584);
}

TEST_CASE("an idle worker takes the second callable while the first runs") {
  worker_pool pool({.threads = 1});
  std::latch both(2);
  std::thread::id second;
  // Hangs unless both run at once.
  fork_join(
      pool, [&] { both.arrive_and_wait(); },
      [&] {
        second = std::this_thread::get_id();
        both.arrive_and_wait();
      });
  CHECK(second != std::this_thread::get_id());
}

TEST_CASE("a pool that is paused or closed leaves both callables to the caller") {
  worker_pool pool({.threads = 1});
  pool.pause();
  CHECK(fib(pool, 10) == 55);
  pool.drain(hasten::steady_clock_source::now() + 1min);
  CHECK(fib(pool, 10) == 55);
}

TEST_CASE("what either callable throws comes out, and the first goes before the second") {
  worker_pool pool({.threads = 2});
  for (int round = 0; round < 50; ++round) {
    CHECK_THROWS_AS(
        fork_join(pool, [] { throw std::runtime_error("first"); }, [] { throw 2; }), std::runtime_error);
    CHECK_THROWS_AS(fork_join(pool, [] {}, [] { throw 2; }), int);
  }
}

TEST_CASE("a second callable that has begun is waited for although the first throws") {
  worker_pool pool({.threads = 1});
  std::latch begun(1);
  std::atomic<bool> is_over{false};
  CHECK_THROWS_AS(fork_join(
                      pool,
                      [&] {
                        begun.wait();
                        throw 1;
                      },
                      [&] {
                        begun.count_down();
                        for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
                        is_over = true;
                      }),
                  int);
  CHECK(is_over);
}

TEST_CASE("more threads from outside than there are places do their work all the same") {
  worker_pool pool({.threads = 2});
  std::atomic<long> sum{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) callers.emplace_back([&] { sum += fib(pool, 12); });
  for (auto& caller : callers) caller.join();
  CHECK(sum == 8 * 144);
}

TEST_CASE("forks deeper than a thread can keep are run in place") {
  worker_pool pool({.threads = 1});
  pool.pause();
  int deepest = 0;
  const auto dive = [&](auto&& self, int depth) -> void {
    deepest = depth;
    if (depth < 3'000) fork_join(pool, [&] { self(self, depth + 1); }, [] {});
  };
  dive(dive, 0);
  CHECK(deepest == 3'000);
}

TEST_CASE("a task of one pool may fork in another") {
  worker_pool outer({.threads = 1});
  worker_pool inner({.threads = 1});
  const auto both = outer
                        .submit([&] {
                          long other = 0;
                          fork_join(outer, [&] { other = fib(inner, 10); }, [] {});
                          return other + fib(outer, 10);
                        })
                        .get();
  CHECK(both == 110);
}

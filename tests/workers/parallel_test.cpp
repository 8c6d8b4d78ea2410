// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/parallel.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstddef>
#include <numeric>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

using hasten::parallel_for;
using hasten::parallel_reduce;
using hasten::parallel_transform;
using hasten::worker_pool;

TEST_CASE("a parallel loop visits every index once, whatever the grain") {
  worker_pool pool({.threads = 2});
  for (const std::size_t count : {0U, 1U, 2U, 17U, 1'000U}) {
    for (const std::size_t grain : {0U, 1U, 7U, 5'000U}) {
      std::vector<std::atomic<int>> visits(count);
      CHECK(parallel_for(pool, 0, count, [&](std::size_t i) { ++visits[i]; }, {.grain = grain}));
      for (const auto& each : visits) REQUIRE(each == 1);
    }
  }
}

TEST_CASE("a parallel loop runs over part of a range, and an empty or backward range is no work") {
  worker_pool pool({.threads = 1});
  std::atomic<std::size_t> sum{0};
  CHECK(parallel_for(pool, 3, 6, [&](std::size_t i) { sum += i; }));
  CHECK(sum == 12);
  CHECK(parallel_for(pool, 6, 3, [&](std::size_t) { FAIL("there is no index here"); }));
}

TEST_CASE("the first exception of a parallel loop reaches the caller and leaves out the rest") {
  worker_pool pool({.threads = 2});
  std::atomic<int> ran{0};
  const auto body = [&](std::size_t i) {
    if (i == 0) throw std::runtime_error("no");
    ++ran;
  };
  CHECK_THROWS_AS(parallel_for(pool, 0, 100'000, body, {.grain = 1}), std::runtime_error);
  CHECK(ran < 100'000);
  CHECK(pool.submit([] { return 1; }).get() == 1);
}

TEST_CASE("a parallel loop leaves out what has not begun when a stop is requested") {
  worker_pool pool({.threads = 1});
  std::stop_source stop;
  std::atomic<int> ran{0};
  const auto body = [&](std::size_t) {
    ++ran;
    stop.request_stop();
  };
  CHECK_FALSE(parallel_for(pool, 0, 100'000, body, {.grain = 1, .stop = stop.get_token()}));
  CHECK(ran <= 2);
}

TEST_CASE("a parallel loop needs no worker: it goes on in a paused and in a closed pool") {
  worker_pool pool({.threads = 2});
  pool.pause();
  std::atomic<int> ran{0};
  CHECK(parallel_for(pool, 0, 100, [&](std::size_t) { ++ran; }));
  pool.drain(hasten::steady_clock_source::now() + std::chrono::minutes(1));
  CHECK(parallel_for(pool, 0, 100, [&](std::size_t) { ++ran; }));
  CHECK(ran == 200);
}

TEST_CASE("parallel loops nest inside tasks of the same pool") {
  worker_pool pool({.threads = 2});
  std::atomic<int> ran{0};
  CHECK(parallel_for(
      pool, 0, 8, [&](std::size_t) { parallel_for(pool, 0, 8, [&](std::size_t) { ++ran; }, {.grain = 1}); },
      {.grain = 1}));
  CHECK(ran == 64);
}

TEST_CASE("a transform writes each result to the place of its element") {
  worker_pool pool({.threads = 2});
  std::vector<int> input(1'000);
  std::iota(input.begin(), input.end(), 0);
  std::vector<std::string> output(input.size());
  CHECK(parallel_transform(pool, input, output.begin(), [](int n) { return std::to_string(n); }));
  for (std::size_t i = 0; i < output.size(); ++i) REQUIRE(output[i] == std::to_string(i));
}

TEST_CASE("a reduction combines in the order of the elements") {
  worker_pool pool({.threads = 2});
  std::vector<char> letters(500);
  for (std::size_t i = 0; i < letters.size(); ++i) letters[i] = static_cast<char>('a' + i % 26);
  const auto text = parallel_reduce(
      pool, letters, std::string(), [](char c) { return std::string(1, c); },
      [](std::string left, const std::string& right) { return std::move(left) + right; }, {.grain = 3});
  CHECK(text == std::string(letters.begin(), letters.end()));
}

TEST_CASE("a floating-point sum repeats to the bit if its grain is given") {
  std::vector<double> values(10'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1.0 / static_cast<double>(i + 1);
  const auto sum = [&](unsigned threads) {
    worker_pool pool({.threads = threads});
    return parallel_reduce(
        pool, values, 0.0, [](double value) { return value; }, [](double a, double b) { return a + b; },
        {.grain = 64});
  };
  const double first = sum(1);
  for (int round = 0; round < 5; ++round) CHECK(sum(3) == first);
}

TEST_CASE("reducing nothing gives the identity") {
  worker_pool pool({.threads = 1});
  const std::vector<int> none;
  const auto plus = [](int a, int b) { return a + b; };
  CHECK(parallel_reduce(pool, none, 7, [](int n) { return n; }, plus) == 7);
}

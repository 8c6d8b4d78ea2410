// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/thread_shards.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <cstdint>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

TEST_CASE("words start at zero and add up over threads that are gone") {
  hasten::thread_shards counts(3);
  CHECK(counts.words() == 3);
  CHECK(counts.sum(1) == 0);
  for (int i = 0; i < 4; ++i) std::thread([&] { counts.add(1, 10); }).join();
  counts.add(1, 2);
  counts.add(2, 1);
  CHECK(counts.sum(0) == 0);
  CHECK(counts.sum(1) == 42);
  CHECK(counts.sum(2) == 1);
}

TEST_CASE("one thread after another counts on in the same row") {
  hasten::thread_shards counts(1);
  const auto rows = [&] {
    int found = 0;
    counts.each([&](const hasten::thread_shards::word*) { ++found; });
    return found;
  };
  CHECK(rows() == 0);
  for (int i = 0; i < 5; ++i) std::thread([&] { counts.add(0, 1); }).join();
  CHECK(rows() == 1);
  CHECK(counts.sum(0) == 5);
}

TEST_CASE("without rows of their own all threads share, and no count is lost") {
  hasten::thread_shards counts(1, 0);
  CHECK(counts.own() == nullptr);
  constexpr std::uint64_t each = 5'000;
  std::latch start(3);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&] {
        start.arrive_and_wait();
        for (std::uint64_t n = 0; n < each; ++n) counts.add(0, 1);
      });
  }
  CHECK(counts.sum(0) == 3 * each);
  CHECK(counts.lost() == 0);
}

TEST_CASE("a count that had to be given up is told") {
  hasten::thread_shards counts(1);
  counts.lose();
  CHECK(counts.lost() == 1);
}

TEST_CASE("sums never go down while others count") {
  hasten::thread_shards counts(1);
  constexpr std::uint64_t each = 20'000;
  std::latch start(3);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      start.arrive_and_wait();
      for (std::uint64_t n = 0; n < each; ++n) counts.add(0, 1);
    });
  start.arrive_and_wait();
  std::uint64_t last = 0;
  while (last < 2 * each) {
    const std::uint64_t now = counts.sum(0);
    REQUIRE(now >= last);
    last = now;
  }
  CHECK(last == 2 * each);
}

TEST_CASE("thread_shards refuses sizes out of range by name") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(hasten::thread_shards(0), std::invalid_argument,
                       Message("thread_shards: words must be 1..16777216, got 0"));
  CHECK_THROWS_MATCHES(hasten::thread_shards(1, 129), std::invalid_argument,
                       Message("thread_shards: rows_max must be 0..128, got 129"));
}

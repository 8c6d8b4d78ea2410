// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/bounded_queue.hpp>

#include "support/thread_checks.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <array>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

using hasten::bounded_queue;
using hasten::push_result;

TEST_CASE("elements come out in the order in which they went in") {
  bounded_queue<int> queue(3);
  for (int i = 1; i <= 3; ++i) REQUIRE(queue.try_push(int(i)) == push_result::pushed);
  for (int i = 1; i <= 3; ++i) {
    int out = 0;
    REQUIRE(queue.try_pop(out));
    CHECK(out == i);
  }
  int out = 0;
  CHECK_FALSE(queue.try_pop(out));
}

TEST_CASE("the bound is exact, whether or not it is a power of two") {
  for (const std::size_t size_max : {1U, 2U, 3U, 4U, 5U, 100U}) {
    bounded_queue<std::size_t> queue(size_max);
    for (int round = 0; round < 3; ++round) {  // also after the ring has wrapped
      for (std::size_t i = 0; i < size_max; ++i)
        REQUIRE(queue.try_push(std::size_t(i)) == push_result::pushed);
      REQUIRE(queue.try_push(99) == push_result::full);
      REQUIRE(queue.size() == size_max);
      std::size_t out = 0;
      for (std::size_t i = 0; i < size_max; ++i) {
        REQUIRE(queue.try_pop(out));
        REQUIRE(out == i);
      }
      REQUIRE(queue.is_empty());
    }
  }
}

TEST_CASE("an element that is refused stays with the caller") {
  bounded_queue<std::unique_ptr<int>> queue(1);
  REQUIRE(queue.try_push(std::make_unique<int>(1)) == push_result::pushed);
  auto element = std::make_unique<int>(2);
  CHECK(queue.try_push(element) == push_result::full);
  REQUIRE(element);
  CHECK(*element == 2);
}

TEST_CASE("a closed queue takes nothing more and gives out what it has") {
  bounded_queue<int> queue(4);
  REQUIRE(queue.try_push(1) == push_result::pushed);
  CHECK_FALSE(queue.is_closed());
  queue.close();
  queue.close();
  CHECK(queue.is_closed());
  CHECK(queue.try_push(2) == push_result::closed);
  CHECK_FALSE(queue.is_empty());
  int out = 0;
  CHECK(queue.try_pop(out));
  CHECK(out == 1);
  CHECK(queue.is_empty());
}

TEST_CASE("what is left in a queue dies with it") {
  const auto element = std::make_shared<int>(1);
  {
    bounded_queue<std::shared_ptr<int>> queue(4);
    for (int i = 0; i < 3; ++i) REQUIRE(queue.try_push(std::shared_ptr<int>(element)) == push_result::pushed);
    std::shared_ptr<int> out;
    REQUIRE(queue.try_pop(out));
    CHECK(element.use_count() == 4);
  }
  CHECK(element.use_count() == 1);
}

TEST_CASE("an array kept beside the queue stays in step with its slots") {
  bounded_queue<int> queue(3);
  std::vector<int> beside(queue.slot_count());
  CHECK(queue.slot_count() >= queue.size_max());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(queue.try_push(int(i), [&](std::size_t slot) { beside[slot] = i; }) == push_result::pushed);
    int out = -1;
    int noted = -2;
    REQUIRE(queue.try_pop(out, [&](std::size_t slot) { noted = beside[slot]; }));
    CHECK(out == i);
    CHECK(noted == i);
  }
}

TEST_CASE("whether the oldest element may be taken is asked once it is there") {
  bounded_queue<int> queue(2);
  int asked = 0;
  bool is_allowed = false;
  const auto may_take = [&] {
    ++asked;
    return is_allowed;
  };
  int out = 0;
  const auto pop = [&] { return queue.try_pop(out, [](std::size_t) {}, may_take); };
  CHECK_FALSE(pop());
  CHECK(asked == 0);
  REQUIRE(queue.try_push(7) == push_result::pushed);
  CHECK_FALSE(pop());
  CHECK(asked == 1);
  CHECK(queue.size() == 1);
  is_allowed = true;
  CHECK(pop());
  CHECK(out == 7);
}

TEST_CASE("a queue without room, or with more than the limit, is refused by name") {
  CHECK_THROWS_MATCHES(bounded_queue<int>(0), std::invalid_argument,
                       Catch::Matchers::Message("bounded_queue: size_max must be 1..1073741824, got 0"));
  CHECK_THROWS_AS(bounded_queue<int>(bounded_queue<int>::size_max_limit + 1), std::invalid_argument);
}

TEST_CASE("many producers and consumers lose nothing, double nothing and keep each producer's order") {
  constexpr std::uint64_t producers = 3;
  constexpr std::uint64_t consumers = 2;
  constexpr std::uint64_t each = 4'000;
  for (const std::size_t size_max : {1U, 7U, 64U}) {
    bounded_queue<std::uint64_t> queue(size_max);
    std::atomic<std::uint64_t> taken{0};
    std::vector<std::vector<std::uint64_t>> seen(consumers);
    std::barrier start(producers + consumers);
    std::vector<std::thread> threads;
    for (std::uint64_t p = 0; p < producers; ++p) {
      threads.emplace_back([&, p] {
        start.arrive_and_wait();
        for (std::uint64_t i = 0; i < each; ++i) {
          while (queue.try_push(p * each + i) != push_result::pushed) std::this_thread::yield();
        }
      });
    }
    for (std::uint64_t c = 0; c < consumers; ++c) {
      threads.emplace_back([&, c] {
        start.arrive_and_wait();
        while (taken.load() < producers * each) {
          std::uint64_t out = 0;
          if (queue.try_pop(out)) {
            taken.fetch_add(1);
            seen[c].push_back(out);
          } else {
            std::this_thread::yield();
          }
        }
      });
    }
    for (auto& thread : threads) thread.join();

    std::vector<int> times(producers * each);
    for (const auto& one : seen) {
      std::array<std::uint64_t, producers> next{};
      for (const std::uint64_t value : one) {
        ++times[value];
        auto& expected = next[value / each];
        REQUIRE(value % each >= expected);
        expected = value % each + 1;
      }
    }
    for (const int count : times) REQUIRE(count == 1);
    CHECK(queue.is_empty());
  }
}

TEST_CASE("closing while producers push loses nothing that was accepted") {
  for (int round = 0; round < 50; ++round) {
    bounded_queue<int> queue(1'000);
    std::atomic<int> accepted{0};
    std::barrier start(3);
    std::vector<std::thread> producers;
    for (int p = 0; p < 2; ++p) {
      producers.emplace_back([&] {
        start.arrive_and_wait();
        while (queue.try_push(1) == push_result::pushed) accepted.fetch_add(1);
      });
    }
    start.arrive_and_wait();
    std::this_thread::yield();
    queue.close();
    for (auto& producer : producers) producer.join();
    int out = 0;
    int drained = 0;
    while (queue.try_pop(out)) ++drained;
    REQUIRE(drained == accepted.load());
    REQUIRE(queue.is_empty());
  }
}

TEST_CASE("several elements go in side by side, as many as there is room for") {
  bounded_queue<int> queue(5);
  std::vector<std::size_t> slots;
  const auto push = [&](int first, std::size_t count) {
    return queue.try_push_some(
        count, [first](std::size_t i) { return first + static_cast<int>(i); },
        [&](std::size_t slot) { slots.push_back(slot); });
  };
  CHECK(push(0, 3) == 3);
  CHECK(push(3, 4) == 2);
  CHECK(push(9, 1) == 0);
  CHECK(slots == std::vector<std::size_t>{0, 1, 2, 3, 4});
  int out = -1;
  for (int i = 0; i < 5; ++i) {
    REQUIRE(queue.try_pop(out));
    CHECK(out == i);
  }
  CHECK(push(5, 5) == 5);  // across the end of the ring
  queue.close();
  CHECK(push(9, 1) == 0);
}

TEST_CASE("groups pushed by several threads stay together") {
  constexpr std::size_t groups = 500;
  constexpr std::size_t size = 4;
  bounded_queue<std::size_t> queue(2 * groups * size);
  thread_checks expect;
  std::vector<std::thread> producers;
  for (std::size_t p = 0; p < 2; ++p) {
    producers.emplace_back([&, p] {
      for (std::size_t g = 0; g < groups; ++g) {
        const std::size_t first = (p * groups + g) * size;
        expect(queue.try_push_some(
                   size, [first](std::size_t i) { return first + i; }, [](std::size_t) {}) == size);
      }
    });
  }
  for (auto& producer : producers) producer.join();
  std::size_t out = 0;
  for (std::size_t g = 0; g < 2 * groups; ++g) {
    REQUIRE(queue.try_pop(out));
    const std::size_t first = out;
    REQUIRE(first % size == 0);
    for (std::size_t i = 1; i < size; ++i) {
      REQUIRE(queue.try_pop(out));
      REQUIRE(out == first + i);
    }
  }
}

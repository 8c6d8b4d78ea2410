// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <support/thread_checks.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

using hasten::manual_clock;

template <class T>
using timed_cache = hasten::memory_cache<T, T, hasten::cache_hash<T>, std::equal_to<>, manual_clock>;

template <class T>
T made(std::uint64_t number) {
  if constexpr (std::is_same_v<T, std::string>)
    return "a text too long to be kept in place, number " + std::to_string(number);
  else
    return number;
}

}  // namespace

TEMPLATE_TEST_CASE("entries whose time is over go without being asked for, a few with each write", "",
                   std::uint64_t, std::string) {
  manual_clock clock;
  timed_cache<TestType> cache({.entries_max = 1'000, .shards = 1}, clock);
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  for (std::uint64_t i = 0; i < 400; ++i) cache.put(n(i), n(i), 10s);
  for (std::uint64_t i = 400; i < 500; ++i) cache.put(n(i), n(i), 1h);
  clock.advance(10s + 200ms);
  CHECK(cache.size() == 500);
  for (std::uint64_t i = 0; i < 200; ++i) cache.put(n(900), n(i), 1h);
  CHECK(cache.size() == 101);
  CHECK(cache.stats().evictions_expired == 400);
  for (std::uint64_t i = 400; i < 500; ++i) CHECK(cache.get(n(i)));
}

TEMPLATE_TEST_CASE("tidy removes all that is over, whatever time has passed", "", std::uint64_t,
                   std::string) {
  manual_clock clock;
  timed_cache<TestType> cache({.entries_max = 2'000, .shards = 2}, clock);
  std::multimap<std::chrono::nanoseconds, std::uint64_t> ends;
  std::minstd_rand random(7);
  const std::chrono::nanoseconds spans[] = {1s, 10s, 10min, 12h, 24h * 40, 24h * 365 * 20};
  std::chrono::nanoseconds now{};
  std::uint64_t key = 0;
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 30; ++i, ++key) {
      const auto ttl = spans[random() % 6] / 500 * static_cast<int>(1 + random() % 1000) + 1ns;
      cache.put(made<TestType>(key), made<TestType>(key), ttl);
      ends.emplace(now + ttl, key);
    }
    const auto step = spans[random() % 6] / static_cast<int>(1 + random() % 9);
    clock.advance(step);
    now += step;
    cache.tidy();
    // The wheel looks at an entry up to two of its steps after the end.
    const auto alive = static_cast<std::size_t>(std::distance(ends.upper_bound(now), ends.end()));
    const auto late = static_cast<std::size_t>(std::distance(ends.upper_bound(now - 300ms), ends.end()));
    REQUIRE(cache.size() >= alive);
    REQUIRE(cache.size() <= late);
    for (auto at = ends.begin(); at != ends.end(); ++at)
      REQUIRE(cache.visit(made<TestType>(at->second), [](const auto&) {}) == (at->first > now));
    ends.erase(ends.begin(), ends.upper_bound(now));
  }
  CHECK(cache.stats().evictions_size == 0);
}

TEMPLATE_TEST_CASE("an entry nobody asks for goes when it was idle for long, and one that is asked for stays",
                   "", std::uint64_t, std::string) {
  manual_clock clock;
  timed_cache<TestType> cache({.entries_max = 100, .idle_max = 16s}, clock);
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  cache.put(n(1), n(1));
  cache.put(n(2), n(2));
  for (int i = 0; i < 20; ++i) {
    clock.advance(10s);
    CHECK(cache.get(n(1)) == n(1));
  }
  CHECK(!cache.get(n(2)));
  CHECK(cache.stats().evictions_expired == 1);
  clock.advance(16s - 1ns);
  CHECK(cache.get(n(1)));
  clock.advance(17s);
  CHECK(!cache.get(n(1)));
  SECTION("it is taken out without being asked for") {
    cache.put(n(3), n(3));
    clock.advance(18s);
    cache.tidy();
    CHECK(cache.size() == 0);
  }
  SECTION("its ttl ends it all the same") {
    cache.put(n(3), n(3), 20s);
    clock.advance(10s);
    CHECK(cache.get(n(3)));
    clock.advance(10s);
    CHECK(!cache.get(n(3)));
  }
  SECTION("a walk over the entries does not count as asking") {
    cache.put(n(3), n(3));
    clock.advance(10s);
    CHECK(cache.erase_if([](const auto&, const auto&) { return false; }) == 0);
    clock.advance(8s);
    CHECK(!cache.get(n(3)));
  }
}

TEMPLATE_TEST_CASE("a clock that goes back or far ahead breaks nothing", "", std::uint64_t, std::string) {
  manual_clock clock;
  timed_cache<TestType> cache({.entries_max = 100, .ttl = 60s, .idle_max = 30s}, clock);
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  clock.advance(24h);
  cache.put(n(1), n(1));
  clock.advance(-12h);
  CHECK(cache.get(n(1)));
  cache.put(n(2), n(2));
  cache.tidy();
  CHECK(cache.size() == 2);
  clock.advance(12h + 10s);
  CHECK(cache.get(n(1)));
  CHECK(!cache.get(n(2)));
  clock.advance(24h * 365 * 100);
  CHECK(!cache.get(n(1)));
  cache.put(n(1), n(1));
  CHECK(cache.get(n(1)));
  cache.tidy();
  CHECK(cache.size() == 1);
}

TEMPLATE_TEST_CASE("what is kept to stand in for a failing loader is not taken out before its time", "",
                   std::uint64_t, std::string) {
  manual_clock clock;
  timed_cache<TestType> cache({.entries_max = 100, .ttl = 10s, .stale_max = 60s}, clock);
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  cache.put(n(1), n(1));
  clock.advance(30s);
  cache.tidy();
  CHECK(cache.size() == 1);
  CHECK(cache.get_or_load(n(1), []() -> TestType { throw std::runtime_error("down"); }) == n(1));
  clock.advance(41s);
  cache.tidy();
  CHECK(cache.size() == 0);
}

TEST_CASE("an idle time out of range is refused") {
  CHECK_THROWS_AS(timed_cache<std::uint64_t>({.idle_max = -1s}), std::invalid_argument);
  CHECK_THROWS_AS(timed_cache<std::uint64_t>({.idle_max = 24h * 366 * 101}), std::invalid_argument);
}

TEMPLATE_TEST_CASE("time passes beside readers, writers and tidying", "[race]", std::uint64_t, std::string) {
  manual_clock clock;
  timed_cache<TestType> cache({.entries_max = 200, .ttl = 5s, .idle_max = 2s, .shards = 2, .ttl_jitter = 0.3},
                              clock);
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  {
    thread_checks expect;
    std::vector<std::jthread> crew;
    for (unsigned t = 0; t < 3; ++t)
      crew.emplace_back([&, t] {
        std::minstd_rand random(t + 1);
        for (int i = 0; i < 1'500; ++i) {
          const std::uint64_t key = random() % 300;
          cache.visit(n(key), [&](const TestType& value) { expect(value == n(key)); });
          if (i % 3 == 0) cache.put(n(key), n(key));
          if (i % 5 == 0) cache.put(n(key), n(key), 1s);
          if (i % 4 == 0) clock.advance(10ms);
          if (i % 100 == 0) cache.tidy();
          if (i % 50 == 0) cache.erase(n(random() % 300));
          expect(cache.size() <= 200);
        }
      });
  }
  clock.advance(10s);
  cache.tidy();
  CHECK(cache.size() == 0);
}

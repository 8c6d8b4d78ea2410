// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/cache_rules.hpp>

#include "support/thread_checks.hpp"

#include <hasten/cache/memory_cache.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

/// A value is its own weight; of a text, its length.
struct own_weight {
  std::uint64_t weight(std::uint64_t, std::uint64_t value) const { return value; }
  std::uint64_t weight(const std::string&, const std::string& value) const { return value.size(); }
};

template <class T, class Rules>
using cache_by =
    hasten::memory_cache<T, T, hasten::cache_hash<T>, std::equal_to<>, hasten::manual_clock, Rules>;

template <class T>
T key_of(std::uint64_t number) {
  if constexpr (std::is_same_v<T, std::string>)
    return "key " + std::to_string(number);
  else
    return number;
}
template <class T>
T of_weight(std::uint64_t weight) {
  if constexpr (std::is_same_v<T, std::string>)
    return std::string(weight, 'w');
  else
    return weight;
}

}  // namespace

TEMPLATE_TEST_CASE("a cache with weights never weighs more than its bound", "", std::uint64_t, std::string) {
  cache_by<TestType, own_weight> cache({.entries_max = 1000, .weight_max = 500, .shards = 4});
  std::minstd_rand random(1);
  for (int i = 0; i < 5'000; ++i) {
    cache.put(key_of<TestType>(random() % 400), of_weight<TestType>(random() % 60));
    const auto stats = cache.stats();
    REQUIRE(stats.weight <= 500);
    REQUIRE(stats.size <= 1000);
  }
  CHECK(cache.stats().weight > 400);
  CHECK(cache.stats().weight_max == 500);
  CHECK(cache.stats().evictions_size > 0);
  cache.clear();
  CHECK(cache.stats().weight == 0);
}

TEMPLATE_TEST_CASE("one value may take the whole weight, whatever shard it is in", "", std::uint64_t,
                   std::string) {
  cache_by<TestType, own_weight> cache({.entries_max = 1000, .weight_max = 300, .shards = 4});
  for (std::uint64_t i = 0; i < 300; ++i) cache.put(key_of<TestType>(i), of_weight<TestType>(1));
  CHECK(cache.stats().weight == 300);
  cache.put(key_of<TestType>(1000), of_weight<TestType>(300));
  CHECK(cache.get(key_of<TestType>(1000)) == of_weight<TestType>(300));
  CHECK(cache.size() == 1);
  CHECK(cache.stats().weight == 300);
}

TEMPLATE_TEST_CASE("a value heavier than the bound is refused, counted, and takes the outdated one with it",
                   "", std::uint64_t, std::string) {
  cache_by<TestType, own_weight> cache({.entries_max = 10, .weight_max = 100});
  cache.put(key_of<TestType>(1), of_weight<TestType>(10));
  cache.put(key_of<TestType>(2), of_weight<TestType>(10));
  cache.put(key_of<TestType>(1), of_weight<TestType>(101));
  CHECK(!cache.get(key_of<TestType>(1)));
  CHECK(cache.get(key_of<TestType>(2)));
  CHECK(cache.stats().refused == 1);
  CHECK(cache.stats().weight == 10);
  CHECK(cache.get_or_load(key_of<TestType>(3), [] { return of_weight<TestType>(101); }) ==
        of_weight<TestType>(101));
  CHECK(!cache.get(key_of<TestType>(3)));
  CHECK(cache.stats().refused == 2);
}

TEMPLATE_TEST_CASE("the weight follows a value that is replaced by a lighter or a heavier one", "",
                   std::uint64_t, std::string) {
  cache_by<TestType, own_weight> cache({.entries_max = 10, .weight_max = 100});
  for (const std::uint64_t weight : {40U, 10U, 90U, 0U, 100U}) {
    cache.put(key_of<TestType>(1), of_weight<TestType>(weight));
    CHECK(cache.stats().weight == weight);
    CHECK(cache.get(key_of<TestType>(1)) == of_weight<TestType>(weight));
  }
  cache.erase(key_of<TestType>(1));
  CHECK(cache.stats().weight == 0);
}

TEST_CASE("weights without a bound are only summed") {
  cache_by<std::uint64_t, own_weight> cache({.entries_max = 10});
  for (std::uint64_t i = 1; i <= 4; ++i) cache.put(i, 1'000'000'000'000 * i);
  CHECK(cache.stats().weight == 10'000'000'000'000);
  CHECK(cache.stats().weight_max == 0);
}

TEST_CASE("a bound of weight without rules that weigh is refused") {
  CHECK_THROWS_AS((hasten::memory_cache<int, int>({.weight_max = 1})), std::invalid_argument);
}

TEMPLATE_TEST_CASE("the bounds hold at every moment, while threads write and resize", "[race]", std::uint64_t,
                   std::string) {
  cache_by<TestType, own_weight> cache(
      {.entries_max = 100, .entries_limit = 200, .weight_max = 2'000, .shards = 4});
  {
    thread_checks expect;
    std::vector<std::jthread> crew;
    for (unsigned t = 0; t < 4; ++t)
      crew.emplace_back([&, t] {
        std::minstd_rand random(t + 1);
        for (int i = 0; i < 2'000; ++i) {
          cache.put(key_of<TestType>(random() % 300), of_weight<TestType>(random() % 100));
          cache.visit(key_of<TestType>(random() % 300), [](const auto&) {});
          if (t == 0 && i % 100 == 0) cache.resize(50 + random() % 150, 500 + random() % 1'500);
          const auto stats = cache.stats();
          expect(stats.weight <= 2'000);
          expect(stats.size <= 200);
        }
      });
  }
  cache.resize(20, 100);
  CHECK(cache.size() <= 20);
  CHECK(cache.stats().weight <= 100);
}

TEST_CASE("a cache bounded by weight alone still keeps what is asked for often") {
  struct tens {
    std::uint64_t weight(std::uint64_t, std::uint64_t) const { return 10; }
  };
  cache_by<std::uint64_t, tens> cache({.entries_max = 100'000, .weight_max = 5'000, .shards = 1});
  std::minstd_rand random(7);
  const auto ask = [&](std::uint64_t key) {
    if (!cache.get(key)) cache.put(key, key);
  };
  for (int i = 0; i < 20'000; ++i) ask(random() % 300);
  for (std::uint64_t key = 1'000; key < 11'000; ++key) {
    ask(key);
    ask(random() % 300);
  }
  int kept = 0;
  for (std::uint64_t key = 0; key < 300; ++key) kept += cache.get(key) ? 1 : 0;
  CHECK(kept > 270);
}

TEST_CASE("a value can tell how long it is served") {
  struct seconds_of_value {
    std::chrono::nanoseconds ttl(std::uint64_t value) const { return std::chrono::seconds(value); }
  };
  hasten::manual_clock clock;
  cache_by<std::uint64_t, seconds_of_value> cache({.entries_max = 10, .ttl = 1h}, clock);
  cache.put(1, 10);
  cache.put(2, 20);
  cache.put(3, 0);
  cache.put(4, 10, 60s);  // what is said at the call counts for more
  clock.advance(10s);
  CHECK(!cache.get(1U));
  CHECK(cache.get(2U));
  clock.advance(24h);
  CHECK(!cache.get(2U));
  CHECK(cache.get(3U));
  CHECK(!cache.get(4U));
}

TEST_CASE("rules that throw store nothing and change nothing") {
  struct moody {
    std::uint64_t weight(std::uint64_t, std::uint64_t value) const {
      if (value == 13) throw std::runtime_error("no");
      return value;
    }
  };
  cache_by<std::uint64_t, moody> cache({.entries_max = 10, .weight_max = 100});
  cache.put(1, 1);
  CHECK_THROWS_AS(cache.put(1, 13), std::runtime_error);
  CHECK(cache.get(1U) == 1);
  CHECK_THROWS_AS(cache.get_or_load(2U, [] { return 13U; }), std::runtime_error);
  CHECK(cache.get_or_load(2U, [] { return 2U; }) == 2);
  CHECK(cache.stats().weight == 3);
}

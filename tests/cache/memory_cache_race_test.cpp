// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>
#include <hasten/core/unique_function.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <support/thread_checks.hpp>

#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

template <class T>
using timed_cache = hasten::memory_cache<T, T, hasten::cache_hash<T>, std::equal_to<>, hasten::manual_clock>;

template <class T>
T made(std::uint64_t number) {
  if constexpr (std::is_same_v<T, std::string>)
    return "race:number " + std::to_string(number);
  else
    return number;
}

/// All keys collide: they are at home in one bucket, and most live further on.
template <class T>
struct colliding_hash {
  std::size_t operator()(const T&) const { return 42; }
};
template <class T>
using colliding_cache = hasten::memory_cache<T, T, colliding_hash<T>>;

template <class Cache>
struct element;
template <class T, class... Rest>
struct element<hasten::memory_cache<T, Rest...>> {
  using type = T;
};

}  // namespace

TEMPLATE_TEST_CASE(
    "readers, writers, loaders, invalidation, expiry and resizing at once never show a wrong value", "",
    timed_cache<std::uint64_t>, timed_cache<std::string>) {
  using T = typename element<TestType>::type;
  constexpr std::uint64_t keys = 64;
  constexpr int rounds = 400;
  hasten::manual_clock clock;
  thread_checks expect;
  std::atomic<std::uint64_t> told = 0;
  TestType cache(
      {.entries_max = 48,
       .ttl = 50ms,
       .load_wait = 60s,
       .shards = 2,
       .stale_max = 20ms,
       .soft_ttl = 25ms,
       .insight = {.hot_keys_max = 8, .namespaces_max = 4, .miss_ratios = true, .sample_every = 3}},
      [&](const T&, const T&, hasten::removal_cause) { ++told; }, clock);
  // A value belongs to its key: number + a multiple of `keys`.
  const auto belongs = [](std::uint64_t key, const T& value) {
    for (std::uint64_t version = 0; version < 4; ++version)
      if (value == made<T>(key + version * keys)) return true;
    return false;
  };
  const auto at_once = [](hasten::unique_function<void()> task) { task(); };
  std::latch start(6);
  {
    std::vector<std::jthread> crew;
    const auto worker = [&](auto work) {
      crew.emplace_back([&, work] {
        start.arrive_and_wait();
        for (int i = 0; i < rounds; ++i) work(static_cast<std::uint64_t>(i));
      });
    };
    worker([&](std::uint64_t i) {
      cache.visit(made<T>(i * 7 % keys), [&](const T& value) { expect(belongs(i * 7 % keys, value)); });
    });
    worker([&](std::uint64_t i) { cache.put(made<T>(i % keys), made<T>(i % keys + i % 4 * keys)); });
    worker([&](std::uint64_t i) {
      const std::uint64_t key = i * 5 % keys;
      expect(belongs(key, cache.get_or_load(made<T>(key), [key] { return made<T>(key); }, at_once)));
    });
    worker([&](std::uint64_t i) {
      const std::vector<std::uint64_t> numbers = {i % keys, (i + 9) % keys};
      const std::vector<T> wanted = {made<T>(numbers[0]), made<T>(numbers[1])};
      const auto values = cache.get_or_load_all(wanted, [](std::span<const T> missing) {
        return std::vector<std::optional<T>>(missing.begin(), missing.end());
      });
      for (std::size_t at = 0; at < 2; ++at) expect(values[at] && belongs(numbers[at], *values[at]));
    });
    worker([&](std::uint64_t i) {
      cache.erase(made<T>(i * 3 % keys));
      if (i % 50 == 0) cache.clear();
      if (i % 20 == 0) clock.advance(10ms);
      if (i % 10 == 0) cache.resize(16 + i % 32);
    });
    worker([&](std::uint64_t i) {
      expect(cache.size() <= 48);
      if (i % 20 != 0) return;
      static_cast<void>(cache.stats());
      static_cast<void>(cache.hot_keys(4));
      static_cast<void>(cache.namespaces());
      static_cast<void>(cache.advice());
      cache.each([&](const T&, const T&, std::chrono::nanoseconds left) { expect(left >= 0ns); });
    });
  }
  const auto stats = cache.stats();
  CHECK(stats.listener_failures == 0);
  CHECK(told.load() > 0);
}

TEMPLATE_TEST_CASE("an entry that stays is found by every lookup while others come and go before it", "",
                   std::uint64_t, std::string) {
  constexpr std::uint64_t keys = 36;  // every third stays
  constexpr int rounds = 200;
  colliding_cache<TestType> cache({.entries_max = 100, .shards = 1});
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  for (std::uint64_t i = 0; i < keys; ++i) cache.put(n(i), n(i));
  thread_checks expect;
  std::atomic<bool> over = false;
  {
    std::vector<std::jthread> crew;
    for (int t = 0; t < 2; ++t)
      crew.emplace_back([&] {
        while (!over)
          for (std::uint64_t i = 0; i < keys; i += 3) expect(cache.get(n(i)) == n(i));
      });
    crew.emplace_back([&] {
      while (!over) {
        std::uint64_t seen = 0;
        cache.each([&](const TestType& key, const TestType&, auto) {
          for (std::uint64_t i = 0; i < keys; i += 3)
            if (key == n(i)) seen |= std::uint64_t{1} << i;
        });
        expect(std::popcount(seen) == keys / 3);
      }
    });
    for (int round = 0; round < rounds; ++round)
      for (std::uint64_t i = 0; i < keys; ++i)
        if (i % 3 != 0) {
          cache.erase(n(i));
          cache.put(n((i * 7 + static_cast<std::uint64_t>(round)) % keys / 3 * 3 + 1 + i % 2), n(i));
        }
    over = true;
  }
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

namespace {

using hasten::manual_clock;
using text_cache = hasten::memory_cache<std::string, std::string, hasten::cache_hash<std::string>,
                                        std::equal_to<>, manual_clock>;

}  // namespace

TEST_CASE("hot keys and namespaces are exact where every lookup is a sample") {
  text_cache cache({.insight = {.hot_keys_max = 8, .namespaces_max = 8, .sample_every = 1}});
  for (int i = 0; i < 5; ++i)
    static_cast<void>(cache.get_or_load("claims:1", [] { return std::string("v"); }));
  for (int i = 0; i < 3; ++i) static_cast<void>(cache.get("payers:1"));
  CHECK_THROWS_AS(cache.get_or_load("payers:1", []() -> std::string { throw std::runtime_error("down"); }),
                  std::runtime_error);
  const auto hot = cache.hot_keys(2);
  REQUIRE(hot.size() == 2);
  CHECK(hot[0].key == "claims:1");
  CHECK(hot[0].hits == 4);
  CHECK(hot[0].misses == 1);
  CHECK(hot[1].misses == 4);
  const auto names = cache.namespaces();
  REQUIRE(names.size() == 2);
  CHECK(names[0].name == "claims:");
  CHECK(names[0].hit_rate() == 0.8);
  CHECK(names[0].loads == 1);
  CHECK(names[1].load_failures == 1);
}

TEST_CASE("the statistics of a key are found by key and reset by key or as a whole") {
  text_cache cache({.insight = {.hot_keys_max = 8, .namespaces_max = 8, .sample_every = 1}});
  static_cast<void>(cache.get("a"));
  static_cast<void>(cache.get("b"));
  CHECK(cache.stats("a")->misses == 1);
  CHECK(cache.reset_stats("a"));
  CHECK(!cache.reset_stats("a"));
  CHECK(!cache.stats("a"));
  CHECK(cache.stats("b")->misses == 1);
  cache.reset_stats();
  CHECK(!cache.stats("b"));
  CHECK(cache.namespaces().empty());
}

TEST_CASE("a sample stands for all lookups, also where it is a small one") {
  text_cache cache({.insight = {.hot_keys_max = 8, .namespaces_max = 8, .sample_every = 50}});
  cache.put("n:hot", "v");
  cache.put("n:cool", "v");
  constexpr std::uint64_t lookups = 40'000;
  for (std::uint64_t i = 0; i < lookups; ++i) static_cast<void>(cache.get(i % 4 == 0 ? "n:cool" : "n:hot"));
  const auto names = cache.namespaces();
  REQUIRE(names.size() == 1);
  CHECK(names[0].hits > lookups - 200);
  CHECK(names[0].hits <= lookups);
  const auto hot = cache.hot_keys(1);
  CHECK(hot[0].key == "n:hot");
  CHECK(static_cast<double>(hot[0].count) > 0.65 * lookups);
  CHECK(static_cast<double>(hot[0].count) < 0.85 * lookups);
}

TEST_CASE("nothing is followed unless asked for") {
  text_cache cache;
  static_cast<void>(cache.get("a:1"));
  CHECK(cache.hot_keys(5).empty());
  CHECK(!cache.stats("a:1"));
  CHECK(cache.namespaces().empty());
  CHECK(cache.miss_ratios().points.empty());
  CHECK(cache.advice().front().what == hasten::cache_advice::kind::too_early);
  CHECK(!cache.reset_stats("a:1"));
}

TEST_CASE("a cache that is too small is advised to grow") {
  hasten::memory_cache<std::uint64_t, std::uint64_t> cache(
      {.entries_max = 2'000, .seed = 7, .insight = {.miss_ratios = true}});
  std::uint64_t random = 1;
  for (int i = 0; i < 100'000; ++i) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    const std::uint64_t key = (random >> 33) % 4'000;  // even: a cache of twice the size would hold all
    if (!cache.get(key)) cache.put(key, key);
  }
  const auto ratios = cache.miss_ratios();
  REQUIRE(ratios.points.size() == 4);
  CHECK(ratios.points[2].hit_rate > 0.8);
  CHECK(cache.advice().front().what == hasten::cache_advice::kind::enlarge);
  cache.clear();
  cache.reset_stats();
  CHECK(cache.miss_ratios().points.empty());
}

TEST_CASE("a ttl that is too short is named as the cause of the misses") {
  manual_clock clock;
  hasten::memory_cache<int, int, hasten::cache_hash<int>, std::equal_to<>, manual_clock> cache(
      {.entries_max = 2'000, .ttl = 10s, .seed = 7, .insight = {.miss_ratios = true}}, clock);
  for (int round = 0; round < 50; ++round, clock.advance(11s))
    for (int key = 0; key < 1'000; ++key) static_cast<void>(cache.get_or_load(key, [&] { return key; }));
  const auto advice = cache.advice();
  CHECK(advice.front().what == hasten::cache_advice::kind::lengthen_ttl);
  CHECK(advice.front().sentence == "the ttl, not the capacity, causes 98 % of the misses");
}

TEST_CASE("the models take a hundredth of the cache's memory") {
  const hasten::memory_cache<std::uint64_t, std::uint64_t> plain({.entries_max = 200'000, .shards = 8});
  const hasten::memory_cache<std::uint64_t, std::uint64_t> watched(
      {.entries_max = 200'000, .shards = 8, .insight = {.miss_ratios = true}});
  CHECK(watched.memory() - plain.memory() <= plain.memory() / 100);
}

TEST_CASE("the keys that the policy would keep, and those it would not, are told") {
  hasten::memory_cache<int, int> cache({.entries_max = 100});
  for (int key = 0; key < 50; ++key) cache.put(key, key);
  for (int times = 0; times < 5; ++times)
    for (int key = 40; key < 50; ++key) static_cast<void>(cache.get(key));
  const auto hottest = cache.hottest(10);
  REQUIRE(hottest.size() == 10);
  for (const int key : hottest) CHECK(key >= 40);
  for (const int key : cache.coldest(40)) CHECK(key < 40);
  CHECK(cache.hottest(1'000).size() == 50);
}

TEST_CASE("each entry that is served is visited with the time it has left") {
  manual_clock clock;
  text_cache cache({.ttl = 10s}, clock);
  cache.put("a", "x");
  cache.put("b", "y", 0s);
  clock.advance(4s);
  cache.put("c", "z");
  clock.advance(6s);
  std::map<std::string, std::chrono::nanoseconds> left;
  cache.each(
      [&](const std::string& key, const std::string&, std::chrono::nanoseconds time) { left[key] = time; });
  CHECK(left == std::map<std::string, std::chrono::nanoseconds>{{"b", 0s}, {"c", 4s}});
  CHECK(cache.stats().hits == 0);
}

TEST_CASE("insight out of range is refused") {
  CHECK_THROWS_AS(text_cache({.insight = {.hot_keys_max = 4097}}), std::invalid_argument);
  CHECK_THROWS_AS(text_cache({.insight = {.namespaces_max = 1025}}), std::invalid_argument);
  CHECK_THROWS_AS(text_cache({.insight = {.sample_every = 1'000'001}}), std::invalid_argument);
}

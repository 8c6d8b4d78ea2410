// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace {

template <class T>
T made(std::uint64_t number) {
  if constexpr (std::is_same_v<T, std::string>)
    return "number " + std::to_string(number);
  else
    return number;
}

}  // namespace

TEMPLATE_TEST_CASE("a cache that is made smaller keeps to the new bound, and grows again up to its limit", "",
                   std::uint64_t, std::string) {
  hasten::memory_cache<TestType, TestType> cache({.entries_max = 300, .entries_limit = 1000, .shards = 2});
  const auto fill = [&] {
    for (std::uint64_t i = 0; i < 3000; ++i) cache.put(made<TestType>(i), made<TestType>(i));
  };
  fill();
  CHECK(cache.size() == 300);
  cache.resize(1000);
  CHECK(cache.size() == 300);
  fill();
  CHECK(cache.size() == 1000);
  CHECK(cache.stats().entries_max == 1000);
  cache.resize(7);
  CHECK(cache.size() == 7);
  fill();
  CHECK(cache.size() == 7);
  int found = 0;
  for (std::uint64_t i = 0; i < 3000; ++i)
    found += cache.visit(made<TestType>(i), [&](const TestType& value) { CHECK(value == made<TestType>(i)); })
                 ? 1
                 : 0;
  CHECK(found == 7);
}

TEST_CASE("a cache that was made smaller and larger still sorts the frequent from the rest") {
  hasten::memory_cache<std::uint64_t, std::uint64_t> cache(
      {.entries_max = 500, .entries_limit = 2000, .seed = 7});
  cache.resize(2000);
  for (std::uint64_t i = 0; i < 5000; ++i) cache.put(i, i);
  cache.resize(500);
  const auto ask = [&](std::uint64_t key) {
    if (!cache.get(key)) cache.put(key, key);
  };
  for (std::uint64_t round = 0; round < 40; ++round)
    for (std::uint64_t key = 10'000; key < 10'300; ++key) ask(key);
  for (std::uint64_t key = 20'000; key < 30'000; ++key) {
    ask(key);
    ask(10'000 + key % 300);
  }
  int kept = 0;
  for (std::uint64_t key = 10'000; key < 10'300; ++key) kept += cache.get(key) ? 1 : 0;
  CHECK(kept > 270);
}

TEST_CASE("bounds out of range are refused by resize") {
  hasten::memory_cache<std::uint64_t, std::uint64_t> cache({.entries_max = 300, .shards = 2});
  CHECK_THROWS_AS(cache.resize(301), std::invalid_argument);
  CHECK_THROWS_AS(cache.resize(1), std::invalid_argument);
  CHECK_THROWS_AS(cache.resize(100, 100), std::invalid_argument);
  CHECK(cache.stats().entries_max == 300);
  CHECK_NOTHROW(cache.resize(0));
  CHECK_NOTHROW(cache.resize(2));
}

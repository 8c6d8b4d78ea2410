// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <support/thread_checks.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

template <class T>
T made(std::uint64_t number) {
  if constexpr (std::is_same_v<T, std::string>)
    return "a text too long to be kept in place, number " + std::to_string(number);
  else
    return number;
}

}  // namespace

TEMPLATE_TEST_CASE("a large cache is cleared at once, and what was left behind goes as it is used again", "",
                   std::uint64_t, std::string) {
  hasten::memory_cache<TestType, TestType> cache({.entries_max = 20'000, .shards = 2});
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  for (int round = 0; round < 3; ++round) {
    for (std::uint64_t i = 0; i < 30'000; ++i) cache.put(n(i), n(i));
    REQUIRE(cache.size() == 20'000);
    cache.clear();
    REQUIRE(cache.size() == 0);
    int found = 0;
    for (std::uint64_t i = 0; i < 30'000; ++i) found += cache.visit(n(i), [](const auto&) {}) ? 1 : 0;
    REQUIRE(found == 0);
  }
  cache.reset_stats();
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    cache.put(n(i), n(i + 1));
    REQUIRE(cache.size() == i + 1);
  }
  for (std::uint64_t i = 0; i < 10'000; ++i)
    cache.visit(n(i), [&](const TestType& value) { REQUIRE(value == n(i + 1)); });
  CHECK(cache.size() == 10'000);
  CHECK(cache.stats().evictions_size == 0);
  CHECK(cache.stats().replaced == 0);
}

TEMPLATE_TEST_CASE("clearing again before the first is tidied up is no different", "", std::uint64_t,
                   std::string) {
  hasten::memory_cache<TestType, TestType> cache({.entries_max = 5'000, .shards = 1});
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  for (std::uint64_t i = 0; i < 5'000; ++i) cache.put(n(i), n(i));
  cache.clear();
  for (std::uint64_t i = 0; i < 10; ++i) cache.put(n(i), n(i));
  CHECK(cache.size() == 10);
  cache.clear();
  CHECK(cache.size() == 0);
  cache.put(n(3), n(4));
  CHECK(!cache.erase(n(4)));
  CHECK(cache.erase(n(3)));
  CHECK(cache.size() == 0);
  for (std::uint64_t i = 0; i < 8'000; ++i) cache.put(n(i), n(i));
  CHECK(cache.size() == 5'000);
}

TEST_CASE("the values of a large cache that was cleared are all destroyed in the end") {
  const auto token = std::make_shared<int>(1);
  hasten::memory_cache<std::string, std::shared_ptr<int>> cache({.entries_max = 3'000, .shards = 1});
  for (std::uint64_t i = 0; i < 3'000; ++i) cache.put(made<std::string>(i), token);
  cache.clear();
  for (std::uint64_t i = 0; i < 1'000; ++i) cache.put(made<std::string>(i), nullptr);
  CHECK(token.use_count() == 1);
}

TEMPLATE_TEST_CASE("erase_if removes by key and value, and runs the predicate outside the locks", "",
                   std::uint64_t, std::string) {
  hasten::memory_cache<TestType, TestType> cache({.entries_max = 1'000, .shards = 2});
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  for (std::uint64_t i = 0; i < 400; ++i) cache.put(n(i), n(i % 4));
  CHECK(cache.erase_if([&](const TestType& key, const TestType& value) {
    CHECK(cache.get(key) == value);
    cache.put(n(5'000), n(9));
    return value == n(3);
  }) == 100);
  CHECK(cache.size() == 301);
  CHECK(!cache.get(n(7)));
  CHECK(cache.get(n(8)) == n(0));
  CHECK(cache.stats().removals == 100);
  CHECK_THROWS_AS(cache.erase_if([](const auto&, const auto&) -> bool { throw std::runtime_error("no"); }),
                  std::runtime_error);
  CHECK(cache.size() == 301);
  static_cast<void>(cache.get_or_load(n(600), [&] {
    cache.erase_if([](const auto&, const auto&) { return false; });
    return n(1);
  }));
  CHECK(!cache.get(n(600)));  // it began before: nobody knows what it would have been
}

TEMPLATE_TEST_CASE("what was put before a clear is never seen after it", "[race]", std::uint64_t,
                   std::string) {
  hasten::memory_cache<TestType, TestType> cache({.entries_max = 2'000, .shards = 2});
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  constexpr std::uint64_t keys = 3'000;
  thread_checks expect;
  for (std::uint64_t generation = 0; generation < 8; ++generation) {
    {
      std::vector<std::jthread> crew;
      for (unsigned t = 0; t < 3; ++t)
        crew.emplace_back([&, t] {
          std::minstd_rand random(t + 1);
          for (int i = 0; i < 600; ++i) {
            cache.visit(n(random() % keys), [&](const TestType& value) { expect(value == n(generation)); });
            cache.put(n(random() % keys), n(generation));
            if (i % 200 == 100) cache.erase(n(random() % keys));
            expect(cache.size() <= 2'000);
          }
        });
    }
    cache.clear();
    CHECK(cache.size() == 0);
  }
}

TEMPLATE_TEST_CASE("clearing beside readers, writers and loads leaves the count exact", "[race]",
                   std::uint64_t, std::string) {
  hasten::memory_cache<TestType, TestType> cache({.entries_max = 3'000, .shards = 2});
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  {
    thread_checks expect;
    std::vector<std::jthread> crew;
    for (unsigned t = 0; t < 3; ++t)
      crew.emplace_back([&, t] {
        std::minstd_rand random(t + 1);
        for (int i = 0; i < 1'500; ++i) {
          const std::uint64_t key = random() % 4'000;
          expect(cache.get_or_load(n(key), [&] { return n(key); }) == n(key));
          if (i % 300 == 0) cache.clear();
          if (i % 500 == 0)
            cache.erase_if([](const auto&, const auto& value) { return value == made<TestType>(1); });
        }
      });
  }
  std::size_t found = 0;
  for (std::uint64_t key = 0; key < 4'000; ++key) found += cache.visit(n(key), [](const auto&) {}) ? 1U : 0U;
  CHECK(found == cache.size());
}

TEMPLATE_TEST_CASE("an erasure by predicate leaves none out, though those erased make others move", "",
                   std::uint64_t, std::string) {
  struct same {
    std::size_t operator()(const TestType&) const { return 7; }  // one home for all
  };
  hasten::memory_cache<TestType, TestType, same> cache({.entries_max = 200, .shards = 1});
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  for (std::uint64_t i = 0; i < 150; ++i) cache.put(n(i), n(i % 3));
  CHECK(cache.erase_if([&](const TestType&, const TestType& value) { return value != n(1); }) == 100);
  CHECK(cache.size() == 50);
  for (std::uint64_t i = 0; i < 150; ++i) REQUIRE(cache.get(n(i)).has_value() == (i % 3 == 1));
  cache.clear();
  cache.tidy();
  CHECK(cache.size() == 0);
  for (std::uint64_t i = 0; i < 150; ++i) cache.put(n(i), n(i));
  for (std::uint64_t i = 0; i < 150; ++i) REQUIRE(cache.get(n(i)) == n(i));
}

TEMPLATE_TEST_CASE("what an erased tag leaves behind counts until the cache is tidied", "", std::uint64_t,
                   std::string) {
  hasten::memory_cache<TestType, TestType> cache({.entries_max = 2'000, .shards = 2});
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  for (std::uint64_t i = 0; i < 900; ++i)
    cache.put(n(i), n(i), i % 3 == 0 ? hasten::cache_tags{"third"} : hasten::cache_tags{"other"});
  cache.erase_tag("third");
  CHECK(cache.size() == 900);
  cache.tidy();
  CHECK(cache.size() == 600);
  CHECK(cache.stats().removals == 300);
  for (std::uint64_t i = 0; i < 900; ++i) REQUIRE(cache.get(n(i)).has_value() == (i % 3 != 0));
}

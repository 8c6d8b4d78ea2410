// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/cache_tags.hpp>

#include "support/thread_checks.hpp"

#include <hasten/cache/memory_cache.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

template <class T>
T made(std::uint64_t number) {
  if constexpr (std::is_same_v<T, std::string>)
    return "a text too long to be kept in place, number " + std::to_string(number);
  else
    return number;
}

}  // namespace

TEST_CASE("an entry has at most five tags") {
  CHECK(hasten::cache_tags{}.empty());
  CHECK(!hasten::cache_tags{"a"}.empty());
  CHECK_NOTHROW(hasten::cache_tags{"a", "b", "c", "d", "e"});
  CHECK_THROWS_AS((hasten::cache_tags{"a", "b", "c", "d", "e", "f"}), std::invalid_argument);
}

TEST_CASE("tags have numbers that are never zero and differ as a rule") {
  std::vector<int> uses(4096);
  for (int i = 0; i < 4095; ++i) ++uses[hasten::cache_tags::number_of("payer:" + std::to_string(i))];
  CHECK(uses[0] == 0);
  int crowded = 0;
  for (const int each : uses) crowded += each > 6 ? 1 : 0;
  CHECK(crowded < 10);
}

TEMPLATE_TEST_CASE("erasing a tag drops the entries that have it, and no others", "", std::uint64_t,
                   std::string) {
  hasten::memory_cache<TestType, TestType> cache({.entries_max = 100});
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  cache.erase_tag("red");  // nothing has it
  cache.put(n(1), n(1), {"red"});
  cache.put(n(2), n(2), {"red", "blue"});
  cache.put(n(3), n(3), 1h, {"blue", "green"});
  cache.put(n(4), n(4));
  cache.erase_tag("red");
  CHECK(!cache.get(n(1)));
  CHECK(!cache.get(n(2)));
  CHECK(cache.get(n(3)));
  CHECK(cache.get(n(4)));
  CHECK(cache.size() == 2);
  CHECK(cache.stats().removals == 2);
  cache.put(n(1), n(11), {"red"});  // anew, after the erasure
  CHECK(cache.get(n(1)) == n(11));
  cache.erase_tag("green");
  CHECK(!cache.get(n(3)));
  CHECK(cache.get(n(1)));
  cache.put(n(1), n(12));  // without its tag
  cache.erase_tag("red");
  CHECK(cache.get(n(1)) == n(12));
}

TEMPLATE_TEST_CASE("each of five tags drops the entry", "", std::uint64_t, std::string) {
  for (const char* tag : {"a", "b", "c", "d", "e"}) {
    hasten::memory_cache<TestType, TestType> cache({.entries_max = 10});
    cache.put(made<TestType>(1), made<TestType>(1), {"a", "b", "c", "d", "e"});
    cache.erase_tag("f");
    CHECK(cache.get(made<TestType>(1)));
    cache.erase_tag(tag);
    CHECK(!cache.get(made<TestType>(1)));
  }
}

TEMPLATE_TEST_CASE("a loader can give tags, and one that began before the tag was erased is not kept", "",
                   std::uint64_t, std::string) {
  hasten::memory_cache<TestType, TestType> cache({.entries_max = 10});
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  const auto load = [&] { return hasten::value_for{n(1), 1h, {"red"}}; };
  CHECK(cache.get_or_load(n(1), load) == n(1));
  cache.erase_tag("red");
  CHECK(!cache.get(n(1)));
  CHECK(cache.get_or_load(n(1), [&] {
    cache.erase_tag("red");
    return load();
  }) == n(1));
  CHECK(!cache.get(n(1)));
}

TEST_CASE("entries of an erased tag are the first to make room") {
  hasten::memory_cache<std::uint64_t, std::uint64_t> cache({.entries_max = 100, .shards = 1});
  for (std::uint64_t i = 0; i < 50; ++i) cache.put(i, i, {"red"});
  for (std::uint64_t i = 50; i < 100; ++i) cache.put(i, i);
  cache.erase_tag("red");
  for (std::uint64_t i = 100; i < 120; ++i) cache.put(i, i);
  CHECK(cache.stats().removals + cache.stats().evictions_size == 20);
  CHECK(cache.stats().removals >= 10);
}

TEMPLATE_TEST_CASE("what was put before a tag was erased is never seen after it", "[race]", std::uint64_t,
                   std::string) {
  hasten::memory_cache<TestType, TestType> cache({.entries_max = 64, .shards = 2});
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  thread_checks expect;
  for (std::uint64_t generation = 0; generation < 8; ++generation) {
    {
      std::vector<std::jthread> crew;
      for (unsigned t = 0; t < 3; ++t)
        crew.emplace_back([&, t] {
          for (std::uint64_t i = 0; i < 500; ++i) {
            const TestType key = n((i * 7 + t) % 40);
            cache.visit(key, [&](const TestType& value) { expect(value == n(generation)); });
            cache.put(key, n(generation), {"red"});
            if (i % 50 == 0) cache.erase_tag("green");
          }
        });
    }
    cache.erase_tag("red");
  }
}

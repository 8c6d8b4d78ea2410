// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/removal.hpp>

#include <hasten/cache/memory_cache.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

using namespace std::chrono_literals;

namespace {

using hasten::removal_cause;

template <class T>
using cache_of = hasten::memory_cache<T, T, hasten::cache_hash<T>, std::equal_to<>, hasten::manual_clock>;

template <class T>
T made(std::uint64_t number) {
  if constexpr (std::is_same_v<T, std::string>)
    return "a text too long to be kept in place, number " + std::to_string(number);
  else
    return static_cast<T>(number);
}

}  // namespace

TEST_CASE("every cause has a name") {
  CHECK(hasten::name_of(removal_cause::size) == std::string("size"));
  CHECK(hasten::name_of(removal_cause::expired) == std::string("expired"));
  CHECK(hasten::name_of(removal_cause::erased) == std::string("erased"));
  CHECK(hasten::name_of(removal_cause::replaced) == std::string("replaced"));
}

TEMPLATE_TEST_CASE("a listener is told of each entry that leaves, with its value and the cause", "",
                   std::uint64_t, std::string) {
  using told = std::tuple<TestType, TestType, removal_cause>;
  std::vector<told> heard;
  hasten::manual_clock clock;
  cache_of<TestType> cache(
      {.entries_max = 2},
      [&](const TestType& key, const TestType& value, removal_cause cause) {
        heard.emplace_back(key, value, cause);
      },
      clock);
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  cache.put(n(1), n(10));
  CHECK(heard.empty());
  cache.put(n(1), n(11));
  REQUIRE(heard.size() == 1);
  CHECK(heard.back() == told(n(1), n(10), removal_cause::replaced));
  CHECK(cache.get(n(1)) == n(11));
  cache.erase(n(1));
  REQUIRE(heard.size() == 2);
  CHECK(heard.back() == told(n(1), n(11), removal_cause::erased));
  cache.put(n(2), n(20), 1s);
  clock.advance(1s);
  CHECK(!cache.get(n(2)));
  REQUIRE(heard.size() == 3);
  CHECK(heard.back() == told(n(2), n(20), removal_cause::expired));
  for (std::uint64_t i = 3; i < 6; ++i) cache.put(n(i), n(i));
  REQUIRE(heard.size() == 4);
  CHECK(std::get<2>(heard.back()) == removal_cause::size);
  cache.clear();
  CHECK(heard.size() == 6);
  CHECK(std::get<2>(heard.back()) == removal_cause::erased);
}

TEMPLATE_TEST_CASE("a listener may use the cache, and what it throws is only counted", "", std::uint64_t,
                   std::string) {
  const auto n = [](std::uint64_t number) { return made<TestType>(number); };
  cache_of<TestType>* self = nullptr;
  cache_of<TestType> cache({.entries_max = 100},
                           [&](const TestType& key, const TestType& value, removal_cause cause) {
                             if (cause != removal_cause::erased) return;
                             self->put(key, value);
                             throw std::runtime_error("no");
                           });
  self = &cache;
  cache.put(n(1), n(10));
  CHECK(cache.erase(n(1)));
  CHECK(cache.get(n(1)) == n(10));
  CHECK(cache.stats().listener_failures == 1);
}

TEMPLATE_TEST_CASE("what went in has either left and been told of once, or is still there", "[race]",
                   std::uint64_t, std::string) {
  constexpr unsigned crew_size = 4;
  constexpr std::uint64_t each = 2'000;
  std::atomic<std::uint64_t> told = 0;
  cache_of<TestType> cache({.entries_max = 64, .shards = 2},
                           [&](const TestType&, const TestType&, removal_cause) { ++told; });
  {
    std::vector<std::jthread> crew;
    for (unsigned t = 0; t < crew_size; ++t)
      crew.emplace_back([&, t] {
        for (std::uint64_t i = 0; i < each; ++i) {
          cache.put(made<TestType>((i * crew_size + t) % 150), made<TestType>(i));
          if (i % 7 == 0) cache.erase(made<TestType>(i % 150));
        }
      });
  }
  CHECK(cache.stats().dropped == 0);
  CHECK(told + cache.size() == crew_size * each);
}

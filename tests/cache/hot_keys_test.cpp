// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/hot_keys.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

TEST_CASE("the keys asked for most come first, with exact counts while there is room for all") {
  hasten::hot_keys<std::string> keys({.keys_max = 4});
  for (int i = 0; i < 5; ++i) keys.record(std::string_view("a"), true);
  for (int i = 0; i < 9; ++i) keys.record("b", i % 3 != 0);
  keys.record("c", false);
  const auto top = keys.top(2);
  REQUIRE(top.size() == 2);
  CHECK(top[0].key == "b");
  CHECK(top[0].count == 9);
  CHECK(top[0].hits == 6);
  CHECK(top[0].misses == 3);
  CHECK(top[0].error_max == 0);
  CHECK(top[1].key == "a");
  CHECK(keys.top(10).size() == 3);
  CHECK(keys.total() == 15);
}

TEST_CASE("a key that finds no room inherits the least count, and says so") {
  hasten::hot_keys<int> keys({.keys_max = 2});
  keys.record(1, true, 10);
  keys.record(2, true, 4);
  keys.record(3, false, 1);
  CHECK(!keys.find(2));
  const auto found = keys.find(3);
  REQUIRE(found);
  CHECK(found->count == 5);
  CHECK(found->error_max == 4);
  CHECK(found->misses == 1);
  CHECK(keys.error_max() == 7);
}

TEST_CASE("no key above one part in keys_max is missed and no count is off by more than it says") {
  constexpr std::uint64_t draws = 100'000;
  hasten::hot_keys<std::uint64_t> keys({.keys_max = 64});
  std::map<std::uint64_t, std::uint64_t> truth;
  std::mt19937_64 random(42);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (std::uint64_t i = 0; i < draws; ++i) {
    const auto key =
        static_cast<std::uint64_t>(std::exp(uniform(random) * 10));  // Zipf-like over 22,000 keys
    ++truth[key];
    keys.record(key, true);
  }
  for (const auto& each : keys.top(64)) {
    CHECK(each.count >= truth[each.key]);
    CHECK(each.count - each.error_max <= truth[each.key]);
    CHECK(each.error_max <= draws / 64);
  }
  for (const auto& [key, count] : truth)
    if (count > draws / 64) CHECK(keys.find(key));
}

TEST_CASE("the counts are reset as a whole or by key") {
  hasten::hot_keys<std::string> keys;
  keys.record("a", true, 3);
  keys.record("b", true, 2);
  CHECK(keys.reset("a"));
  CHECK(!keys.reset("a"));
  CHECK(!keys.find("a"));
  CHECK(keys.find("b")->count == 2);
  CHECK(keys.total() == 2);
  keys.reset();
  CHECK(keys.total() == 0);
  CHECK(keys.top(5).empty());
  keys.record("a", true);
  CHECK(keys.find("a")->count == 1);
}

TEST_CASE("hot_keys refuses to follow no key, or more than 4096") {
  using keys = hasten::hot_keys<int>;
  CHECK_THROWS_AS(keys({.keys_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(keys({.keys_max = 4097}), std::invalid_argument);
  CHECK_NOTHROW(keys({.keys_max = 1}));
}

TEST_CASE("threads that record at the same time lose no count") {
  hasten::hot_keys<int> keys({.keys_max = 8});
  {
    std::vector<std::jthread> crew;
    for (int t = 0; t < 4; ++t)
      crew.emplace_back([&keys, t] {
        for (int i = 0; i < 2'000; ++i) keys.record(i % 16, t % 2 == 0);
      });
  }
  CHECK(keys.total() == 8'000);
}

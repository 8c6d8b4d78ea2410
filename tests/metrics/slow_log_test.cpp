// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/slow_log.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <chrono>
#include <cstddef>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

const hasten::wall_time noon{std::chrono::hours(12)};

std::vector<int> milliseconds_kept(const hasten::slow_log& log) {
  std::vector<int> kept;
  for (const auto& entry : log.worst())
    kept.push_back(
        static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(entry.duration).count()));
  return kept;
}

}  // namespace

TEST_CASE("the slowest are kept, the slowest first") {
  hasten::slow_log log({.entries_max = 3});
  for (const auto took : {5ms, 1ms, 9ms, 3ms, 7ms, 2ms}) log.record("claims.page", took, noon);
  CHECK(milliseconds_kept(log) == std::vector{9, 7, 5});
}

TEST_CASE("an entry says what, when, and where the time went") {
  hasten::slow_log log;
  log.record("GET /claims/{id}", 250ms, noon + 1s, "db 240 ms");
  const auto kept = log.worst();
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].name == "GET /claims/{id}");
  CHECK(kept[0].duration == 250ms);
  CHECK(kept[0].at == noon + 1s);
  CHECK(kept[0].detail == "db 240 ms");
}

TEST_CASE("what is below the threshold is never kept, what is at it is") {
  hasten::slow_log log({.threshold = 100ms});
  log.record("fast", 100ms - 1ns, noon);
  CHECK(log.worst().empty());
  log.record("slow", 100ms, noon);
  CHECK(log.worst().size() == 1);
}

TEST_CASE("of equally slow operations the earlier stays") {
  hasten::slow_log log({.entries_max = 1});
  log.record("first", 5ms, noon);
  log.record("second", 5ms, noon + 1s);
  CHECK(log.worst().front().name == "first");
  CHECK_FALSE(log.wants(5ms));
  CHECK(log.wants(6ms));
}

TEST_CASE("a cleared log keeps the worst from then on, above the same threshold") {
  hasten::slow_log log({.entries_max = 1, .threshold = 2ms});
  log.record("old", 1h, noon);
  CHECK_FALSE(log.wants(3ms));
  log.clear();
  CHECK(log.worst().empty());
  log.record("below", 1ms, noon);
  log.record("new", 3ms, noon);
  CHECK(milliseconds_kept(log) == std::vector{3});
}

TEST_CASE("long texts are cut to the bound") {
  hasten::slow_log log({.text_size_max = 4});
  log.record("abcdefgh", 1ms, noon, "123456");
  CHECK(log.worst().front().name == "abcd");
  CHECK(log.worst().front().detail == "1234");
  CHECK(log.lost() == 0);
}

TEST_CASE("threads that record at once leave exactly the worst of all") {
  hasten::slow_log log({.entries_max = 10});
  constexpr int threads = 3;
  constexpr int each = 300;
  std::latch start(threads);
  {
    std::vector<std::jthread> recorders;
    for (int t = 0; t < threads; ++t)
      recorders.emplace_back([&log, &start, t] {
        start.arrive_and_wait();
        for (int i = 0; i < each; ++i) log.record("work", std::chrono::milliseconds(i * threads + t), noon);
      });
  }
  std::vector<int> expected;
  for (int i = 0; i < 10; ++i) expected.push_back(threads * each - 1 - i);
  CHECK(milliseconds_kept(log) == expected);
}

TEST_CASE("a slow log refuses options out of range by name") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(hasten::slow_log({.entries_max = 0}), std::invalid_argument,
                       Message("slow_log: entries_max must be 1..10000, got 0"));
  CHECK_THROWS_MATCHES(hasten::slow_log({.threshold = -1ns}), std::invalid_argument,
                       Message("slow_log: threshold must not be negative, got -1 ns"));
  CHECK_THROWS_MATCHES(hasten::slow_log({.text_size_max = 0}), std::invalid_argument,
                       Message("slow_log: text_size_max must be 1..4096, got 0"));
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/open_transactions.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <optional>
#include <source_location>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using entry = hasten::open_transactions::entry;

}  // namespace

TEST_CASE("the oldest of those that are open is told, in whichever order they end") {
  hasten::open_transactions list;
  CHECK_FALSE(list.oldest().has_value());
  const auto here = std::source_location::current();
  const hasten::steady_time start{1s};
  std::optional<entry> first;
  std::optional<entry> second;
  std::optional<entry> third;
  first.emplace(list, start, here);
  second.emplace(list, start + 1s, here);
  third.emplace(list, start + 2s, here);
  CHECK(list.size() == 3);
  REQUIRE(list.oldest().has_value());
  CHECK(list.oldest()->began == start);
  CHECK(list.oldest()->where.line() == here.line());
  second.reset();
  CHECK(list.oldest()->began == start);
  first.reset();
  CHECK(list.oldest()->began == start + 2s);
  first.emplace(list, start + 3s, here);
  third.reset();
  CHECK(list.oldest()->began == start + 3s);
  first.reset();
  CHECK_FALSE(list.oldest().has_value());
  CHECK(list.size() == 0);
}

TEST_CASE("transactions of many threads come and go while somebody looks") {
  hasten::open_transactions list;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&list] {
      for (int time = 0; time < 500; ++time)
        const entry one(list, hasten::steady_time{1s}, std::source_location::current());
    });
  for (int time = 0; time < 500; ++time)
    if (const auto oldest = list.oldest()) CHECK(oldest->began == hasten::steady_time{1s});
  for (std::thread& each : threads) each.join();
  CHECK(list.size() == 0);
}

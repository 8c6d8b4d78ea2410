// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/pool_stats.hpp>

#include <hasten/core/detail/pool_slots.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("a pool that did nothing counts nothing") {
  const hasten::pool_stats stats;
  CHECK(stats.in_use + stats.idle + stats.waiting + stats.overdue == 0);
  CHECK(stats.wait_max == 0ns);
  CHECK_FALSE(hasten::pool_observer().leaked);
}

TEST_CASE("a place is used again, and a lease held too long is reported once") {
  const hasten::manual_clock clock;
  hasten::detail::pool_slots slots(2);
  const std::size_t first = slots.take();
  const std::size_t second = slots.take();
  CHECK(first != second);
  const auto here = std::source_location::current();
  slots.lease(first, clock.now(), here);
  CHECK(slots.overdue(clock.now() + 1h, 0ns) == 0);  // zero allows any
  CHECK(slots.overdue(clock.now() + 9s, 10s) == 0);
  CHECK(slots.overdue(clock.now() + 10s, 10s) == 1);
  const auto leaks = slots.new_leaks(clock.now() + 12s, 10s);
  REQUIRE(leaks.size() == 1);
  CHECK(leaks[0].held == 12s);
  CHECK(leaks[0].where.line() == here.line());
  CHECK(slots.new_leaks(clock.now() + 13s, 10s).empty());
  slots.end_lease(first);
  CHECK(slots.overdue(clock.now() + 14s, 10s) == 0);
  slots.give_back(first);
  CHECK(slots.take() == first);
}

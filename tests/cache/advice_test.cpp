// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/advice.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace {

using kind = hasten::cache_advice::kind;

hasten::cache_stats counted(std::uint64_t hits, std::uint64_t misses) {
  return {.hits = hits, .misses = misses, .loads = misses, .entries_max = 10'000};
}

hasten::miss_ratio_estimate estimated(double half, double own, double twice, double four,
                                      double expired = 0) {
  return {{{5'000, half}, {10'000, own}, {20'000, twice}, {40'000, four}}, expired, 50'000};
}

bool advises(const std::vector<hasten::cache_advice>& all, kind what) {
  for (const auto& each : all)
    if (each.what == what) return true;
  return false;
}

}  // namespace

TEST_CASE("a cache that would gain is told by how much") {
  const auto all = hasten::advise(counted(7'100, 2'900), estimated(0.6, 0.71, 0.83, 0.85));
  REQUIRE(all.size() == 2);
  CHECK(all[0].sentence == "at 4x capacity (40000 entries) the hit rate would be 85 % instead of 71 %");
  CHECK(all[1].sentence == "at 2x capacity (20000 entries) the hit rate would be 83 % instead of 71 %");
  CHECK(all[1].what == kind::enlarge);
  CHECK(all[1].entries_then == 20'000);
  CHECK(all[1].hit_rate_now == 0.71);
  CHECK(all[1].hit_rate_then == 0.83);
}

TEST_CASE("where entries end too soon, the ttl is named and not the size") {
  const auto all = hasten::advise(counted(7'000, 3'000), estimated(0.65, 0.70, 0.705, 0.71, 0.6));
  CHECK(all.front().what == kind::lengthen_ttl);
  CHECK(all.front().sentence == "the ttl, not the capacity, causes 60 % of the misses");
  CHECK(!advises(all, kind::enlarge));
}

TEST_CASE("a cache larger than it need be is told so") {
  const auto all = hasten::advise(counted(9'000, 1'000), estimated(0.898, 0.9, 0.9, 0.9));
  REQUIRE(all.size() == 1);
  CHECK(all[0].what == kind::shrink);
  CHECK(all[0].entries_then == 5'000);
}

TEST_CASE("a loader that often fails is named") {
  auto stats = counted(9'000, 1'000);
  stats.loads = 800;
  stats.load_failures = 200;
  CHECK(advises(hasten::advise(stats, {}), kind::mend_loader));
}

TEST_CASE("a cache that suits is left alone, and of a new one nothing is said") {
  const auto suits = hasten::advise(counted(9'000, 1'000), estimated(0.8, 0.9, 0.91, 0.92));
  REQUIRE(suits.size() == 1);
  CHECK(suits[0].what == kind::leave_as_it_is);
  CHECK(hasten::advise(counted(9'000, 1'000), {}).front().what == kind::leave_as_it_is);
  CHECK(hasten::advise(counted(0, 0), {}).front().what == kind::too_early);
  CHECK(hasten::advise(counted(500, 499), estimated(0, 0, 1, 1)).front().what == kind::too_early);
}

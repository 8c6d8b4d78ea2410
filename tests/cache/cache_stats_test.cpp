// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/cache_stats.hpp>

#include <catch2/catch_test_macros.hpp>

TEST_CASE("the hit rate before the first lookup is zero, not undefined") {
  CHECK(hasten::cache_stats{}.hit_rate() == 0.0);
}

TEST_CASE("the hit rate is hits per lookup") {
  hasten::cache_stats stats;
  stats.hits = 3;
  stats.misses = 1;
  CHECK(stats.hit_rate() == 0.75);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/worker_pool_stats.hpp>

#include <hasten/metrics/histogram.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>

TEST_CASE("the times of all lanes add up") {
  hasten::histogram high;
  hasten::histogram background;
  high.record(std::uint64_t{3});
  background.record(std::uint64_t{5});
  hasten::worker_pool_stats stats;
  CHECK(stats.wait().count() == 0);
  stats.lanes[0].wait = high.snapshot();
  stats.lanes[2].wait = background.snapshot();
  stats.lanes[2].run = background.snapshot();
  CHECK(stats.wait().count() == 2);
  CHECK(stats.wait().max() == 5);
  CHECK(stats.run().count() == 1);
}

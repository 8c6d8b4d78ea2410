// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/query_stats.hpp>

#include <catch2/catch_test_macros.hpp>

TEST_CASE("fresh statistics are all zero") {
  const hasten::statement_stats fresh;
  CHECK(fresh.calls == 0);
  CHECK(fresh.errors == 0);
  CHECK(fresh.latency.count() == 0);
  CHECK(fresh.errors_of(hasten::query_error_kind::corrupt) == 0);
}

TEST_CASE("errors are told apart by kind") {
  hasten::statement_stats stats;
  stats.errors_by_kind[static_cast<std::size_t>(hasten::query_error_kind::busy)] = 3;
  CHECK(stats.errors_of(hasten::query_error_kind::busy) == 3);
  CHECK(stats.errors_of(hasten::query_error_kind::unique) == 0);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/database_health.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

TEST_CASE("a log is starved when it has twice its bound, and only where there is a log") {
  hasten::database_health health{.journal_mode = "wal", .log_bytes = 201, .log_bytes_max = 100};
  CHECK(health.is_checkpoint_starved());
  health.log_bytes = 200;
  CHECK_FALSE(health.is_checkpoint_starved());
  health.log_bytes = 1'000;
  health.journal_mode = "delete";
  CHECK_FALSE(health.is_checkpoint_starved());
}

TEST_CASE("sizes and rates are reckoned, also of nothing") {
  const hasten::database_health health{.page_bytes = 4096, .pages = 10, .cache_hits = 3, .cache_misses = 1};
  CHECK(health.bytes() == 40'960);
  CHECK(health.cache_hit_rate() == 0.75);
  CHECK(hasten::database_health{}.cache_hit_rate() == 1);
}

TEST_CASE("each outcome of the check has a word") {
  CHECK(std::string(name_of(hasten::integrity::not_checked)) == "not_checked");
  CHECK(std::string(name_of(hasten::integrity::out_of_time)) == "out_of_time");
}

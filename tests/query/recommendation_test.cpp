// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/recommendation.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace {

using hasten::urgency;

hasten::database_health good_health() {
  return {.engine = "SQLite 3.40.1",
          .page_bytes = 4096,
          .pages = 10'000,
          .journal_mode = "wal",
          .log_bytes_max = 1 << 20,
          .cache_bytes = 128 << 20,
          .is_analysed = true,
          .foreign_keys = true};
}

std::vector<std::string> topics(const hasten::recommendation_sources& sources) {
  std::vector<std::string> all;
  for (const auto& each : hasten::recommendations(sources)) all.push_back(each.topic);
  return all;
}

using list = std::vector<std::string>;

}  // namespace

TEST_CASE("there is nothing to recommend where nothing is known or wrong") {
  CHECK(topics({}).empty());
  const auto health = good_health();
  CHECK(topics({.health = &health}).empty());
}

TEST_CASE("what is wrong with the file is told, damage first") {
  auto health = good_health();
  health.check = hasten::integrity::damaged;
  health.log_bytes = 100 << 20;
  health.free_pages = 5'000;
  health.is_analysed = false;
  health.foreign_keys = false;
  health.cache_hits = 80'000;
  health.cache_misses = 20'000;
  health.cache_bytes = 1 << 20;
  health.longest_transaction = std::chrono::minutes(17);
  const auto all = hasten::recommendations({.health = &health});
  REQUIRE(all.size() == 7);
  CHECK(all[0].topic == "damaged");
  CHECK(all[0].how == urgency::critical);
  CHECK(all[1].topic == "checkpoint_starved");
  CHECK(all[2].evidence.find("17 minutes") != std::string::npos);
  for (const auto& each : all) {
    CHECK_FALSE(each.evidence.empty());
    CHECK_FALSE(each.action.empty());
  }
  health = good_health();
  health.journal_mode = "delete";
  CHECK(topics({.health = &health}) == list{"no_write_ahead_log"});
}

TEST_CASE("the action for free pages fits how the file was made") {
  auto health = good_health();
  health.free_pages = 5'000;
  CHECK(hasten::recommendations({.health = &health})[0].action == "VACUUM");
  health.vacuums_incrementally = true;
  CHECK(hasten::recommendations({.health = &health})[0].action == "PRAGMA incremental_vacuum");
  health.free_pages = 900;
  health.pages = 1'000;
  CHECK(topics({.health = &health}).empty());
}

TEST_CASE("indexes are recommended by the time that their statements take") {
  const std::vector<hasten::index_proposal> proposals{
      {.ddl = "CREATE INDEX a ON t(x)",
       .gains = {{.name = "t.page", .cost_before = 1e6, .cost_after = 20}},
       .share_of_time = 0.02},
      {.ddl = "CREATE INDEX b ON t(y)",
       .gains = {{.name = "t.sum", .cost_before = 1e6, .cost_after = 9}},
       .share_of_time = 0.4}};
  const std::vector<hasten::index_finding> findings{
      {.problem = hasten::index_problem::unused, .action = "DROP INDEX c"},
      {.problem = hasten::index_problem::prefix, .action = "DROP INDEX d"}};
  const auto all = hasten::recommendations({.proposals = proposals, .findings = findings});
  REQUIRE(all.size() == 4);
  CHECK(all[0].action == "CREATE INDEX b ON t(y)");
  CHECK(all[0].how == urgency::warning);
  CHECK(all[0].evidence.find("t.sum would read about 9 rows instead of 1000000") == 0);
  CHECK(all[1].topic == "index_prefix");
  CHECK(all[2].topic == "index_unused");
  CHECK(all[3].action == "CREATE INDEX a ON t(x)");
}

TEST_CASE("statements that fail often and plans that became bad are told") {
  std::vector<hasten::statement_stats> statements(3);
  statements[0].name = "t.add";
  statements[0].calls = 1'000;
  statements[0].errors = 30;
  statements[0].errors_by_kind[static_cast<std::size_t>(hasten::query_error_kind::busy_snapshot)] = 30;
  statements[1].calls = 100'000;
  statements[1].errors = 30;  // 0.03 %
  statements[2].calls = 5;
  statements[2].errors = 5;  // too few to say anything
  const std::vector<hasten::captured_plan> plans{
      {.name = "t.page", .plan = hasten::read_plan({{.id = 1, .detail = "SCAN t"}}), .changes = 1},
      {.name = "t.scan", .plan = hasten::read_plan({{.id = 1, .detail = "SCAN t"}}), .changes = 0},
      {.name = "t.find",
       .plan = hasten::read_plan({{.id = 1, .detail = "SEARCH t USING INDEX i (a=?)"}}),
       .changes = 2}};
  const auto all = hasten::recommendations({.plans = plans, .statements = statements});
  REQUIRE(all.size() == 2);
  CHECK(all[0].topic == "plan_changed");
  CHECK(all[1].evidence == "t.add failed in 3 % of 1000 executions, mostly by busy_snapshot.");
  CHECK(all[1].action.find("run_in_transaction") != std::string::npos);
}

TEST_CASE("each urgency has a word") { CHECK(std::string(name_of(urgency::critical)) == "critical"); }

TEST_CASE("what a server suffers from is told, the most urgent first") {
  hasten::database_health health{.engine = "PostgreSQL 15.18", .is_analysed = true, .foreign_keys = true};
  health.server = hasten::server_health{
      .connections = 95,
      .connections_max = 100,
      .oldest_xid_age = 1'600'000'000,
      .replicas = {{.name = "near"},
                   {.name = "far", .state = "streaming", .time_behind = std::chrono::minutes(2)}},
      .dead_rows = {{.table = "orders", .live = 50'000, .dead = 50'000},
                    {.table = "small", .live = 1, .dead = 9'999}}};
  const auto found = hasten::recommendations({.health = &health});
  REQUIRE(found.size() == 4);
  CHECK(found[0].topic == "transaction_ids");
  CHECK(found[0].how == hasten::urgency::critical);
  CHECK(found[1].topic == "connections");
  CHECK(found[2].topic == "replica_behind");
  CHECK(found[2].evidence.find("far") != std::string::npos);
  CHECK(found[3].action == "VACUUM (ANALYZE) orders");
  health.server = hasten::server_health{};
  CHECK(hasten::recommendations({.health = &health}).empty());
}

TEST_CASE("a transaction that stays open is told with the line that began it") {
  hasten::database_health health{
      .engine = "SQLite 3.40.1", .journal_mode = "wal", .is_analysed = true, .foreign_keys = true};
  health.longest_transaction = std::chrono::minutes(7);
  health.longest_transaction_at = "orders.cpp:42";
  const auto found = hasten::recommendations({.health = &health});
  REQUIRE(found.size() == 1);
  CHECK(found[0].evidence == "A transaction has been open for 7 minutes, since orders.cpp:42.");
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/explain.hpp>

#include <hasten/query/recommendation.hpp>
#include <hasten/soci/database_health.hpp>
#include <hasten/soci/index_advisor.hpp>
#include <hasten/soci/optimize.hpp>
#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>
#include <soci/soci.h>

#include <support/postgresql_fixture.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace {

struct fixture : postgresql_fixture {
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::postgresql, server.connection()),
                               monitor};
};

struct slow_fixture : postgresql_fixture {
  std::vector<std::string> told;
  hasten::plan_book plans{{.on_plan = [this](const hasten::plan_event& event) {
    told.push_back((event.before == nullptr ? "new " : "changed ") + event.now.name);
  }}};
  // With a threshold of nothing every statement is slow, except those that are named here.
  hasten::query_monitor monitor{
      {.slow_threshold = std::chrono::nanoseconds(0), .slow_thresholds = {{"quick", std::chrono::hours(1)}}}};
  hasten::monitored_session db{std::make_unique<soci::session>(soci::postgresql, server.connection()),
                               monitor,
                               {.plans = &plans, .explain_every = std::chrono::seconds(1)}};

  slow_fixture() {
    db.script("setup",
              "CREATE TABLE orders(id bigint PRIMARY KEY, status text);"
              "INSERT INTO orders SELECT i, 'open ' || i FROM generate_series(1, 5000) AS i; ANALYZE orders");
  }
};

}  // namespace

TEST_CASE_METHOD(fixture, "a statement is explained with its arguments, which do not show, and is not run") {
  db.script("setup",
            "CREATE TABLE orders(id bigint PRIMARY KEY, status text);"
            "INSERT INTO orders SELECT i, 'open' FROM generate_series(1, 5000) AS i; ANALYZE orders");
  const auto scan =
      hasten::explain(db, {"orders.by_status", "SELECT id FROM orders WHERE status=:s ORDER BY status"},
                      hasten::param("s", "secret"));
  CHECK(scan.full_scans == std::vector<std::string>{"orders"});
  CHECK(hasten::to_text(scan).find("secret") == std::string::npos);
  const auto find = hasten::explain(db, {"orders.find", "SELECT status FROM orders WHERE id=?1"}, 7);
  CHECK(find.is_good());
  CHECK(hasten::to_text(find) == "Index Scan using orders_pkey on orders\n");
  (void)hasten::explain(db, {"orders.clear", "DELETE FROM orders"});
  CHECK(db.scalar<int>({"count", "SELECT count(*)::int FROM orders"}) == 5000);
  CHECK_THROWS_AS(hasten::explain(db, {"bad", "SELECT missing FROM orders"}), hasten::query_error);
}

TEST_CASE_METHOD(
    slow_fixture,
    "a slow statement is explained by itself, once in a while, and a change of its plan is told") {
  const hasten::statement find{"orders.find", "SELECT id FROM orders WHERE status=?1"};
  (void)db.maybe<std::int64_t>({"quick", "SELECT id FROM orders WHERE id=?1"}, 7);
  (void)db.maybe<std::int64_t>(find, "secret");
  REQUIRE(plans.size() == 1);
  CHECK(plans.plans()[0].name == "orders.find");
  CHECK(plans.plans()[0].plan.full_scans == std::vector<std::string>{"orders"});
  CHECK(hasten::to_text(plans.plans()[0].plan).find("secret") == std::string::npos);
  db.script("quick", "CREATE INDEX by_status ON orders(status)");
  while (told.size() < 2) (void)db.maybe<std::int64_t>(find, "open 7");  // until it is asked for again
  CHECK(told == std::vector<std::string>{"new orders.find", "changed orders.find"});
  CHECK(plans.plans()[0].plan.is_good());
  CHECK(plans.failures() == 0);
}

TEST_CASE_METHOD(slow_fixture, "explaining leaves transactions, streams and failures as they are") {
  {
    hasten::transaction change(db);
    CHECK(db.exec({"orders.close", "UPDATE orders SET status='closed' WHERE id<:id"},
                  hasten::param("id", 11)) == 10);
    CHECK(db.in_transaction());
    change.commit();
  }
  CHECK(db.one<std::int64_t>({"quick", "SELECT count(*) FROM orders WHERE status='closed'"}) == 10);
  std::uint64_t inner = 0;
  CHECK(db.each<std::int64_t>({"orders.all", "SELECT id FROM orders"}, [&](std::int64_t& id) {
    if (id <= 3)
      inner += db.one<std::uint64_t>({"orders.one", "SELECT 1"});  // beside rows that are on their way
  }) == 5000);
  CHECK(inner == 3);
  CHECK_THROWS_AS(db.exec({"orders.twice", "INSERT INTO orders VALUES(1, 'x')"}), hasten::query_error);
  db.exec({"orders.setting", "SET work_mem = '8MB'"});  // has no plan
  CHECK(plans.failures() == 0);
  CHECK(db.settle());
  for (const std::string& each : told) CHECK((each != "new orders.twice" && each != "new orders.setting"));
  CHECK(std::find(told.begin(), told.end(), "new orders.close") != told.end());
  CHECK(std::find(told.begin(), told.end(), "new orders.all") != told.end());
}

TEST_CASE_METHOD(fixture, "the state of a server is read from its own views") {
  db.script("setup",
            "CREATE TABLE orders(id bigint PRIMARY KEY, status text);"
            "INSERT INTO orders SELECT i, 'open' FROM generate_series(1, 20000) AS i");
  db.script("dead", "DELETE FROM orders WHERE id > 5000");
  hasten::monitored_session sleeper(std::make_unique<soci::session>(soci::postgresql, server.connection()),
                                    monitor);
  sleeper.script("begin", "BEGIN; SELECT count(*) FROM orders");
  const auto health = hasten::read_database_health(db, {.sizes_time = std::chrono::seconds(30)});
  CHECK(health.engine.starts_with("PostgreSQL "));
  CHECK(health.page_bytes == 8192);
  CHECK(health.bytes() > 1'000'000);
  CHECK(health.cache_bytes == 32 << 20);
  CHECK(health.cache_hit_rate() <= 1);
  CHECK(health.longest_transaction.has_value());
  CHECK(health.check == hasten::integrity::not_checked);
  REQUIRE(health.sizes.size() == 2);
  CHECK(health.sizes[0].name == "orders");
  CHECK(health.sizes[0].bytes >= 20'000 * 30);
  CHECK(health.sizes[1].name == "orders_pkey");
  CHECK(health.sizes[1].table == "orders");
  CHECK(health.sizes[1].is_index);
  REQUIRE(health.server.has_value());
  CHECK(health.server->connections == 2);
  CHECK(health.server->connections_max == 100);
  CHECK(health.server->idle_in_transaction == 1);
  CHECK(health.server->oldest_xid_age > 0);
  CHECK_FALSE(health.server->is_replica);
  CHECK(health.server->replicas.empty());
  const auto guess = hasten::read_database_health(db, {.sizes_time = std::chrono::nanoseconds(0)});
  REQUIRE(guess.sizes.size() == 2);
  CHECK(guess.sizes[0].is_estimate);
  hasten::transaction change(db);
  CHECK_THROWS_AS(hasten::read_database_health(db), hasten::query_error);
}

TEST_CASE_METHOD(fixture, "the upkeep of a server is statistics of what changed, and dead rows are told") {
  db.script("setup",
            "CREATE TABLE orders(id bigint PRIMARY KEY, status text);"
            "INSERT INTO orders SELECT i, 'open' FROM generate_series(1, 20000) AS i");
  db.script("dead", "DELETE FROM orders WHERE id > 5000");
  const auto soon = hasten::steady_clock_source::now() + std::chrono::seconds(60);
  // The server counts what a session did when that goes idle, and tells it a moment later.
  bool is_known = false;
  while (!is_known && hasten::steady_clock_source::now() < soon)
    is_known =
        db.one<bool>({"known", "SELECT count(*)=1 FROM pg_stat_user_tables WHERE n_dead_tup >= 15000"});
  const auto before = hasten::read_database_health(db);
  CHECK_FALSE(before.is_analysed);
  REQUIRE(before.server->dead_rows.size() == 1);
  CHECK(before.server->dead_rows[0].table == "orders");
  CHECK(before.server->dead_rows[0].dead == 15'000);
  std::string told;
  for (const auto& each : hasten::recommendations({.health = &before}))
    told += each.topic + ": " + each.action + "\n";
  CHECK(told.find("dead_rows: VACUUM (ANALYZE) orders") != std::string::npos);
  const auto steps = hasten::optimize(db, soon);
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].outcome == hasten::optimize_outcome::done);
  CHECK(steps[1].outcome == hasten::optimize_outcome::not_needed);
  CHECK(steps[2].outcome == hasten::optimize_outcome::not_needed);
  CHECK(db.one<bool>({"analysed", "SELECT reltuples = 5000 FROM pg_class WHERE relname='orders'"}));
  for (const auto& each : hasten::optimize(db, hasten::steady_clock_source::now()))
    CHECK(each.outcome == hasten::optimize_outcome::out_of_time);
}

TEST_CASE_METHOD(
    fixture, "the indexes of a server are reviewed by its catalogue and its counters, and one can be tried") {
  db.script(
      "setup",
      "CREATE TABLE city(id int PRIMARY KEY, name text);"
      "CREATE TABLE orders(id bigint PRIMARY KEY, status text, city int REFERENCES city, day date);"
      "CREATE INDEX by_day ON orders(day); CREATE INDEX by_day_again ON orders(day);"
      "CREATE INDEX by_day_status ON orders(day, status DESC); CREATE INDEX by_pattern ON orders(day, status "
      "text_pattern_ops); CREATE INDEX by_lower ON orders(lower(status)); CREATE INDEX partly ON "
      "orders(status) "
      "WHERE status='x'; CREATE INDEX carries ON orders(id) INCLUDE (status);"
      "INSERT INTO orders SELECT i, 'open ' || i, NULL, '2026-01-01' FROM generate_series(1, 5000) AS i; "
      "ANALYZE orders");
  const auto schema = hasten::read_schema(db);
  REQUIRE(schema.tables.size() == 2);
  const auto& orders = *schema.find("orders");
  CHECK(orders.columns == std::vector<std::string>{"id", "status", "city", "day"});
  CHECK(orders.rows == 5000);
  REQUIRE(orders.indexes.size() == 8);
  CHECK(orders.indexes[0].is_constraint);
  CHECK(orders.indexes[3].columns ==
        std::vector<hasten::index_column>{{.name = "day"}, {.name = "status", .is_descending = true}});
  for (const std::size_t special : {4u, 5u, 7u}) CHECK(orders.indexes[special].columns.empty());
  CHECK(orders.indexes[6].is_partial);
  const auto advice = hasten::advise_indexes(db, {});
  CHECK_FALSE(advice.refused.empty());
  CHECK(advice.proposals.empty());
  std::string told;
  for (const auto& each : advice.findings)
    told += std::string(name_of(each.problem)) + ": " + each.action + "\n";
  CHECK(told ==
        "prefix: DROP INDEX by_day\n"
        "duplicate: DROP INDEX by_day_again\n"
        "foreign_key_unindexed: CREATE INDEX ix_orders_city ON orders(city)\n");

  const hasten::statement find{"orders.find", "SELECT id FROM orders WHERE status=?1"};
  const hasten::index_candidate index{.table = "orders", .columns = {{.name = "status"}}};
  const auto trial = hasten::try_index(db, index, 10'000, find, "open 7");
  CHECK(trial.refused.empty());
  CHECK_FALSE(trial.before.is_good());
  CHECK(trial.after.is_good());
  CHECK(trial.is_used);
  CHECK(hasten::read_schema(db).find("orders")->indexes.size() == 8);
  CHECK_FALSE(hasten::try_index(db, index, 4'999, find, "open 7").refused.empty());
  CHECK_FALSE(hasten::try_index(db, {.table = "nowhere"}, 10, find, "open 7").refused.empty());
}

TEST_CASE_METHOD(fixture, "an index that the server never used is told when it has counted enough") {
  db.script(
      "setup",
      "CREATE TABLE orders(id bigint PRIMARY KEY, status text); CREATE INDEX by_status ON orders(status);"
      "INSERT INTO orders SELECT i, 'open' FROM generate_series(1, 10) AS i");
  for (int time = 0; time < 1'100; ++time)
    (void)db.one<std::int64_t>({"orders.sum", "SELECT sum(id)::bigint FROM orders"});
  const auto soon = hasten::steady_clock_source::now() + std::chrono::seconds(60);
  std::vector<hasten::index_finding> found;  // the server tells what it counted a moment later
  while (found.empty() && hasten::steady_clock_source::now() < soon)
    found = hasten::advise_indexes(db, {}).findings;
  REQUIRE(found.size() == 1);
  CHECK(found[0].problem == hasten::index_problem::unused);
  CHECK(found[0].action == "DROP INDEX by_status");
}

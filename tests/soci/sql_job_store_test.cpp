// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/sql_job_store.hpp>

#include "conformance/job_store_suite.hpp"

#include <hasten/soci/explain.hpp>
#include <hasten/soci/migrator.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using hasten::job_state;

hasten::steady_time soon() { return hasten::steady_clock_source::now() + 30s; }

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::session_pool pool{{.path = file.path(), .readers = 4}, monitor};
  hasten::sql_job_store store{pool, {.poll = 10min}};
  hasten::manual_wall_clock clock;

  fixture() {
    auto db = pool.write(soon());
    const std::array steps{hasten::sql_job_store::schema(1)};
    hasten::migrator(*db).apply(steps);
    db->script("setup", "CREATE TABLE effects(job INTEGER NOT NULL)");
  }

  hasten::job_record take_one() {
    const std::array rooms{hasten::job_room{"mail", 1}};
    auto taken = store.take({.rooms = rooms,
                             .count_max = 1,
                             .now = clock.now(),
                             .lease_until = clock.now() + 30s,
                             .worker = "w"});
    REQUIRE(taken.size() == 1);
    return taken.front();
  }
  std::int64_t effects() {
    return pool.read(soon())->scalar<std::int64_t>({"t.count", "SELECT count(*) FROM effects"});
  }
};

constexpr hasten::statement add_effect{"t.add", "INSERT INTO effects VALUES(?1)"};

}  // namespace

TEST_CASE_METHOD(fixture, "the store in SQLite keeps every promise of a job store") {
  hasten::conformance::job_store_suite(store);
}

TEST_CASE_METHOD(fixture,
                 "a job made in a transaction is there with what the transaction made, or not at all") {
  {
    auto db = pool.write(soon());
    hasten::transaction change(*db);
    db->exec(add_effect, 1);
    CHECK(store.enqueue_in(*db, {.kind = "mail"}, clock.now()).is_new);
  }
  CHECK(store.counts(10)[job_state::available] == 0);
  CHECK(effects() == 0);
  auto db = pool.write(soon());
  hasten::transaction change(*db);
  db->exec(add_effect, 1);
  const auto made = store.enqueue_in(*db, {.kind = "mail"}, clock.now());
  CHECK_FALSE(store.get(made.id));
  change.commit();
  CHECK(store.get(made.id));
  CHECK(effects() == 1);
}

TEST_CASE_METHOD(
    fixture, "a job settled with its effects is settled once, and a worker that lost it leaves no effects") {
  store.enqueue(std::array{hasten::new_job{.kind = "mail"}}, clock.now());
  const auto lost = take_one();
  clock.advance(31s);
  REQUIRE(store.rescue(clock.now(), 1h, 10).rescued == 1);
  const auto mine = take_one();
  const auto finish = [&](const hasten::job_record& job) {
    auto db = pool.write(soon());
    hasten::transaction change(*db);
    db->exec(add_effect, job.id);
    store.settle_in(*db, {.lease = job.lease()}, clock.now());
    change.commit();
  };
  finish(mine);
  try {
    finish(lost);
    FAIL("a lost job was settled");
  } catch (const hasten::error& failure) {
    CHECK(failure.code() == hasten::errc::timeout);
  }
  CHECK(effects() == 1);
  CHECK(store.get(mine.id)->state == job_state::completed);
}

TEST_CASE_METHOD(fixture, "making or settling a job within a transaction needs a transaction") {
  auto db = pool.write(soon());
  CHECK_THROWS_AS(store.enqueue_in(*db, {.kind = "mail"}, clock.now()), hasten::query_error);
  CHECK_THROWS_AS(store.settle_in(*db, {}, clock.now()), hasten::query_error);
}

TEST_CASE_METHOD(fixture, "looking for work where there is none does not touch the write lock") {
  store.enqueue(std::array{hasten::new_job{.kind = "fax"}}, clock.now());
  const auto before = pool.stats().writer;
  auto db = pool.write(soon());  // if it did, this would make it fail
  const hasten::transaction writing(*db);
  const std::array rooms{hasten::job_room{"mail", 5}};
  CHECK(store
            .take({.rooms = rooms,
                   .count_max = 5,
                   .now = clock.now(),
                   .lease_until = clock.now() + 30s,
                   .worker = "w"})
            .empty());
  CHECK(store.rescue(clock.now(), 1h, 10).rescued == 0);
  CHECK(pool.stats().writer.acquired == before.acquired + 1);
}

TEST_CASE_METHOD(fixture, "jobs survive the process: another store on the same file has them") {
  const auto made = store.enqueue(std::array{hasten::new_job{.kind = "mail"}}, clock.now());
  hasten::session_pool other({.path = file.path(), .readers = 1}, monitor);
  hasten::sql_job_store again(other);
  REQUIRE(again.get(made[0].id));
  CHECK(again.get(made[0].id)->state == job_state::available);
}

TEST_CASE_METHOD(fixture, "ids of discarded jobs are not used again") {
  const auto first = store.enqueue(std::array{hasten::new_job{.kind = "mail"}}, clock.now()).at(0).id;
  REQUIRE(store.cancel(first, clock.now()));
  REQUIRE(store.discard(first));
  CHECK(store.enqueue(std::array{hasten::new_job{.kind = "mail"}}, clock.now()).at(0).id > first);
}

TEST_CASE_METHOD(fixture,
                 "every question that a runner asks again and again is answered from an index of its own") {
  const auto& sql = hasten::detail::sqlite_job_sql;
  auto db = pool.read(soon());
  const auto plan = [&](const hasten::statement& what) {
    std::string text;
    db->each<std::tuple<int, int, int, std::string>>(
        {"t.plan", "EXPLAIN QUERY PLAN " + std::string(what.text)},
        [&](const auto& row) { text += std::get<3>(row) + "\n"; }, 1, 2);
    return text;
  };
  CHECK(plan(sql.ready).find("INDEX hasten_jobs_ready (kind=?)") != std::string::npos);
  CHECK(plan(sql.ready).find("TEMP B-TREE") == std::string::npos);
  CHECK(plan(sql.make_due).find("hasten_jobs_planned") != std::string::npos);
  CHECK(plan(sql.key_holder).find("hasten_jobs_key") != std::string::npos);
}

TEST_CASE_METHOD(fixture, "job store options out of range are refused by name") {
  CHECK_THROWS_AS(hasten::sql_job_store(pool, {.session_wait = 0ns}), std::invalid_argument);
  CHECK_THROWS_AS(hasten::sql_job_store(pool, {.poll = 1h}), std::invalid_argument);
  CHECK_THROWS_AS(hasten::sql_job_store(pool, {.due_max = 0}), std::invalid_argument);
}

TEST_CASE_METHOD(fixture, "the table can be undone") {
  auto db = pool.write(soon());
  const std::array steps{hasten::sql_job_store::schema(1)};
  hasten::migrator(*db).apply(steps, {.target = 0});
  CHECK_THROWS_AS(store.get(1), hasten::query_error);
}

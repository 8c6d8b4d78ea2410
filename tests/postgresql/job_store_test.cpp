// SPDX-License-Identifier: BSL-1.0
#include "conformance/job_store_suite.hpp"

#include <hasten/soci/sql_job_store.hpp>
#include <hasten/workers/job_runner.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/postgresql_fixture.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace {

using namespace hasten;
using namespace std::chrono_literals;

steady_time soon() { return steady_clock_source::now() + 30s; }

struct fixture : postgresql_fixture {
  query_monitor monitor;
  session_pool pool{postgresql_options{.connection = server.connection(), .sessions_min = 1}, monitor};
  sql_job_store store{pool, {.poll = 10min, .listen = server.connection()}};

  fixture() {
    pool.write(soon())->script(
        "setup", sql_job_store::postgresql_schema(1).up + "CREATE TABLE effects(job bigint NOT NULL)");
  }
  std::int64_t number(const char* text) {
    return pool.read(soon())->scalar<std::int64_t>({"t.number", text});
  }
};

constexpr statement add_effect{"t.effect", "INSERT INTO effects VALUES(?1)"};

}  // namespace

TEST_CASE("the store in PostgreSQL keeps every promise of a job store") {
  static fixture place;  // one server for all sections
  place.pool.write(soon())->exec({"t.empty", "TRUNCATE hasten_jobs, effects"});
  conformance::job_store_suite(place.store);
}

TEST_CASE_METHOD(fixture,
                 "a job made in a PostgreSQL transaction is told of when it commits, and not before") {
  auto watch = store.watch();
  watch.wait_until(soon());  // begins to listen
  auto db = pool.write(soon());
  transaction change(*db);
  const auto made = store.enqueue_in(*db, {.kind = "mail"}, wall_clock_source::now());
  watch.wait_until(steady_clock_source::now());
  CHECK_FALSE(store.get(made.id));
  change.commit();
  const steady_time told = steady_clock_source::now();
  watch.wait_until(told + 20s);
  CHECK(steady_clock_source::now() < told + 10s);
  CHECK(store.get(made.id));
}

TEST_CASE_METHOD(fixture, "of many who make a job of one key at once, one makes it") {
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int key = 0; key < 20; ++key) {
        const new_job job{.kind = "mail", .options = {.unique_key = "k" + std::to_string(key)}};
        if (store.enqueue(std::array{job}, wall_clock_source::now()).at(0).is_new) ++made;
      }
    });
  for (auto& each : threads) each.join();
  CHECK(made == 20);
}

TEST_CASE_METHOD(fixture, "jobs settled with their effects are done once, over a restart of the server too") {
  constexpr int jobs = 300;
  worker_pool workers({.threads = 2, .name = "w"});
  job_runner<sql_job_store> runner(store, workers, {.in_hand_max = 16, .lease = 500ms, .upkeep = 50ms});
  std::atomic<int> begun{0};
  runner.add<int>("exact",
                  [&](job_context& job, int) {
                    ++begun;
                    auto db = pool.write(soon());
                    transaction change(*db);
                    db->exec(add_effect, job.job().id);
                    store.settle_in(*db, {.lease = job.lease()}, wall_clock_source::now());
                    change.commit();
                    return job_outcome::settled();
                  },
                  {.delays = {.first = 20ms, .most = 200ms}});
  std::vector<new_job> all;
  for (int i = 0; i < jobs; ++i) all.push_back(make_job("exact", i, {.attempts_max = 1000}));
  store.enqueue(all, wall_clock_source::now());
  runner.start();
  while (begun < jobs / 3) std::this_thread::sleep_for(1ms);
  server.stop(SIGQUIT);
  std::this_thread::sleep_for(100ms);
  server.start();
  const auto limit = soon();
  const auto completed = [&]() -> std::int64_t {
    try {
      return number("SELECT count(*) FROM hasten_jobs WHERE state = 'completed'");
    } catch (const error&) {  // sessions of the server that died
      return 0;
    }
  };
  while (completed() < jobs && steady_clock_source::now() < limit) std::this_thread::sleep_for(10ms);
  CHECK(runner.drain(soon()).left == 0);
  CHECK(completed() == jobs);
  CHECK(number("SELECT count(*) FROM effects") == jobs);
  CHECK(number("SELECT count(DISTINCT job) FROM effects") == jobs);
}

TEST_CASE_METHOD(fixture, "two runners on two pools share the jobs, and hear of them without polling") {
  session_pool other(postgresql_options{.connection = server.connection()}, monitor);
  sql_job_store second(other, {.poll = 10min, .listen = server.connection()});
  worker_pool workers({.threads = 2, .name = "w"});
  std::atomic<int> ran{0};
  job_runner<sql_job_store> one(store, workers, {.upkeep = 1h});
  job_runner<sql_job_store> two(second, workers, {.upkeep = 1h});
  for (auto* each : {&one, &two}) {
    each->add<int>("mail", [&](job_context&, int) { ++ran; });
    each->start();
  }
  constexpr int jobs = 200;
  for (int i = 0; i < jobs; ++i) store.enqueue(std::array{make_job("mail", i)}, wall_clock_source::now());
  const auto limit = soon();
  while (ran < jobs && steady_clock_source::now() < limit) std::this_thread::sleep_for(1ms);
  CHECK(ran == jobs);
  one.drain(soon());
  two.drain(soon());
  CHECK(number("SELECT count(*) FROM hasten_jobs WHERE state = 'completed' AND ticket = 1") == jobs);
}

TEST_CASE_METHOD(fixture, "what runners and enqueuers do again and again takes a trip or two") {
  const auto now = wall_clock_source::now();
  const auto trips = [&](auto&& what) {
    const auto before = monitor.totals().calls;
    what();
    return monitor.totals().calls - before;
  };
  static_cast<void>(pool.write(soon()));  // a session that writes
  const std::array one{make_job("mail", 1)};
  CHECK(trips([&] { store.enqueue(one, now); }) == 1);
  std::vector<new_job> many;
  for (int i = 0; i < 50; ++i) many.push_back(make_job("fax", i, {.at = now + (i % 2) * 1h}));
  std::vector<enqueued_job> made;
  CHECK(trips([&] { made = store.enqueue(many, now); }) == 1);
  REQUIRE(made.size() == 50);
  for (int i = 0; i < 50; ++i) {
    const auto job = store.get(made[static_cast<std::size_t>(i)].id);
    REQUIRE(job);
    CHECK(job->payload == many[static_cast<std::size_t>(i)].payload);
    CHECK(job->state == (i % 2 == 0 ? job_state::available : job_state::scheduled));
  }
  static_cast<void>(pool.write(soon()));
  const std::array rooms{job_room{"mail", 5}, job_room{"fax", 5}};
  std::vector<job_record> taken;
  const job_wish wish{.rooms = rooms, .count_max = 10, .now = now, .lease_until = now + 30s, .worker = "w"};
  CHECK(trips([&] { taken = store.take(wish); }) == 2);
  REQUIRE(taken.size() == 6);
  std::vector<job_settlement> ends;
  for (const job_record& each : taken) ends.push_back({.lease = each.lease()});
  CHECK(trips([&] { CHECK(store.settle(ends, now) == std::vector<bool>(6, true)); }) == 1);
  auto db = pool.write(soon());
  transaction change(*db);
  CHECK(trips([&] { store.enqueue_in(*db, one[0], now); }) == 1);
}

TEST_CASE_METHOD(fixture, "taking jobs is answered from indexes, however many are finished") {
  auto db = pool.write(soon());
  db->script("fill",
             "INSERT INTO hasten_jobs(kind, state, priority, attempts_max, created_at_ms, scheduled_at_ms, "
             "finished_at_ms, payload) SELECT 'mail', 'completed', 5, 5, i, i, i, '' FROM generate_series(1, "
             "50000) AS i; ANALYZE hasten_jobs");
  std::string plan;
  db->script("plan",
             "SET plan_cache_mode = force_generic_plan");  // the worst: for values that it does not know
  std::string text(detail::postgresql_job_sql.take_ready.text);
  for (char& each : text)
    if (each == '?') each = '$';
  db->exec({"t.prepare", "PREPARE taking(text[], bigint[], bigint, bigint, bigint, text) AS " + text});
  db->each<std::tuple<std::string>>({"t.plan", "EXPLAIN EXECUTE taking('{mail}', '{5}', 5, 1, 2, 'w')"},
                                    [&](const auto& row) { plan += std::get<0>(row) + "\n"; });
  INFO(plan);
  CHECK(plan.find("hasten_jobs_ready") != std::string::npos);
  CHECK(plan.find("hasten_jobs_pkey") != std::string::npos);
  CHECK(plan.find("Seq Scan on hasten_jobs") == std::string::npos);
}

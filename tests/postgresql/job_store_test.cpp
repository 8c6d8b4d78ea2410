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

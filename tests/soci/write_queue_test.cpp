// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/write_queue.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

hasten::steady_time soon() { return hasten::steady_clock_source::now() + 30s; }
constexpr hasten::steady_time at_once = hasten::steady_time::min();

constexpr hasten::statement add{"t.add", "INSERT INTO t VALUES(?1)"};

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::session_pool pool{{.path = file.path(), .readers = 1}, monitor};

  fixture() { pool.write(soon())->script("setup", "CREATE TABLE t(x INTEGER UNIQUE)"); }
  int count() { return pool.read(soon())->scalar<int>({"t.count", "SELECT count(*) FROM t"}); }
  void wait_for_queued(const hasten::write_queue& queue, std::size_t number) {
    while (queue.stats().queued < number) std::this_thread::yield();
  }
};

}  // namespace

TEST_CASE_METHOD(fixture, "a unit's answer comes back after its commit") {
  hasten::write_queue queue(pool);
  const auto id = queue.run(soon(), [](hasten::monitored_session& db) {
    db.exec(add, 7);
    return db.last_insert_id();
  });
  CHECK(id == 1);
  CHECK(count() == 1);
  queue.run(soon(), [](hasten::monitored_session& db) { db.exec(add, 8); });
  CHECK(*queue.run(soon(), [](hasten::monitored_session&) { return std::make_unique<int>(5); }) == 5);
  CHECK(queue.stats().batches == 3);
  CHECK(queue.stats().units == 3);
}

TEST_CASE_METHOD(fixture, "what a unit throws reaches its caller and undoes the unit") {
  hasten::write_queue queue(pool);
  CHECK_THROWS_AS(queue.run(soon(),
                            [](hasten::monitored_session& db) {
                              db.exec(add, 7);
                              throw std::runtime_error("no");
                            }),
                  std::runtime_error);
  CHECK(count() == 0);
  CHECK(queue.stats().failed == 1);
  queue.run(soon(), [](hasten::monitored_session& db) { db.exec(add, 7); });
  CHECK(count() == 1);
}

TEST_CASE_METHOD(fixture, "units that wait are committed together, and one that fails undoes itself alone") {
  hasten::write_queue queue(pool);
  std::optional<hasten::session_lease> held = pool.write(soon());
  std::vector<std::thread> callers;
  std::atomic<int> refused{0};
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      try {
        queue.run(soon(), [&](hasten::monitored_session& db) {
          db.exec(add, 100 + caller);
          db.exec(add, caller == 2 ? 100 : caller);  // the third repeats a key of the first
        });
      } catch (const hasten::query_error& failure) {
        if (failure.kind() == hasten::query_error_kind::unique) ++refused;
      }
    });
    wait_for_queued(queue, static_cast<std::size_t>(caller) + 1);
  }
  held.reset();
  for (std::thread& caller : callers) caller.join();
  CHECK(refused == 1);
  CHECK(count() == 6);
  CHECK(queue.stats().batches == 1);
  CHECK(queue.stats().batch_max == 4);
  CHECK(queue.stats().units == 3);
  CHECK(queue.stats().failed == 1);
}

TEST_CASE_METHOD(fixture, "a unit whose deadline passes in the queue does not run") {
  hasten::write_queue queue(pool);
  std::optional<hasten::session_lease> held = pool.write(soon());
  std::thread leader([&] { queue.run(soon(), [](hasten::monitored_session& db) { db.exec(add, 1); }); });
  wait_for_queued(queue, 1);
  bool ran = false;
  try {
    queue.run(at_once, [&](hasten::monitored_session&) { ran = true; });
    FAIL("nothing was thrown");
  } catch (const hasten::error& failure) {
    CHECK(failure.code() == hasten::errc::timeout);
  }
  held.reset();
  leader.join();
  CHECK_FALSE(ran);
  CHECK(queue.stats().timed_out == 1);
  CHECK(count() == 1);
}

TEST_CASE_METHOD(fixture, "a leader that gets no session fails alone and passes the lead on") {
  hasten::write_queue queue(pool);
  std::optional<hasten::session_lease> held = pool.write(soon());
  const auto write = [](int value) {
    return [value](hasten::monitored_session& db) { db.exec(add, value); };
  };
  CHECK_THROWS_AS(queue.run(at_once, write(1)), hasten::error);
  CHECK(queue.stats().queued == 0);
  held.reset();
  queue.run(soon(), write(2));
  CHECK(count() == 1);
}

TEST_CASE_METHOD(fixture, "a full queue refuses") {
  hasten::write_queue queue(pool, {.queue_max = 1});
  std::optional<hasten::session_lease> held = pool.write(soon());
  std::thread leader([&] { queue.run(soon(), [](hasten::monitored_session& db) { db.exec(add, 1); }); });
  wait_for_queued(queue, 1);
  try {
    queue.run(soon(), [](hasten::monitored_session&) {});
    FAIL("nothing was thrown");
  } catch (const hasten::error& failure) {
    CHECK(failure.code() == hasten::errc::overloaded);
  }
  CHECK(queue.stats().rejected == 1);
  held.reset();
  leader.join();
}

TEST_CASE_METHOD(fixture, "a commit that fails is everybody's failure and nothing is stored") {
  pool.write(soon())->script("more",
                             "CREATE TABLE p(id INTEGER PRIMARY KEY);"
                             "CREATE TABLE c(p INTEGER REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)");
  hasten::write_queue queue(pool);
  std::optional<hasten::session_lease> held = pool.write(soon());
  std::atomic<int> failed{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 2; ++caller) {
    callers.emplace_back([&, caller] {
      try {
        queue.run(soon(), [&](hasten::monitored_session& db) {
          if (caller == 0)
            db.exec({"c.add", "INSERT INTO c VALUES(99)"});  // refused only at the commit
          else
            db.exec(add, caller);
        });
      } catch (const hasten::query_error& failure) {
        if (failure.kind() == hasten::query_error_kind::foreign_key) ++failed;
      }
    });
    wait_for_queued(queue, static_cast<std::size_t>(caller) + 1);
  }
  held.reset();
  for (std::thread& caller : callers) caller.join();
  CHECK(failed == 2);
  CHECK(count() == 0);
  CHECK(queue.stats().failed == 2);
  CHECK(queue.stats().batches == 0);
}

TEST_CASE_METHOD(fixture, "a unit that ends the transaction is told off and the queue works on") {
  hasten::write_queue queue(pool);
  CHECK_THROWS_AS(queue.run(soon(), [](hasten::monitored_session& db) { db.exec({"x", "COMMIT"}); }),
                  hasten::query_error);
  CHECK_THROWS_AS(queue.run(soon(), [](hasten::monitored_session& db) { hasten::transaction inner(db); }),
                  hasten::query_error);
  queue.run(soon(), [](hasten::monitored_session& db) { db.exec(add, 1); });
  CHECK(count() == 1);
}

TEST_CASE_METHOD(fixture, "a batch may wait a little for more units") {
  hasten::write_queue queue(pool, {.batch_max = 2, .delay = 1s});
  std::latch start(2);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 2; ++caller)
    callers.emplace_back([&, caller] {
      start.arrive_and_wait();
      queue.run(soon(), [&](hasten::monitored_session& db) { db.exec(add, caller); });
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(queue.stats().batches == 1);
}

TEST_CASE_METHOD(fixture, "options out of range are refused") {
  CHECK_THROWS_AS(hasten::write_queue(pool, {.batch_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(hasten::write_queue(pool, {.queue_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(hasten::write_queue(pool, {.delay = 2s}), std::invalid_argument);
}

TEST_CASE_METHOD(fixture, "many threads lose no write and get their own answers") {
  constexpr int threads = 6;
  constexpr int rounds = 40;
  hasten::write_queue queue(pool);
  std::atomic<int> wrong{0};
  std::latch start(threads);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < threads; ++caller)
    callers.emplace_back([&, caller] {
      start.arrive_and_wait();
      for (int round = 0; round < rounds; ++round) {
        const int value = caller * rounds + round;
        const int answer = queue.run(soon(), [&](hasten::monitored_session& db) {
          db.exec(add, value);
          return value;
        });
        if (answer != value) ++wrong;
      }
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
  CHECK(count() == threads * rounds);
  CHECK(queue.stats().units == threads * rounds);
}

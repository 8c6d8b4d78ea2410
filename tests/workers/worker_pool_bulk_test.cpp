// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/worker_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using hasten::full_policy;
using hasten::task_lane;
using hasten::worker_pool;

namespace {

// Only a guard against hanging: no test waits this long unless it fails.
hasten::steady_time in_a_minute() { return hasten::steady_clock_source::now() + 60s; }

// Started when the first of its tasks runs, which waits for release().
struct gate {
  std::latch started{1};
  std::latch released{1};
};

// Posts `count` tasks of which the first waits at the gate.
std::size_t post_behind(worker_pool& pool, gate& first, std::size_t count, std::atomic<int>& ran) {
  return pool.post_bulk(count, [&](std::size_t i) {
    return [&first, &ran, i] {
      if (i == 0) {
        first.started.count_down();
        first.released.wait();
      }
      ++ran;
    };
  });
}

}  // namespace

TEST_CASE("a bulk post runs every task once") {
  worker_pool pool({.threads = 2});
  std::vector<std::atomic<int>> ran(1'000);
  CHECK(pool.post_bulk(ran.size(), [&](std::size_t i) { return [&ran, i] { ++ran[i]; }; }) == ran.size());
  pool.drain(in_a_minute());
  for (const auto& count : ran) REQUIRE(count == 1);
  CHECK(pool.stats().completed == ran.size());
  CHECK(pool.stats().queued == 0);
}

TEST_CASE("a bulk post that does not fit says how many were taken") {
  worker_pool pool({.threads = 1, .queue_max = 70});
  gate busy;
  pool.post([&] {
    busy.started.count_down();
    busy.released.wait();
  });
  busy.started.wait();
  CHECK(pool.post_bulk(100, [](std::size_t) { return [] {}; }) == 70);
  CHECK(pool.stats().rejected == 1);
  CHECK(pool.stats().queued == 70);
  busy.released.count_down();
  pool.drain(in_a_minute());
  CHECK(pool.stats().completed == 71);
  CHECK(pool.post_bulk(1, [](std::size_t) { return [] {}; }) == 0);
}

TEST_CASE("a bulk post finds less room beside tasks that wait already") {
  worker_pool pool({.threads = 1, .queue_max = 70});
  pool.pause();
  for (int i = 0; i < 30; ++i) pool.post([] {});
  CHECK(pool.post_bulk(100, [](std::size_t) { return [] {}; }) == 40);
  CHECK(pool.drain(in_a_minute()).finished == 70);
}

TEST_CASE("a bulk post waits for room if so chosen") {
  worker_pool pool({.threads = 2, .queue_max = 10, .on_full = full_policy::block, .block_max = 1min});
  std::atomic<int> ran{0};
  CHECK(pool.post_bulk(5'000, [&](std::size_t) { return [&ran] { ++ran; }; }) == 5'000);
  pool.drain(in_a_minute());
  CHECK(ran == 5'000);
}

TEST_CASE(
    "a batch that waits for its place in a full ring is not kept from it by the room set aside for it") {
  worker_pool pool({.threads = 1, .queue_max = 4, .on_full = full_policy::block, .block_max = 1h});
  gate busy;
  pool.post([&] {
    busy.started.count_down();
    busy.released.wait();
  });
  busy.started.wait();
  std::latch is_made{1};
  std::thread releasing([&] {
    is_made.wait();
    for (int i = 0; i < 200; ++i) std::this_thread::yield();  // mostly enough for the producer to wait
    busy.released.count_down();
  });
  std::atomic<int> single{0};
  std::atomic<int> bulk{0};
  // The room is set aside before the tasks are made, the place in the ring is taken afterwards.
  CHECK(pool.post_bulk(4, [&](std::size_t i) {
    while (i == 0 && pool.try_post([&single] { ++single; })) {
    }
    if (i == 3) is_made.count_down();
    return [&bulk] { ++bulk; };
  }) == 4);  // hangs if it waits for its own room
  releasing.join();
  pool.drain(in_a_minute());
  CHECK(single == 4);
  CHECK(bulk == 4);
}

TEST_CASE("tasks of a bulk post go one by one where the caller runs, displaces or sheds what is too much") {
  std::atomic<int> ran{0};
  const auto make = [&](std::size_t) { return [&ran] { ++ran; }; };
  {
    worker_pool pool({.threads = 1, .queue_max = 2, .on_full = full_policy::caller_runs});
    pool.pause();
    CHECK(pool.post_bulk(10, make) == 10);
    CHECK(ran == 8);
    pool.drain(in_a_minute());
  }
  CHECK(ran == 10);
  worker_pool pool({.threads = 1, .queue_max = 2, .on_full = full_policy::drop_oldest});
  pool.pause();
  CHECK(pool.post_bulk(10, make) == 10);
  CHECK(pool.stats().cancelled == 8);
  pool.drain(in_a_minute());
  CHECK(ran == 12);
}

TEST_CASE("a task of a bulk post that takes long keeps none of the others waiting") {
  worker_pool pool({.threads = 2});
  gate first;
  std::atomic<int> ran{0};
  std::latch others{63};
  pool.post_bulk(64, [&](std::size_t i) {
    return [&, i] {
      if (i == 0) return first.released.wait();
      ++ran;
      others.count_down();
    };
  });
  others.wait();
  CHECK(ran == 63);
  first.released.count_down();
  pool.drain(in_a_minute());
}

TEST_CASE("the rest of a batch whose worker is kept gets its share beside a stream of other tasks") {
  worker_pool pool({.threads = 2});
  gate first;
  std::atomic<int> ran{0};
  REQUIRE(post_behind(pool, first, 10, ran) == 10);
  first.started.wait();
  std::atomic<bool> is_over{false};
  const std::function<void()> again = [&] {
    if (!is_over) pool.post(again);
  };
  pool.post(again);  // the lane is not empty from now on
  pool.post(again);
  const auto limit = in_a_minute();
  while (ran < 9 && hasten::steady_clock_source::now() < limit) std::this_thread::yield();
  CHECK(ran == 9);
  is_over = true;
  first.released.count_down();
  pool.drain(in_a_minute());
  CHECK(ran == 10);
}

TEST_CASE("higher lanes go before the rest of a batch") {
  static constexpr std::size_t urgent = 99;
  std::vector<std::size_t> order;
  std::latch all{61};
  worker_pool pool({.threads = 1});
  const auto note = [&](std::size_t which) {
    order.push_back(which);
    all.count_down();
  };
  pool.post_bulk(60, [&](std::size_t i) {
    return [&, i] {
      note(i);
      if (i == 0) pool.post({.lane = task_lane::high}, [&note] { note(urgent); });
    };
  });
  all.wait();
  // Up to three turns in a row belong to the lower lanes and to the oldest batch.
  CHECK(std::find(order.begin(), order.end(), urgent) - order.begin() <= 4);
}

TEST_CASE("background tasks in bulk leave a worker to the others") {
  worker_pool pool({.threads = 2});
  gate first;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  pool.post_bulk(
      20,
      [&](std::size_t i) {
        return [&, i] {
          most = std::max(most.load(), ++running);
          if (i == 0) {
            first.started.count_down();
            first.released.wait();
          }
          --running;
        };
      },
      task_lane::background);
  first.started.wait();
  pool.submit([] {}).get();
  CHECK(most == 1);
  first.released.count_down();
  CHECK(pool.drain(in_a_minute()).left == 0);
}

TEST_CASE("a purge cancels what is left of a batch and destroys what it captured") {
  worker_pool pool({.threads = 1});
  gate first;
  std::atomic<int> ran{0};
  const auto captured = std::make_shared<int>(0);
  pool.post_bulk(200, [&](std::size_t i) {
    return [&, i, captured] {
      if (i == 0) {
        first.started.count_down();
        first.released.wait();
      }
      ++ran;
    };
  });
  first.started.wait();
  CHECK(pool.stats().queued == 199);
  CHECK(pool.purge() == 199);
  CHECK(captured.use_count() == 2);
  CHECK(pool.stats().queued == 0);
  CHECK(pool.stats().cancelled == 199);
  CHECK(pool.post_bulk(10'000, [&](std::size_t) { return [&ran] { ++ran; }; }) ==
        10'000);  // all room is back
  first.released.count_down();
  CHECK(pool.drain(in_a_minute()).finished == 10'001);
  CHECK(ran == 10'001);
  CHECK(captured.use_count() == 1);
}

TEST_CASE("draining at its deadline cancels what is left of a batch and reports what still runs") {
  gate first;
  std::atomic<int> ran{0};
  worker_pool pool({.threads = 1});
  REQUIRE(post_behind(pool, first, 100, ran) == 100);
  first.started.wait();
  const auto report = pool.drain(hasten::steady_clock_source::now());
  CHECK(report.left == 1);
  CHECK(report.cancelled == 99);
  CHECK(report.finished == 0);
  first.released.count_down();
}

TEST_CASE("draining at its deadline accounts for every task of a batch, with a helper at work") {
  for (int round = 0; round < 100; ++round) {
    worker_pool pool({.threads = 2});
    pool.pause();
    REQUIRE(pool.post_bulk(100, [](std::size_t) { return [] {}; }) == 100);
    std::thread helper([&] {
      while (!pool.is_closed()) std::this_thread::yield();
      while (pool.run_one()) {
      }
    });
    const auto report = pool.drain(hasten::steady_clock_source::now());
    helper.join();
    REQUIRE(report.finished + report.cancelled + report.left == 100);
  }
}

TEST_CASE("a thread that lends a hand takes one task of a batch and leaves the rest to the pool") {
  worker_pool pool({.threads = 1});
  gate busy;
  pool.post([&] {
    busy.started.count_down();
    busy.released.wait();
  });
  busy.started.wait();
  std::atomic<int> ran{0};
  pool.post_bulk(10, [&](std::size_t) { return [&ran] { ++ran; }; });
  CHECK(pool.run_one());
  CHECK(ran == 1);
  CHECK(pool.stats().queued == 9);
  CHECK(pool.run_one());
  CHECK(ran == 2);
  busy.released.count_down();
  pool.drain(in_a_minute());
  CHECK(ran == 10);
  CHECK(pool.stats().completed == 11);
}

TEST_CASE("what a task of a bulk post throws reaches on_error, and the others run") {
  std::atomic<int> errors{0};
  worker_pool pool({.threads = 1, .on_error = [&](const std::exception_ptr&) { ++errors; }});
  std::atomic<int> ran{0};
  pool.post_bulk(10, [&](std::size_t i) {
    return [&ran, i] {
      if (i == 3) throw std::runtime_error("no");
      ++ran;
    };
  });
  pool.drain(in_a_minute());
  CHECK(errors == 1);
  CHECK(ran == 9);
  CHECK(pool.stats().failed == 1);
  CHECK(pool.stats().completed == 9);
}

TEST_CASE("a maker that throws costs its own batch and no room") {
  worker_pool pool({.threads = 1, .queue_max = 128});
  pool.pause();
  std::atomic<int> ran{0};
  const auto captured = std::make_shared<int>(0);
  CHECK_THROWS_AS(pool.post_bulk(100,
                                 [&](std::size_t i) {
                                   if (i == 70) throw std::runtime_error("no");
                                   return [&ran, captured] { ++ran; };
                                 }),
                  std::runtime_error);
  CHECK(captured.use_count() == 33);  // of the first batch
  CHECK(pool.post_bulk(100, [&](std::size_t) { return [&ran] { ++ran; }; }) == 96);
  pool.drain(in_a_minute());
  CHECK(ran == 128);
  CHECK(captured.use_count() == 1);
}

TEST_CASE("tasks of a bulk post are timed like others, and their age is known") {
  hasten::manual_clock clock;
  hasten::basic_worker_pool<hasten::manual_clock> pool({.threads = 1, .clock_sampling = 1}, clock);
  pool.pause();
  pool.post_bulk(10, [&](std::size_t) { return [&clock] { clock.advance(2ms); }; });
  clock.advance(1s);
  CHECK(pool.stats().oldest_age() >= 1s);
  pool.drain(in_a_minute());
  const auto stats = pool.stats();
  const auto& lane = stats.lanes[static_cast<std::size_t>(task_lane::normal)];
  CHECK(lane.wait.count() == 10);
  CHECK(lane.run.count() == 10);
  CHECK(pool.stats().oldest_age() == 0ns);
}

TEST_CASE("bulk posts, single posts, helpers and a purge at once account for every task") {
  worker_pool pool({.threads = 2, .queue_max = 200});
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> ran{0};
  std::atomic<bool> is_over{false};
  std::vector<std::thread> threads;
  for (int p = 0; p < 2; ++p) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        accepted += pool.post_bulk(50, [&](std::size_t) { return [&ran] { ++ran; }; });
        accepted += pool.try_post([&ran] { ++ran; }) ? 1U : 0U;
      }
    });
  }
  threads.emplace_back([&] {
    while (!is_over) {
      if (!pool.run_one()) std::this_thread::yield();
    }
  });
  std::uint64_t purged = 0;
  for (int i = 0; i < 20; ++i) {
    purged += pool.purge();
    std::this_thread::yield();
  }
  threads[0].join();
  threads[1].join();
  is_over = true;
  threads[2].join();
  const auto report = pool.drain(in_a_minute());
  CHECK(report.left == 0);
  CHECK(ran + purged + report.cancelled == accepted);
  const auto stats = pool.stats();
  CHECK(stats.completed == ran);
  CHECK(stats.completed + stats.cancelled == accepted);
  CHECK(stats.queued == 0);
}

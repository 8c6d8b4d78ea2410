// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/detail/worker_parking.hpp>

#include <catch2/catch_test_macros.hpp>

#include <workers/detail/parking_models.hpp>

#include <array>
#include <atomic>
#include <barrier>
#include <thread>
#include <utility>
#include <vector>

using parking_models::walk_batch;
using parking_models::walk_pause;
using parking_models::walk_ring;
using parking_models::without;

TEST_CASE("in no interleaving of pushing, popping and parking is a task lost, doubled or slept over") {
  const exploration producers = walk_ring(1, 1, 1, without::nothing);
  CHECK(producers.violation.empty());
  CHECK(producers.states > 4'000);
  CHECK(producers.ends > 0);
  const exploration workers = walk_ring(2, 0, 2, without::nothing);
  CHECK(workers.violation.empty());
  CHECK(workers.states > 20'000);
  CHECK(workers.ends > 0);
}

TEST_CASE("nor is one with two producers, two workers and more elements than slots", "[.slow]") {
  const exploration found = walk_ring(2, 1, 2, without::nothing);
  CHECK(found.violation.empty());
  CHECK(found.states > 500'000);
  CHECK(found.ends > 0);
}

TEST_CASE(
    "the walk finds the task slept over when a worker does not look before it sleeps, or is told too early") {
  CHECK(walk_ring(1, 1, 2, without::look_before_sleep).violation == "nobody can go on");
  CHECK(walk_ring(1, 1, 2, without::wake_after_push).violation == "nobody can go on");
}

TEST_CASE("in no interleaving is a task of a batch lost, doubled or slept over") {
  const exploration found = walk_batch(without::nothing);
  CHECK(found.violation.empty());
  CHECK(found.states > 5'000);
  CHECK(found.ends > 0);
  CHECK(walk_batch(without::look_before_sleep).violation == "nobody can go on");
}

TEST_CASE("in no interleaving is a task taken that was pushed after a pause") {
  const exploration found = walk_pause(without::nothing);
  CHECK(found.violation.empty());
  CHECK(found.ends > 0);
  CHECK(walk_pause(without::second_look).violation == "a task was started in a pause");
}

TEST_CASE("a worker that finds work while lying down does not sleep") {
  hasten::detail::worker_parking parking(1);
  hasten::detail::worker_parking::bed bed;
  parking.start_search();
  CHECK_FALSE(parking.park(bed, [] { return true; }));
  CHECK(parking.sleeping() == 0);
}

TEST_CASE("one token passed between threads that sleep in between never gets stuck") {
  // Each thread sleeps until the token is its own, and then puts the next one to work: one lost wake-up in
  // any of the rounds and this test hangs.
  constexpr int threads = 2;
  constexpr int rounds = 3'000;
  std::array<hasten::detail::worker_parking, threads> parkings{hasten::detail::worker_parking(1),
                                                               hasten::detail::worker_parking(1)};
  std::array<std::atomic<int>, threads> work{};
  std::array<hasten::detail::worker_parking::bed, threads> beds;  // outlives whoever may still be waking it
  std::vector<std::thread> running;
  for (std::size_t self = 0; self < threads; ++self) {
    running.emplace_back([&, self] {
      const auto has_work = [&] { return work[self].load() != 0; };
      const std::size_t other = 1 - self;
      for (int round = 0; round < rounds; ++round) {
        parkings[self].start_search();
        while (!has_work()) parkings[self].park(beds[self], has_work);
        parkings[self].stop_search(has_work);
        work[self].fetch_sub(1);
        work[other].fetch_add(1);
        parkings[other].work_arrived();
      }
    });
  }
  work[0].fetch_add(1);
  parkings[0].work_arrived();
  for (auto& thread : running) thread.join();
  CHECK(work[0] + work[1] == 1);
}

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/workers/job_runner.hpp>
#include <hasten/workers/job_store.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <support/interleave.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace hasten::bench {

/// Durable jobs from enqueueing to settling, on the stores that are there.
void bench_jobs(interleave& bench);

/// Returns: jobs per second, each enqueued by a call of its own, run with a handler that does next to nothing by two
/// workers, and settled.
template <class Store>
[[nodiscard]] double jobs_per_second(Store& store, std::size_t count) {
  worker_pool pool({.threads = 2, .name = "bench"});
  job_runner<Store> runner(store, pool, {.in_hand_max = 256});
  std::atomic<std::uint64_t> ran{0};
  runner.template add<std::uint64_t>("bench", [&](job_context&, std::uint64_t each) { ran += each; });
  runner.start();
  const steady_time began = steady_clock_source::now();
  for (std::size_t i = 0; i < count; ++i)
    store.enqueue(std::array{make_job("bench", std::uint64_t{1})}, wall_clock_source::now());
  while (ran.load() < count) std::this_thread::sleep_for(std::chrono::microseconds(200));
  runner.drain(steady_clock_source::now() + std::chrono::minutes(1));  // until the last is settled
  const std::chrono::duration<double> took = steady_clock_source::now() - began;
  return static_cast<double>(count) / took.count();
}

/// Returns: microseconds for each taking of ten jobs.
template <class Store>
[[nodiscard]] double microseconds_per_take(Store& store, int takes) {
  const auto now = wall_clock_source::now();
  const std::array rooms{job_room{"taken", 10}};
  std::vector<new_job> jobs(10, make_job("taken", std::uint64_t{1}));
  std::chrono::duration<double, std::micro> spent{};
  for (int i = 0; i < takes; ++i) {
    store.enqueue(jobs, now);
    const steady_time began = steady_clock_source::now();
    const auto taken = store.take({.rooms = rooms,
                                   .count_max = 10,
                                   .now = now,
                                   .lease_until = now + std::chrono::minutes(1),
                                   .worker = "bench"});
    spent += steady_clock_source::now() - began;
    std::vector<job_settlement> ends;
    for (const job_record& each : taken) ends.push_back({.lease = each.lease()});
    store.settle(ends, now);
  }
  return spent.count() / takes;
}

}  // namespace hasten::bench

// SPDX-License-Identifier: BSL-1.0
// What it costs to hand a task to a pool of two workers, how soon an idle pool starts one, and what an idle
// pool costs; against Boost.Asio's thread_pool, a oneTBB arena and one mutex with one condition variable.
#include <hasten/core/clock.hpp>
#include <hasten/workers/fork_join.hpp>
#include <hasten/workers/parallel.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <growth/growth_percentiles.hpp>
#include <support/interleave.hpp>
#include <workers/allocations.hpp>
#include <workers/jobs.hpp>
#include <workers/peers.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using hasten::bench::contender;
using hasten::bench::interleave;
using hasten::bench::nanoseconds_per;

// From the first post to the end of the last task, for one task.
template <class Pool>
double empty_tasks(unsigned producers, std::size_t tasks) {
  Pool pool;
  const std::size_t each = tasks / producers;
  return nanoseconds_per(each * producers, [&] {
    std::vector<std::thread> others;
    for (unsigned p = 1; p < producers; ++p) {
      others.emplace_back([&] {
        for (std::size_t i = 0; i < each; ++i) pool.post([] {});
      });
    }
    for (std::size_t i = 0; i < each; ++i) pool.post([] {});
    for (auto& other : others) other.join();
    pool.finish();
  });
}

void bench_tasks(interleave& bench) {
  const std::size_t tasks = bench.quick() ? 200'000 : 400'000;
  double worst = 0;
  for (const unsigned producers : {1U, 2U, 4U}) {
    std::vector<contender> contenders{
        {"hasten", [=] { return empty_tasks<peers::ours>(producers, tasks); }},
        {"mutex + condition variable", [=] { return empty_tasks<peers::mutex_queue>(producers, tasks); }}};
#ifdef HASTEN_BENCH_TBB
    contenders.push_back({"oneTBB arena", [=] { return empty_tasks<peers::tbb_arena>(producers, tasks); }});
#endif
#ifdef HASTEN_BENCH_ASIO
    contenders.push_back({"boost::asio::thread_pool",  //
                          [=] { return empty_tasks<peers::asio_pool>(producers, tasks); }});
#endif
    const auto results = bench.compare("empty tasks, " + std::to_string(producers) + " producers, 2 workers",
                                       "ns per task", contenders);
    worst = std::max(worst, results.front().median);
    const std::string name = "workers.task.p" + std::to_string(producers) + ".vs_asio";
#ifdef HASTEN_BENCH_ASIO
    bench.ratio(name, results.front().median / results.back().median);
#else
    bench.skip(name, "Boost is not installed");
#endif
  }
  bench.ratio("workers.task.ns", worst);
}

// Microseconds from post() to the first instruction of the task, when the pool has been idle for a
// millisecond.
template <class Pool>
std::vector<double> wake_times(Pool& pool, int times) {
  std::vector<double> taken;
  for (int i = 0; i < times; ++i) {
    std::this_thread::sleep_for(1ms);
    std::atomic<bool> has_run{false};
    hasten::steady_time started;
    const auto posted = hasten::steady_clock_source::now();
    pool.post([&] {
      started = hasten::steady_clock_source::now();
      has_run.store(true);
    });
    while (!has_run.load()) {
    }
    taken.push_back(std::chrono::duration<double, std::micro>(started - posted).count());
  }
  return taken;
}

// Fresh pools in every round, because where the scheduler first puts a thread decides much of its figure.
template <class Pool>
contender wakes(std::string name, int times, std::vector<double>& all) {
  return {std::move(name), [times, &all] {
            Pool pool;
            auto round = wake_times(pool, times);
            all.insert(all.end(), round.begin(), round.end());
            std::sort(round.begin(), round.end());
            return round[round.size() / 2];
          }};
}

double quantile(std::vector<double>& values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

void bench_wake(interleave& bench) {
  const int times = bench.quick() ? 100 : 300;
  std::array<std::vector<double>, 3> all;
  std::vector<contender> contenders{wakes<peers::ours>("hasten", times, all[0]),
                                    wakes<peers::mutex_queue>("mutex + condition variable", times, all[1])};
#ifdef HASTEN_BENCH_ASIO
  contenders.push_back(wakes<peers::asio_pool>("boost::asio::thread_pool", times, all[2]));
#endif
  const auto results = bench.compare("idle pool: from post to run, median of a round", "us", contenders);
  std::printf("\nidle pool: from post to run, over all rounds (us)\n");
  for (std::size_t i = 0; i < results.size(); ++i) {
    std::printf("  %-38s p50 %8.2f   p99 %8.2f\n", results[i].name.c_str(), quantile(all[i], 0.5),
                quantile(all[i], 0.99));
  }
#ifdef HASTEN_BENCH_ASIO
  bench.ratio("workers.wake.p50.vs_asio", quantile(all[0], 0.5) / quantile(all[2], 0.5));
  bench.ratio("workers.wake.p99.vs_asio", quantile(all[0], 0.99) / quantile(all[2], 0.99));
#else
  bench.skip("workers.wake.p50.vs_asio", "Boost is not installed");
  bench.skip("workers.wake.p99.vs_asio", "Boost is not installed");
#endif
}

double bulk(std::size_t tasks) {
  peers::ours pool;
  return nanoseconds_per(tasks, [&] {
    pool.pool().post_bulk(tasks, [](std::size_t) { return [] {}; });
    pool.finish();
  });
}

void bench_bulk(interleave& bench) {
  constexpr std::size_t tasks = 1'000'000;
  const auto results = bench.compare("a million empty tasks in one bulk post", "ns per task",
                                     {{"hasten", [] { return bulk(tasks); }}});
  bench.ratio("workers.bulk.ns", results.front().median);
}

long fib_ours(hasten::worker_pool& pool, int n) {
  if (n < 2) return n;
  long left = 0;
  long right = 0;
  hasten::fork_join(pool, [&] { left = fib_ours(pool, n - 1); }, [&] { right = fib_ours(pool, n - 2); });
  return left + right;
}

#ifdef HASTEN_BENCH_TBB
long fib_tbb(int n) {
  if (n < 2) return n;
  long left = 0;
  long right = 0;
  tbb::task_group group;
  group.run([&] { right = fib_tbb(n - 2); });
  left = fib_tbb(n - 1);
  group.wait();
  return left + right;
}
#endif

// Every call forks, down to the leaves: what splitting costs, and nothing else. Two threads in all.
void bench_fork_join(interleave& bench) {
  constexpr int n = 27;
  constexpr std::size_t forks = 317'810;  // calls with n of 2 or more
  hasten::worker_pool pool({.threads = 1});
  std::vector<contender> contenders{
      {"hasten", [&] { return nanoseconds_per(forks, [&] { hasten::bench::keep(fib_ours(pool, n)); }); }}};
#ifdef HASTEN_BENCH_TBB
  tbb::task_arena arena(2, 1);
  contenders.push_back({"oneTBB task_group", [&] {
                          return nanoseconds_per(
                              forks, [&] { hasten::bench::keep(arena.execute([] { return fib_tbb(n); })); });
                        }});
#endif
  const auto results = bench.compare("fib(27) by forks, two threads", "ns per fork", contenders);
#ifdef HASTEN_BENCH_TBB
  bench.ratio("workers.fib.vs_tbb", results[0].median / results[1].median);
#else
  bench.skip("workers.fib.vs_tbb", "oneTBB is not installed");
#endif
}

void bench_parallel_for(interleave& bench) {
  const std::vector<double> input(10'000'000, 2.0);
  std::vector<double> output(input.size());
  const auto work = [&](std::size_t i) { output[i] = std::sqrt(input[i]) + 1.0 / (input[i] + 1.0); };
  // One worker and the caller: two threads in all, on two processors.
  hasten::worker_pool pool({.threads = 1});
  const auto results = bench.compare("a loop over ten million doubles", "ns per element",
                                     {{"one thread",
                                       [&] {
                                         return nanoseconds_per(input.size(), [&] {
                                           for (std::size_t i = 0; i < input.size(); ++i) work(i);
                                           hasten::bench::keep(output.data());
                                         });
                                       }},
                                      {"parallel_for, two threads", [&] {
                                         return nanoseconds_per(input.size(), [&] {
                                           hasten::parallel_for(pool, 0, input.size(), work);
                                           hasten::bench::keep(output.data());
                                         });
                                       }}});
  bench.ratio("workers.parallel_for.2threads", results[0].median / results[1].median);
}

// Weight, stature and body-mass index of each child: real work on all cores, in its own units.
void bench_growth(interleave& bench) {
  std::vector<claims_app::child_measures> children(300'000);
  for (std::size_t i = 0; i < children.size(); ++i) {
    const double part = static_cast<double>(i % 1'000) / 1'000;
    children[i] = {.whose = i % 2 == 0 ? claims_app::sex::male : claims_app::sex::female,
                   .age_months = 24 + 215 * part,
                   .weight_kg = 12 + 60 * part + static_cast<double>(i % 17),
                   .stature_cm = 85 + 85 * part};
  }
  std::vector<claims_app::growth_result> results(children.size());
  hasten::worker_pool pool({.threads = 1});  // and the caller
  const auto took = bench.compare("growth percentiles of a child", "ns per child",
                                  {{"one thread",
                                    [&] {
                                      return nanoseconds_per(children.size(), [&] {
                                        claims_app::assess_growth(children, results);
                                        hasten::bench::keep(results.data());
                                      });
                                    }},
                                   {"two threads", [&] {
                                      return nanoseconds_per(children.size(), [&] {
                                        claims_app::assess_growth(pool, children, results);
                                        hasten::bench::keep(results.data());
                                      });
                                    }}});
  bench.ratio("growth.per_second", 1e9 / took[1].median);
}

void burn(std::chrono::nanoseconds time) {
  const auto until = hasten::steady_clock_source::now() + time;
  while (hasten::steady_clock_source::now() < until) {
  }
}

// Microseconds from post() in the high lane to its first instruction.
std::vector<double> high_lane_times(hasten::worker_pool& pool, int times) {
  std::vector<double> taken;
  for (int i = 0; i < times; ++i) {
    std::this_thread::sleep_for(1ms);
    std::atomic<bool> has_run{false};
    hasten::steady_time started;
    const auto posted = hasten::steady_clock_source::now();
    pool.post({.lane = hasten::task_lane::high}, [&] {
      started = hasten::steady_clock_source::now();
      has_run.store(true);
    });
    while (!has_run.load()) std::this_thread::yield();
    taken.push_back(std::chrono::duration<double, std::micro>(started - posted).count());
  }
  return taken;
}

// Whether the high lane stays quick while the background has as many tasks of 5 ms as it can hold.
void bench_high_lane(interleave& bench) {
  const int times = bench.quick() ? 300 : 2'000;
  hasten::worker_pool idle({.threads = 2});
  auto alone = high_lane_times(idle, times);
  hasten::worker_pool loaded({.threads = 2, .queue_max = 10'000});
  for (int i = 0; i < 10'000; ++i) {
    static_cast<void>(loaded.try_post({.lane = hasten::task_lane::background}, [] { burn(5ms); }));
  }
  auto beside = high_lane_times(loaded, times);
  loaded.purge();
  std::printf("\nhigh lane: from post to run (us)\n");
  std::printf("  %-38s p50 %8.2f   p99 %8.2f\n", "idle", quantile(alone, 0.5), quantile(alone, 0.99));
  std::printf("  %-38s p50 %8.2f   p99 %8.2f\n", "background full of 5 ms tasks", quantile(beside, 0.5),
              quantile(beside, 0.99));
  bench.ratio("workers.high_lane.p99.vs_idle", quantile(beside, 0.99) / quantile(alone, 0.99));
}

// Tasks per second that one worker gets done, of 200 us each: as many as it can take, and offered twice as many.
void bench_overload(interleave& bench) {
  const auto time = bench.quick() ? 500ms : 2s;
  const auto completed_of = [&](int offered_per_ms) {
    hasten::worker_pool pool({.threads = 1, .queue_max = 50});
    const auto until = hasten::steady_clock_source::now() + time;
    while (hasten::steady_clock_source::now() < until) {
      for (int i = 0; i < offered_per_ms; ++i) static_cast<void>(pool.try_post([] { burn(200us); }));
      std::this_thread::sleep_for(1ms);
    }
    return static_cast<double>(pool.stats().completed) / std::chrono::duration<double>(time).count();
  };
  // Five each millisecond are what there is time for; a little more keeps the queue from running dry.
  const auto results = bench.compare("one worker, tasks of 200 us", "done per second",
                                     {{"offered what it can take", [&] { return completed_of(6); }},
                                      {"offered twice as many", [&] { return completed_of(10); }}});
  bench.ratio("workers.overload.goodput", results[1].median / results[0].median);
}

void bench_allocations(interleave& bench) {
  constexpr std::size_t tasks = 10'000;
  peers::ours pool;
  pool.post([] {});
  const std::array<char, 48> captured{};
  const std::size_t before = bench_allocations_so_far();
  for (std::size_t i = 0; i < tasks; ++i) pool.post([captured] { hasten::bench::keep(captured); });
  const std::size_t after = bench_allocations_so_far();
  pool.finish();
  bench.ratio("workers.alloc_per_task", static_cast<double>(after - before) / static_cast<double>(tasks));
}

void bench_idle(interleave& bench) {
  const auto duration = bench.quick() ? 1s : 5s;
  peers::ours pool;
  pool.post([] {});
  std::this_thread::sleep_for(50ms);
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(duration);
  const double used = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  bench.ratio("workers.idle_cpu_percent", 100 * used / std::chrono::duration<double>(duration).count());
}

}  // namespace

int main(int argc, char** argv) {
  interleave bench(argc, argv);
  if (!bench.ready()) return bench.finish();
  bench_tasks(bench);
  bench_wake(bench);
  bench_bulk(bench);
  bench_fork_join(bench);
  bench_parallel_for(bench);
  bench_growth(bench);
  bench_high_lane(bench);
  bench_overload(bench);
  bench_allocations(bench);
  bench_idle(bench);
#ifdef HASTEN_BENCH_JOBS
  hasten::bench::bench_jobs(bench);
#else
  bench.skip("jobs.sqlite.per_second", "built without SOCI");
  bench.skip("jobs.pg.per_second", "built without SOCI");
#endif
  return bench.finish();
}

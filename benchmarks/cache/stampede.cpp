// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <cache/areas.hpp>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <thread>
#include <vector>

namespace hasten::bench {

/// 64 threads that miss the same key at the same moment, again and again, with a loader that takes its time.
void measure_stampede(interleave& bench) {
  using namespace std::chrono_literals;
  constexpr std::ptrdiff_t threads = 64;
  const int rounds = bench.quick() ? 20 : 200;
  memory_cache<int, int> cache;
  std::atomic<int> loads = 0;
  std::atomic<int> wrong = 0;
  int most = 0;
  int least = threads;
  int before = 0;
  std::barrier lap(threads, [&]() noexcept {
    const int now = loads.load();
    if (now != 0) {  // not at the first start
      most = std::max(most, now - before);
      least = std::min(least, now - before);
    }
    before = now;
  });
  {
    std::vector<std::jthread> crew;
    for (std::ptrdiff_t t = 0; t < threads; ++t)
      crew.emplace_back([&] {
        for (int round = 0; round < rounds; ++round) {
          lap.arrive_and_wait();
          const int value = cache.get_or_load(round, [&] {
            ++loads;
            std::this_thread::sleep_for(50ms);
            return round * 2;
          });
          if (value != round * 2) ++wrong;
        }
        lap.arrive_and_wait();
      });
  }
  std::printf(
      "\nstampede, 64 threads on one key, a loader of 50 ms, %d rounds: %d to %d loads a round, %d wrong "
      "values\n",
      rounds, least, most, wrong.load());
  bench.ratio("cache.stampede.loads_per_round_most", wrong == 0 ? most : -1);
  bench.ratio("cache.stampede.loads_per_round_least", wrong == 0 ? least : -1);
}

}  // namespace hasten::bench

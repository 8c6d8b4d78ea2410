// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <cache/areas.hpp>
#include <support/traces.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace hasten::bench {
namespace {

/// A row of the published comparison: what Caffeine 3.2.4 and S3-FIFO hit, in per cent.
struct cell {
  const char* trace;
  std::size_t entries;
  double caffeine;
  double s3fifo;
};

constexpr std::array<cell, 25> cells{{{"arc-OLTP", 250, 24.34, 21.02},
                                      {"arc-OLTP", 500, 33.50, 31.09},
                                      {"arc-OLTP", 750, 36.67, 36.86},
                                      {"arc-OLTP", 1000, 39.86, 40.18},
                                      {"arc-OLTP", 1250, 42.27, 42.48},
                                      {"arc-OLTP", 1500, 43.63, 44.21},
                                      {"arc-OLTP", 1750, 44.92, 45.68},
                                      {"arc-OLTP", 2000, 45.93, 46.86},
                                      {"arc-OLTP", 5000, 55.31, 55.25},
                                      {"arc-OLTP", 10000, 59.41, 62.67},
                                      {"arc-OLTP", 15000, 61.73, 66.13},
                                      {"c2k-orm-busy", 381, 64.79, 67.52},
                                      {"c2k-orm-busy", 763, 73.38, 76.84},
                                      {"c2k-orm-busy", 1526, 80.21, 81.00},
                                      {"c2k-orm-busy", 3817, 84.71, 85.15},
                                      {"c2k-orm-busy", 7634, 88.24, 88.66},
                                      {"c2k-orm-busy", 15269, 92.75, 92.70},
                                      {"c2k-orm-busy", 30539, 95.76, 96.11},
                                      {"c2k-weblog-424-norobots", 44, 24.19, 24.34},
                                      {"c2k-weblog-424-norobots", 88, 31.76, 31.85},
                                      {"c2k-weblog-424-norobots", 176, 41.94, 42.10},
                                      {"c2k-weblog-424-norobots", 440, 57.19, 57.88},
                                      {"c2k-weblog-424-norobots", 881, 67.41, 68.90},
                                      {"c2k-weblog-424-norobots", 1762, 76.42, 77.89},
                                      {"c2k-weblog-424-norobots", 3524, 82.84, 83.53}}};

/// Returns: hits per request, in per cent, of `threads` that take the requests one by one.
double replay(const std::vector<std::uint32_t>& trace, std::size_t entries, unsigned threads) {
  memory_cache<std::uint32_t, std::uint32_t> cache({.entries_max = entries, .seed = 20'240'229});
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i; (i = next.fetch_add(1)) < trace.size();)
      if (!cache.get(trace[i])) cache.put(trace[i], trace[i]);
  };
  {
    std::vector<std::jthread> crew;
    for (unsigned t = 1; t < threads; ++t) crew.emplace_back(work);
    work();
  }
  return cache.stats().hit_rate() * 100;
}

}  // namespace

void measure_hit_ratio(interleave& bench) {
  const char* const names[] = {"cache.hitratio.mean.vs_caffeine", "cache.hitratio.mean.vs_s3fifo",
                               "cache.hitratio.worst.vs_caffeine", "cache.hitratio.threads8.loss",
                               "cache.replay.oltp1000.ns"};
  double ours_sum = 0, caffeine_sum = 0, s3fifo_sum = 0, worst = 100, loss = -100;
  std::puts("\nhit ratio (per cent, cold start; Caffeine 3.2.4 and S3-FIFO as published)");
  std::puts("  trace                      entries    ours  8 threads  Caffeine  S3-FIFO");
  std::string loaded;
  std::vector<std::uint32_t> trace;
  for (const cell& each : cells) {
    if (loaded != each.trace) trace = read_trace(loaded = each.trace);
    if (trace.empty()) {
      for (const char* name : names) bench.skip(name, traces_missing);
      return;
    }
    const double ours = replay(trace, each.entries, 1);
    const double threaded = replay(trace, each.entries, 8);
    ours_sum += ours;
    caffeine_sum += each.caffeine;
    s3fifo_sum += each.s3fifo;
    worst = std::min(worst, ours - each.caffeine);
    loss = std::max(loss, ours - threaded);
    std::printf("  %-26s %7zu  %6.2f     %6.2f    %6.2f   %6.2f  %+6.2f\n", each.trace, each.entries, ours,
                threaded, each.caffeine, each.s3fifo, ours - each.caffeine);
  }
  const auto count = static_cast<double>(cells.size());
  std::printf("  mean %.2f, Caffeine %.2f, S3-FIFO %.2f\n", ours_sum / count, caffeine_sum / count,
              s3fifo_sum / count);
  bench.ratio(names[0], (ours_sum - caffeine_sum) / count);
  bench.ratio(names[1], (ours_sum - s3fifo_sum) / count);
  bench.ratio(names[2], worst);
  bench.ratio(names[3], loss);

  trace = read_trace("arc-OLTP");
  const auto cost = bench.compare(
      "replay of arc-OLTP at 1,000 entries, per access", "ns",
      {{"memory_cache",
        [&] { return cpu_nanoseconds_per(trace.size(), [&] { keep(replay(trace, 1000, 1)); }); }}});
  bench.ratio(names[4], cost[0].median);
}

}  // namespace hasten::bench

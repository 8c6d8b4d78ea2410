// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <chrono>
#include <cstdio>
#include <string>

int main() {
  hasten::memory_cache<std::string, double> scores({.entries_max = 50'000, .ttl = std::chrono::hours(1)});

  const auto compute = [] { return 0.87; };  // stands for a slow query: it runs once, however many ask
  for (int caller = 0; caller < 4; ++caller) {
    const double score = scores.get_or_load("claims:01JD8T", compute);
    std::printf("score %.2f\n", score);
  }
  scores.erase("claims:01JD8T");  // the claim changed: the next caller computes anew

  const hasten::cache_stats stats = scores.stats();
  std::printf("%.0f %% of lookups hit, %llu loaded\n", stats.hit_rate() * 100,
              static_cast<unsigned long long>(stats.loads));
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <cache/areas.hpp>
#include <cache/floor.hpp>
#include <cache/zipf.hpp>

#if HASTEN_BENCH_TBB
#define TBB_PREVIEW_CONCURRENT_LRU_CACHE 1
#include <oneapi/tbb/concurrent_lru_cache.h>
#endif
#if HASTEN_BENCH_BOOST
#include <boost/unordered/concurrent_flat_map.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#endif

#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace hasten::bench {
namespace {

constexpr std::size_t samples = 32'768;
constexpr std::size_t keys = 10'922;
constexpr std::size_t capacity = 65'536;

using numbers = memory_cache<std::uint64_t, std::uint64_t>;
using texts = memory_cache<std::string, std::string>;

/// One mutex around a map: what a service has before it has a cache.
class mutex_map {
 public:
  bool get(std::uint64_t key, std::uint64_t& value) {
    const std::scoped_lock lock(mutex_);
    const auto at = map_.find(key);
    if (at == map_.end()) return false;
    value = at->second;
    return true;
  }
  void put(std::uint64_t key, std::uint64_t value) {
    const std::scoped_lock lock(mutex_);
    map_[key] = value;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::uint64_t> map_;
};

/// Sixteen mutexes, each around a map and a list: the usual home-made concurrent LRU cache.
class sharded_lru {
 public:
  explicit sharded_lru(std::size_t entries) : quota_(entries / 16) {}
  bool get(std::uint64_t key, std::uint64_t& value) {
    shard& home = shards_[key * 0x9e3779b97f4a7c15U >> 60];
    const std::scoped_lock lock(home.mutex);
    const auto at = home.map.find(key);
    if (at == home.map.end()) return false;
    home.order.splice(home.order.begin(), home.order, at->second);
    value = at->second->second;
    return true;
  }
  void put(std::uint64_t key, std::uint64_t value) {
    shard& home = shards_[key * 0x9e3779b97f4a7c15U >> 60];
    const std::scoped_lock lock(home.mutex);
    if (const auto at = home.map.find(key); at != home.map.end()) {
      at->second->second = value;
      home.order.splice(home.order.begin(), home.order, at->second);
      return;
    }
    if (home.map.size() == quota_) {
      home.map.erase(home.order.back().first);
      home.order.pop_back();
    }
    home.order.emplace_front(key, value);
    home.map.emplace(key, home.order.begin());
  }

 private:
  struct shard {
    std::mutex mutex;
    std::list<std::pair<std::uint64_t, std::uint64_t>> order;
    std::unordered_map<std::uint64_t, std::list<std::pair<std::uint64_t, std::uint64_t>>::iterator> map;
  };
  std::size_t quota_;
  shard shards_[16];
};

template <class Table>
double read_all(Table& table, const std::vector<std::uint64_t>& wanted, std::size_t laps) {
  std::uint64_t sum = 0;
  const double cost = cpu_nanoseconds_per(wanted.size() * laps, [&] {
    for (std::size_t lap = 0; lap < laps; ++lap)
      for (const std::uint64_t key : wanted) {
        if constexpr (requires(std::uint64_t value) { table.get(key, value); }) {
          std::uint64_t value = 0;
          table.get(key, value);
          sum += value;
        } else {
          sum += *table.get(key);
        }
      }
  });
  keep(sum);
  return cost;
}

template <class Table>
double read_and_write(Table& table, const std::vector<std::uint64_t>& wanted, std::size_t laps,
                      unsigned writes_of_four) {
  std::uint64_t sum = 0;
  const double cost = cpu_nanoseconds_per(wanted.size() * laps, [&] {
    for (std::size_t lap = 0; lap < laps; ++lap)
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (i % 4 < writes_of_four) {
          table.put(wanted[i], i);
        } else if constexpr (requires(std::uint64_t value) { table.get(wanted[i], value); }) {
          std::uint64_t value = 0;
          table.get(wanted[i], value);
          sum += value;
        } else {
          sum += *table.get(wanted[i]);
        }
      }
  });
  keep(sum);
  return cost;
}

/// Returns: lookups per second of all threads together.
template <class Table>
double throughput(Table& table, const std::vector<std::uint64_t>& wanted, std::size_t laps,
                  unsigned threads) {
  std::barrier start(static_cast<std::ptrdiff_t>(threads) + 1);
  std::vector<std::jthread> crew;
  for (unsigned t = 0; t < threads; ++t)
    crew.emplace_back([&] {
      start.arrive_and_wait();
      keep(read_all(table, wanted, laps));
      start.arrive_and_wait();
    });
  start.arrive_and_wait();
  const double seconds = nanoseconds_per(1, [&] { start.arrive_and_wait(); }) / 1e9;
  return static_cast<double>(wanted.size() * laps * threads) / seconds;
}

void measure_hits(interleave& bench, std::size_t laps) {
  const auto wanted = zipf_keys(samples, keys, 0.99);
  numbers ours({.entries_max = capacity});
  seqlock_floor floor(capacity / 2);
  mutex_map locked;
  sharded_lru lru(capacity);
  for (std::uint64_t key = 0; key < keys; ++key) {
    ours.put(key, key);
    floor.put(key, key);
    locked.put(key, key);
    lru.put(key, key);
  }
  std::vector<contender> field{{"memory_cache", [&] { return read_all(ours, wanted, laps); }},
                               {"seqlock bucket (floor)", [&] { return read_all(floor, wanted, laps); }},
                               {"mutex + unordered_map", [&] { return read_all(locked, wanted, laps); }},
                               {"16 mutexes, LRU", [&] { return read_all(lru, wanted, laps); }}};
#if HASTEN_BENCH_BOOST
  boost::concurrent_flat_map<std::uint64_t, std::uint64_t> flat;
  for (std::uint64_t key = 0; key < keys; ++key) flat.emplace(key, key);
  field.push_back({"boost::concurrent_flat_map, no eviction", [&] {
                     std::uint64_t sum = 0;
                     const double cost = cpu_nanoseconds_per(wanted.size() * laps, [&] {
                       for (std::size_t lap = 0; lap < laps; ++lap)
                         for (const std::uint64_t key : wanted)
                           flat.cvisit(key, [&](const auto& entry) { sum += entry.second; });
                     });
                     keep(sum);
                     return cost;
                   }});
#endif
#if HASTEN_BENCH_TBB
  tbb::concurrent_lru_cache<std::uint64_t, std::uint64_t> tbb_cache([](std::uint64_t key) { return key; },
                                                                    capacity);
  for (std::uint64_t key = 0; key < keys; ++key) keep(tbb_cache[key].value());
  const std::size_t tbb_at = field.size();
  field.push_back({"oneTBB concurrent_lru_cache", [&] {
                     std::uint64_t sum = 0;
                     const double cost = cpu_nanoseconds_per(wanted.size(), [&] {
                       for (const std::uint64_t key : wanted) sum += tbb_cache[key].value();
                     });
                     keep(sum);
                     return cost;
                   }});
#endif
  const auto hit =
      bench.compare("hits, uint64 to uint64, Zipf 0.99 over 10,922 keys, one thread", "ns", field);
  bench.ratio("cache.hit.u64.vs_floor", hit[0].median / hit[1].median);
  bench.ratio("cache.hit.u64.vs_mutex_map", hit[0].median / hit[2].median);
#if HASTEN_BENCH_TBB
  bench.ratio("cache.hit.u64.vs_tbb", hit[0].median / hit[tbb_at].median);
#else
  bench.skip("cache.hit.u64.vs_tbb", "oneTBB is not installed");
#endif
#if HASTEN_BENCH_BOOST
  bench.ratio("cache.hit.u64.vs_concurrent_flat_map", hit[0].median / hit[4].median);
#endif

  const auto mixed =
      bench.compare("75 % hits, 25 % puts of present keys, one thread", "ns",
                    {{"memory_cache", [&] { return read_and_write(ours, wanted, laps, 1); }},
                     {"seqlock bucket (floor)", [&] { return read_and_write(floor, wanted, laps, 1); }},
                     {"mutex + unordered_map", [&] { return read_and_write(locked, wanted, laps, 1); }}});
  bench.ratio("cache.mixed7525.u64.vs_floor", mixed[0].median / mixed[1].median);
  const auto put =
      bench.compare("puts of present keys, one thread", "ns",
                    {{"memory_cache", [&] { return read_and_write(ours, wanted, laps, 4); }},
                     {"seqlock bucket (floor)", [&] { return read_and_write(floor, wanted, laps, 4); }},
                     {"mutex + unordered_map", [&] { return read_and_write(locked, wanted, laps, 4); }}});
  bench.ratio("cache.put.u64.vs_floor", put[0].median / put[1].median);

  const auto scale =
      bench.compare("hits, all threads together", "lookups/s",
                    {{"memory_cache, 1 thread", [&] { return throughput(ours, wanted, laps * 2, 1); }},
                     {"memory_cache, 2 threads", [&] { return throughput(ours, wanted, laps * 2, 2); }}});
  bench.ratio("cache.scale.read.2threads", scale[1].median / scale[0].median);
}

/// What it costs a hit that the cache finds out all it can about its keys.
void measure_statistics(interleave& bench, std::size_t laps) {
  const auto wanted = zipf_keys(samples, keys, 0.99);
  numbers plain({.entries_max = capacity});
  numbers watched({.entries_max = capacity, .insight = {.hot_keys_max = 100, .miss_ratios = true}});
  for (std::uint64_t key = 0; key < keys; ++key) {
    plain.put(key, key);
    watched.put(key, key);
  }
  const auto hit = bench.compare("hits, with and without statistics by key and the miss-ratio curve", "ns",
                                 {{"all statistics", [&] { return read_all(watched, wanted, laps); }},
                                  {"sums only", [&] { return read_all(plain, wanted, laps); }}});
  bench.ratio("cache.stats.cost", hit[0].median / hit[1].median);
}

void measure_texts(interleave& bench, std::size_t laps) {
  const auto drawn = zipf_keys(samples, keys, 0.99);
  texts ours({.entries_max = capacity});
  seqlock_floor floor(capacity / 2);
  std::vector<std::string> wanted;
  for (const std::uint64_t key : drawn) wanted.push_back("claim:" + std::to_string(key));
  for (std::uint64_t key = 0; key < keys; ++key) {
    ours.put("claim:" + std::to_string(key), "value of the claim " + std::to_string(key));
    floor.put(key, key);
  }
  const auto visit =
      bench.compare("hits, string to string by visit", "ns",
                    {{"memory_cache::visit",
                      [&] {
                        std::size_t sum = 0;
                        const double cost = cpu_nanoseconds_per(samples * laps, [&] {
                          for (std::size_t lap = 0; lap < laps; ++lap)
                            for (const std::string& key : wanted)
                              ours.visit(key, [&](const std::string& value) { sum += value.size(); });
                        });
                        keep(sum);
                        return cost;
                      }},
                     {"seqlock bucket of uint64 (floor)", [&] { return read_all(floor, drawn, laps); }}});
  bench.ratio("cache.hit.string_visit.vs_floor", visit[0].median / visit[1].median);
}

void measure_million(interleave& bench) {
  constexpr std::size_t million = 1'000'000;
  std::vector<std::uint64_t> wanted(million);
  std::uint64_t state = 1;
  for (auto& key : wanted) key = (state = state * 6364136223846793005U + 1442695040888963407U) >> 33;
  numbers ours({.entries_max = million + million / 50});
#if HASTEN_BENCH_BOOST
  boost::unordered_flat_map<std::uint64_t, std::uint64_t> flat;
  for (const std::uint64_t key : wanted) flat.emplace(key, key);
  const char* const name = "boost::unordered_flat_map";
#else
  std::unordered_map<std::uint64_t, std::uint64_t> flat;
  for (const std::uint64_t key : wanted) flat.emplace(key, key);
  const char* const name = "std::unordered_map";
#endif
  for (const std::uint64_t key : wanted) ours.put(key, key);
  const auto big = bench.compare("hits, a million keys, unsynchronised map without eviction beside it", "ns",
                                 {{"memory_cache",
                                   [&] {
                                     std::uint64_t sum = 0;
                                     const double cost = cpu_nanoseconds_per(million, [&] {
                                       for (const std::uint64_t key : wanted)
                                         sum += ours.get(key).value_or(0);
                                     });
                                     keep(sum);
                                     return cost;
                                   }},
                                  {name, [&] {
                                     std::uint64_t sum = 0;
                                     const double cost = cpu_nanoseconds_per(million, [&] {
                                       for (const std::uint64_t key : wanted) sum += flat.find(key)->second;
                                     });
                                     keep(sum);
                                     return cost;
                                   }}});
  bench.ratio("cache.hit1m.u64.vs_flat_map", big[0].median / big[1].median);
}

}  // namespace

void measure_speed(interleave& bench) {
  // A service has threads. Without a second one the C library leaves out the atomic part of its mutexes.
  std::atomic_flag ended;
  const std::jthread second([&] { ended.wait(false); });
  const std::size_t laps = bench.quick() ? 16 : 64;
  measure_hits(bench, laps);
  measure_statistics(bench, laps);
  measure_texts(bench, laps);
  measure_million(bench);
  ended.test_and_set();
  ended.notify_all();
}

}  // namespace hasten::bench

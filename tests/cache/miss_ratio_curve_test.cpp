// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/miss_ratio_curve.hpp>

#include <hasten/cache/cache_hash.hpp>
#include <hasten/cache/memory_cache.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/traces.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using hasten::miss_ratio_curve;
using hasten::steady_time;

namespace {

std::uint64_t hash_of(std::uint64_t key) {
  return hasten::detail::fold(key ^ 0x5eed5eed5eed5eedU, hasten::detail::odd_bits[0]);
}

/// Returns: hits of a real cache.
std::uint64_t replayed(const std::vector<std::uint32_t>& keys, std::size_t entries) {
  hasten::memory_cache<std::uint32_t, std::uint32_t> cache({.entries_max = entries, .seed = 20'240'229});
  for (const std::uint32_t key : keys)
    if (!cache.get(key)) cache.put(key, key);
  return cache.stats().hits;
}

double share(std::uint64_t part, std::size_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

/// Returns: by how much the estimate at twice the size is off, in points of hit rate.
double error_at_twice(const std::vector<std::uint32_t>& keys, std::size_t entries, std::size_t memory_max) {
  miss_ratio_curve curve({.entries_max = entries, .memory_max = memory_max});
  for (const std::uint32_t key : keys)
    if (const std::uint64_t hash = hash_of(key); curve.samples(hash)) curve.looked_up(hash, steady_time{});
  const std::uint64_t hits = replayed(keys, entries);
  const auto estimate = curve.estimate(hits, keys.size() - hits);
  REQUIRE(estimate.points.size() == 4);
  CHECK(estimate.points[1].entries == entries);
  CHECK(std::abs(estimate.points[1].hit_rate - share(hits, keys.size())) < 1e-9);
  return std::abs(estimate.points[2].hit_rate - share(replayed(keys, 2 * entries), keys.size())) * 100;
}

std::vector<std::uint32_t> skewed(std::size_t count) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<std::uint32_t> keys(count);
  for (auto& key : keys) key = static_cast<std::uint32_t>(std::exp(uniform(random) * 11));
  return keys;
}

}  // namespace

TEST_CASE("the estimate at twice the size is within two points of a replay") {
  CHECK(error_at_twice(skewed(200'000), 2'000, 32 * 1024) < 2);
}

TEST_CASE("on published traces the estimate at twice the size is within two points of a replay") {
  const auto pages = hasten::bench::read_trace("c2k-weblog-424-norobots");
  if (pages.empty()) SKIP(hasten::bench::traces_missing);
  auto oltp = hasten::bench::read_trace("arc-OLTP");
  oltp.resize(250'000);  // enough, and quick under a sanitizer
  CHECK(error_at_twice(pages, 881, 32 * 1024) < 2);
  CHECK(error_at_twice(pages, 1'762, 4 * 1024) < 4);
  CHECK(error_at_twice(oltp, 1'000, 32 * 1024) < 2);
}

TEST_CASE("the sample is one key in many, all its lookups, and its memory is bounded") {
  const miss_ratio_curve curve({.entries_max = 1'000'000, .memory_max = 64 * 1024});
  std::uint64_t sampled = 0;
  for (std::uint64_t key = 0; key < 1'000'000; ++key) sampled += curve.samples(hash_of(key));
  const double unit = 1'000'000.0 / static_cast<double>(curve.modelled_entries());
  CHECK(std::abs(1'000'000.0 / static_cast<double>(sampled) / unit - 1) < 0.2);
  CHECK(curve.bytes() <= 80 * 1024);
  CHECK(curve.modelled_entries() > 100);
}

TEST_CASE("entries whose time is over are misses at every size, and told apart") {
  miss_ratio_curve curve({.entries_max = 8'000, .ttl = 60s});
  steady_time now{};
  std::uint64_t lookups = 0;
  for (int round = 0; round < 5; ++round, now += 90s)
    for (std::uint64_t key = 0; key < 1'000; ++key)
      for (int twice = 0; twice < 2; ++twice, ++lookups)
        if (curve.samples(hash_of(key))) curve.looked_up(hash_of(key), now);
  const auto estimate = curve.estimate(lookups / 2, lookups / 2);
  CHECK(std::abs(estimate.expired_share - 0.8) < 1e-9);  // the first round is cold
  CHECK(std::abs(estimate.points[3].hit_rate - 0.5) < 1e-9);
}

TEST_CASE("the end that an entry was stored with counts, not the usual one") {
  miss_ratio_curve curve({.entries_max = 64, .ttl = 60s});
  std::uint64_t hash = 1;
  while (!curve.samples(hash_of(hash))) ++hash;
  hash = hash_of(hash);
  const steady_time now{1h};
  curve.looked_up(hash, now);
  curve.stored(hash, now, now + 10s, true);
  curve.looked_up(hash, now + 20s);  // over: loaded again
  CHECK(curve.estimate(0, 16).expired_share == 0.5);
  curve.stored(hash, now + 20s, steady_time::max(), true);
  curve.looked_up(hash, now + 2h);
  CHECK(curve.estimate(0, 16).expired_share == 0.5);
  curve.erased(hash);
  curve.looked_up(hash, now + 2h);  // absent, not over
  CHECK(curve.estimate(0, 16).expired_share == 1.0 / 3);
  curve.cleared();
  curve.looked_up(hash, now + 2h);
  CHECK(curve.estimate(0, 16).expired_share == 0.25);
}

TEST_CASE("a reset begins the counts anew and keeps what the models hold") {
  miss_ratio_curve curve({.entries_max = 64});
  for (std::uint64_t key = 0; key < 64; ++key)
    if (curve.samples(hash_of(key))) curve.looked_up(hash_of(key), {});
  CHECK(curve.estimate(0, 64).sampled > 0);
  curve.reset();
  CHECK(curve.estimate(0, 64).sampled == 0);
  CHECK(curve.estimate(0, 64).points.empty());
  CHECK(curve.estimate(0, 0).points.empty());
}

TEST_CASE("keys that come and go leave the models in order") {
  miss_ratio_curve curve({.entries_max = 500, .memory_max = 4096});
  std::mt19937_64 random(3);
  for (int i = 0; i < 50'000; ++i) {
    const std::uint64_t hash = hash_of(random() % 4'000);
    if (!curve.samples(hash)) continue;
    switch (random() % 4) {
      case 0:
        curve.erased(hash);
        break;
      case 1:
        curve.stored(hash, {}, steady_time::max(), random() % 2 == 0);
        break;
      default:
        curve.looked_up(hash, {});
    }
  }
  CHECK(curve.estimate(100, 100).points.size() == 4);
}

TEST_CASE("miss_ratio_curve refuses options out of range") {
  const auto make = [](const miss_ratio_curve::options& chosen) { miss_ratio_curve curve(chosen); };
  CHECK_THROWS_AS(make({.entries_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(make({.entries_max = (std::size_t{1} << 28) + 1}), std::invalid_argument);
  CHECK_THROWS_AS(make({.memory_max = 4095}), std::invalid_argument);
  CHECK_THROWS_AS(make({.memory_max = (std::size_t{1} << 24) + 1}), std::invalid_argument);
  CHECK_THROWS_AS(make({.ttl = -1ns}), std::invalid_argument);
  CHECK_NOTHROW(make({.entries_max = 1}));
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache_options.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

namespace {

std::string refusal(const hasten::memory_cache_options& chosen) {
  try {
    chosen.validate();
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the options of a cache are in range as they come") { CHECK(refusal({}).empty()); }

TEST_CASE("options out of their range are refused by name, value and range") {
  CHECK(refusal({.entries_max = 0}) == "memory_cache: entries_max must be 1..2^28, got 0");
  CHECK(refusal({.entries_max = 10, .entries_limit = 9}) ==
        "memory_cache: entries_limit must be 0 or entries_max..2^28, got 9");
  CHECK(
      refusal({.weight_max = (std::uint64_t{1} << 62) + 1}).starts_with("memory_cache: weight_max must be"));
  CHECK(refusal({.ttl = -1s}) == "memory_cache: ttl must not be negative, got -1000000000 ns");
  CHECK(refusal({.idle_max = -1s}) == "memory_cache: idle_max must not be negative, got -1000000000 ns");
  CHECK(refusal({.load_wait = 0s}) == "memory_cache: load_wait must be more than zero, got 0 ns");
  CHECK(refusal({.shards = 3}).starts_with("memory_cache: shards must be 0 or a power of two"));
  CHECK(refusal({.entries_max = 2, .shards = 4}).ends_with("got 4"));
  CHECK(refusal({.ttl_jitter = 0.6}).starts_with("memory_cache: ttl_jitter must be 0..0.5, got 0.6"));
  CHECK(!refusal({.ttl_jitter = std::numeric_limits<double>::quiet_NaN()}).empty());
  CHECK(refusal({.ttl_absent = -1ns}) == "memory_cache: ttl_absent must not be negative, got -1 ns");
  CHECK(refusal({.stale_max = -1ns}) == "memory_cache: stale_max must not be negative, got -1 ns");
  CHECK(refusal({.ttl = 1s, .soft_ttl = 1s}) ==
        "memory_cache: soft_ttl must be zero or less than ttl, got 1000000000 ns");
  CHECK(!refusal({.soft_ttl = -1ns}).empty());
  CHECK(refusal({.early_beta = 101}).starts_with("memory_cache: early_beta must be 0..100, got 101"));
  CHECK(refusal({.stale_retry = 0ns}) == "memory_cache: stale_retry must be more than zero, got 0 ns");
}

TEST_CASE("a value can be given its ttl in one breath") {
  const hasten::value_for answer{42, 10s};
  CHECK(answer.value == 42);
  CHECK(answer.ttl == 10s);
}

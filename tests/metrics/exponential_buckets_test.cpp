// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/exponential_buckets.hpp>
// and what is put into them
#include <hasten/metrics/histogram.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <numeric>

using hasten::exponential_buckets;

namespace {

std::uint64_t total(const exponential_buckets& made) {
  return std::accumulate(made.counts.begin(), made.counts.end(), made.zeros);
}

// The upper edge of the bucket at that place.
double edge(const exponential_buckets& made, std::size_t place) {
  const auto index = static_cast<double>(made.offset) + static_cast<double>(place) + 1;
  return std::exp2(std::ldexp(index, -made.scale));
}

}  // namespace

TEST_CASE("a value lies in the bucket whose edges are around it") {
  for (const std::uint64_t value : {1ULL, 3ULL, 32ULL, 1'000ULL, 123'456'789ULL, 1ULL << 40}) {
    hasten::histogram one;
    one.record(value);
    const auto made = exponential_buckets::of(one.snapshot(), 1e9);
    REQUIRE(made.counts.size() == 1);
    CHECK(made.scale == exponential_buckets::scale_max);
    const double seconds = static_cast<double>(value) / 1e9;
    INFO(value);
    CHECK(edge(made, 0) >= seconds * (1 - 1.0 / 64));
    CHECK(edge(made, 0) / std::exp2(std::ldexp(1.0, -made.scale)) <= seconds * (1 + 1.0 / 64));
  }
}

TEST_CASE("a power of two is the upper edge of its bucket") {
  hasten::histogram one;
  one.record(std::uint64_t{8});
  const auto made = exponential_buckets::of(one.snapshot(), 1);
  CHECK(made.offset == 3 * 16 - 1);
  CHECK(edge(made, 0) == 8.0);
}

TEST_CASE("zeros are counted apart, and nothing gives no bucket") {
  hasten::histogram values;
  CHECK(exponential_buckets::of(values.snapshot(), 1).counts.empty());
  values.record(std::uint64_t{0});
  const auto made = exponential_buckets::of(values.snapshot(), 1);
  CHECK(made.zeros == 1);
  CHECK(made.counts.empty());
}

TEST_CASE("a wide distribution is told more coarsely, and no count is lost") {
  hasten::histogram values;
  std::uint64_t count = 0;
  for (std::uint64_t value = 1; value < (std::uint64_t{1} << 42); value = value * 5 / 4 + 1, ++count)
    values.record(value);
  const auto fine = exponential_buckets::of(values.snapshot(), 1e9, 10'000);
  const auto coarse = exponential_buckets::of(values.snapshot(), 1e9, 160);
  const auto two = exponential_buckets::of(values.snapshot(), 1e9, 2);
  CHECK(fine.scale == exponential_buckets::scale_max);
  CHECK(coarse.scale < fine.scale);
  CHECK(coarse.counts.size() <= 160);
  CHECK(two.counts.size() <= 2);
  for (const auto* each : {&fine, &coarse, &two}) CHECK(total(*each) == count);
  CHECK(coarse.counts.front() > 0);
  CHECK(coarse.counts.back() > 0);
}

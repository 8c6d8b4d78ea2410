// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/histogram_snapshot.hpp>
// and what makes snapshots
#include <hasten/metrics/histogram.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <tuple>
#include <vector>

namespace {

hasten::histogram_snapshot of(std::initializer_list<std::uint64_t> values) {
  hasten::histogram recorder;
  for (const auto value : values) recorder.record(value);
  return recorder.snapshot();
}

}  // namespace

TEST_CASE("every bucket begins where the one before it ends") {
  for (const unsigned bits : {2U, 5U, 7U, 10U}) {
    const hasten::detail::bucket_layout layout(bits);
    std::uint64_t expected = 0;
    for (std::size_t i = 0; i < layout.over(); ++i) {
      REQUIRE(layout.lowest(i) == expected);
      REQUIRE(layout.index(expected) == i);
      expected += layout.width(i);
      REQUIRE(layout.index(expected - 1) == i);
    }
    CHECK(expected == hasten::detail::bucket_layout::limit);
    CHECK(layout.index(expected) == layout.over());
    CHECK(layout.index(~std::uint64_t{0}) == layout.over());
  }
  CHECK(hasten::detail::bucket_layout(5).buckets() == 1185);
}

TEST_CASE("the middle of a bucket is never further from a value in it than was promised") {
  const hasten::detail::bucket_layout layout(5);
  std::mt19937_64 random(20'240'607);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t value = (random() >> (random() % 64)) % hasten::detail::bucket_layout::limit;
    const std::size_t index = layout.index(value);
    const std::uint64_t middle = layout.lowest(index) + layout.width(index) / 2;
    const std::uint64_t off = middle > value ? middle - value : value - middle;
    REQUIRE(off * 64 <= value);
  }
}

TEST_CASE("an empty snapshot answers zero and supports no quantile") {
  const hasten::histogram_snapshot empty;
  CHECK(empty.count() == 0);
  CHECK(empty.sum() == 0);
  CHECK(empty.max() == 0);
  CHECK(empty.mean() == 0.0);
  CHECK(empty.quantile(0.5) == 0);
  CHECK(empty.count_at_most(100) == 0);
  CHECK_FALSE(empty.supports(0.5));
}

TEST_CASE("small values are told exactly, by nearest rank") {
  const auto taken = of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(taken.quantile(0.0) == 1);
  CHECK(taken.quantile(0.1) == 1);
  CHECK(taken.quantile(0.5) == 5);
  CHECK(taken.quantile(0.51) == 6);
  CHECK(taken.quantile(1.0) == 10);
  CHECK(taken.mean() == 5.5);
}

TEST_CASE("no quantile is larger than the largest value") {
  const auto taken = of({1'000'000});
  CHECK(taken.quantile(0.5) <= 1'000'000);
  CHECK(taken.quantile(1.0) <= 1'000'000);
  CHECK(taken.quantile(1.0) * 64 >= 1'000'000 * 63);
}

TEST_CASE("p99 wants a hundred values and p99.9 a thousand") {
  hasten::histogram recorder;
  for (int i = 0; i < 99; ++i) recorder.record(std::uint64_t{1});
  CHECK_FALSE(recorder.snapshot().supports(0.99));
  recorder.record(std::uint64_t{1});
  CHECK(recorder.snapshot().supports(0.99));
  CHECK_FALSE(recorder.snapshot().supports(0.999));
}

TEST_CASE("merged snapshots hold what both held") {
  auto both = of({1, 2, 3});
  both.merge(of({40, 50'000}));
  CHECK(both.count() == 5);
  CHECK(both.sum() == 50'046);
  CHECK(both.max() == 50'000);
  CHECK(both.quantile(0.5) == 3);

  hasten::histogram_snapshot total;
  total.merge(both);
  total.merge(hasten::histogram_snapshot());
  CHECK(total.count() == 5);
  CHECK(total.quantile(0.8) == 40);
}

TEST_CASE("a difference holds exactly what came between") {
  hasten::histogram recorder;
  recorder.record(std::uint64_t{5'000'000});
  const auto before = recorder.snapshot();
  recorder.record(std::uint64_t{10});
  recorder.record(std::uint64_t{20});
  const auto between = difference(recorder.snapshot(), before);
  CHECK(between.count() == 2);
  CHECK(between.sum() == 30);
  CHECK(between.max() == 20);
  CHECK(between.quantile(1.0) == 20);

  const auto nothing = difference(recorder.snapshot(), recorder.snapshot());
  CHECK(nothing.count() == 0);
  CHECK(nothing.max() == 0);

  CHECK(difference(recorder.snapshot(), hasten::histogram_snapshot()).count() == 3);
}

TEST_CASE("buckets are visited upwards, each with both its bounds") {
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>> seen;
  of({7, 7, 100, hasten::histogram_snapshot::range_max + 5})
      .each_bucket([&](std::uint64_t low, std::uint64_t high, std::uint64_t count) {
        seen.emplace_back(low, high, count);
      });
  REQUIRE(seen.size() == 3);
  CHECK(seen[0] == std::tuple(std::uint64_t{7}, std::uint64_t{7}, std::uint64_t{2}));
  CHECK(seen[1] == std::tuple(std::uint64_t{100}, std::uint64_t{101}, std::uint64_t{1}));
  CHECK(seen[2] == std::tuple(hasten::histogram_snapshot::range_max,
                              hasten::histogram_snapshot::range_max + 5, std::uint64_t{1}));
}

TEST_CASE("a bound counts what is at most as large") {
  const auto taken = of({1, 63, 100, 1023, 5000, hasten::histogram_snapshot::range_max});
  CHECK(taken.count_at_most(0) == 0);
  CHECK(taken.count_at_most(1) == 1);
  CHECK(taken.count_at_most(63) == 2);
  CHECK(taken.count_at_most(1023) == 4);
  CHECK(taken.count_at_most(hasten::histogram_snapshot::range_max - 1) == 5);
  CHECK(taken.count_at_most(hasten::histogram_snapshot::range_max) == 6);
}

TEST_CASE("quantiles and bounds agree, and bounds in one pass agree with each alone") {
  hasten::histogram recorder;
  std::mt19937_64 random(11);
  for (int i = 0; i < 3'000; ++i) recorder.record(random() >> (24 + random() % 40));
  const auto taken = recorder.snapshot();
  for (int i = 1; i < 100; ++i) {
    const double q = i / 100.0;
    const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(taken.count())));
    const std::uint64_t value = taken.quantile(q);
    CHECK(taken.count_at_most(value) >= rank);
    if (value > 0) CHECK(taken.count_at_most(value - 1) < rank);
  }
  std::vector<std::uint64_t> bounds;
  for (std::uint64_t bound = 1; bound < 1ULL << 42; bound = bound * 3 / 2 + 1) bounds.push_back(bound);
  std::uint64_t before = 0;
  taken.counts_at_most(bounds, [&](std::size_t i, std::uint64_t count) {
    CHECK(count == taken.count_at_most(bounds[i]));
    CHECK(count >= before);
    before = count;
  });
}

TEST_CASE("a snapshot includes an earlier one, and no other") {
  const auto three = of({1, 2, 3});
  CHECK(three.includes({}));
  CHECK(three.includes(of({1, 3})));
  CHECK_FALSE(three.includes(of({1, 1})));
  CHECK_FALSE(three.includes(of({1, 2, 3, 4})));
  CHECK_FALSE(hasten::histogram_snapshot().includes(three));
}

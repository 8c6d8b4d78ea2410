// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/packed_snapshot.hpp>
// and what makes snapshots
#include <hasten/metrics/histogram.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>

using namespace std::chrono_literals;

TEST_CASE("what is packed comes back as it was") {
  hasten::histogram recorder;
  for (std::uint64_t i = 1; i < 2'000'000; i = i * 3 + 1) recorder.record(i);
  recorder.record(10h);
  const auto before = recorder.snapshot();
  const hasten::packed_snapshot packed(before);
  const auto after = packed.unpack();
  CHECK(after.count() == before.count());
  CHECK(after.sum() == before.sum());
  CHECK(after.max() == before.max());
  for (const double q : {0.0, 0.3, 0.5, 0.9, 1.0}) CHECK(after.quantile(q) == before.quantile(q));
  CHECK(difference(before, after).count() == 0);
  CHECK(packed.bytes() < 500);
}

TEST_CASE("nothing packs into nothing") {
  CHECK(hasten::packed_snapshot().unpack().count() == 0);
  const hasten::packed_snapshot packed(hasten::histogram().snapshot());
  CHECK(packed.unpack().count() == 0);
  CHECK(packed.bytes() == 0);
}

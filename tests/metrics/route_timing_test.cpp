// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/route_timing.hpp>
// and what makes snapshots
#include <hasten/metrics/histogram.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

using namespace std::chrono_literals;
using hasten::status_class;

TEST_CASE("what is answered leaves out what was aborted, and only the server's faults are failures") {
  hasten::histogram once;
  once.record(std::uint64_t{8});
  hasten::route_timing timing;
  for (std::size_t i = 0; i < hasten::status_classes; ++i) timing.by_class[i] = once.snapshot();
  CHECK(timing.count() == 6);
  CHECK(timing.answered().count() == 5);
  CHECK(timing.failed() == 2);
  CHECK(timing.of(status_class::success).count() == 1);
}

TEST_CASE("a route that was never asked for is all zero") {
  const hasten::route_timing timing;
  CHECK(timing.count() == 0);
  CHECK(timing.failed() == 0);
  CHECK(timing.answered().count() == 0);
}

TEST_CASE("the mean of a stage is over the responses that had it") {
  hasten::route_timing::stage stage{"db", 0, 0ns};
  CHECK(stage.mean() == 0ns);
  stage = {"db", 4, 10ms};
  CHECK(stage.mean() == 2500us);
}

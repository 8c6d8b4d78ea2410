// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/exemplar.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>

TEST_CASE("an exemplar shows the trace that it was given") {
  hasten::exemplar example{.value = 7};
  const std::string trace(hasten::exemplar::trace_id_size, 'a');
  std::ranges::copy(trace, example.trace_id_digits.begin());
  CHECK(example.trace_id() == trace);
  CHECK_FALSE(example == hasten::exemplar{.value = 7});
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/core/expects.hpp>

int errors_of_the_other_unit() {
  return hasten::error(hasten::errc::closed, "consuming").code() == hasten::errc::closed ? 0 : 1;
}

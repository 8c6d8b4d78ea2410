// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/core/expects.hpp>

int errors_of_the_other_unit();

int main() {
  const hasten::manual_clock clock;
  HASTEN_EXPECTS(clock.now() == clock.now(), "a clock that nobody turns stands still");
  return errors_of_the_other_unit();
}

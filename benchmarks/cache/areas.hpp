// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <support/interleave.hpp>

namespace hasten::bench {

void measure_speed(interleave& bench);
void measure_memory(interleave& bench);
void measure_hit_ratio(interleave& bench);
void measure_stampede(interleave& bench);

}  // namespace hasten::bench

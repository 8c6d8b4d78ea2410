// SPDX-License-Identifier: BSL-1.0
// How fast the cache is, how much it weighs and how often it hits, against peers and floors.
#include <cache/areas.hpp>

int main(int argc, char** argv) {
  hasten::bench::interleave bench(argc, argv);
  if (bench.ready()) {
    hasten::bench::measure_speed(bench);
    hasten::bench::measure_memory(bench);
    hasten::bench::measure_hit_ratio(bench);
    hasten::bench::measure_stampede(bench);
  }
  return bench.finish();
}

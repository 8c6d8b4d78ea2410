// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <cache/areas.hpp>
#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace hasten::bench {

void measure_memory(interleave& bench) {
  constexpr std::size_t million = 1'000'000;
  const auto in_use = [] {
    const struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
  };
  const std::size_t before = in_use();
  memory_cache<std::uint64_t, std::uint64_t> cache({.entries_max = million});
  for (std::uint64_t key = 0; key < million + million / 10; ++key) cache.put(key, key);
  const auto size = static_cast<double>(cache.size());
  const double overhead = static_cast<double>(in_use() - before) / size - 16;
  std::printf("\nmemory, %.0f entries of uint64 to uint64: %.2f bytes per entry beyond key and value\n", size,
              overhead);
  bench.ratio("cache.overhead.bytes_per_entry", overhead);
}

}  // namespace hasten::bench

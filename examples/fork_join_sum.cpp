// SPDX-License-Identifier: BSL-1.0
// A sum that splits itself. Promise: each half may split again, idle threads take the largest pieces, and the caller
// takes part; the result is that of a plain loop.
#include <hasten/workers/fork_join.hpp>

#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <span>
#include <vector>

namespace {

long sum(hasten::worker_pool& pool, std::span<const long> of) {
  if (of.size() < 1'000) return std::accumulate(of.begin(), of.end(), 0L);
  const std::size_t middle = of.size() / 2;
  long left = 0;
  long right = 0;
  hasten::fork_join(
      pool, [&] { left = sum(pool, of.first(middle)); }, [&] { right = sum(pool, of.subspan(middle)); });
  return left + right;
}

}  // namespace

int main() {
  std::vector<long> cents(1'000'000);
  std::iota(cents.begin(), cents.end(), 0L);
  hasten::worker_pool pool({.threads = 2});
  const long total = sum(pool, cents);
  std::cout << "total: " << total << '\n';
  return total == std::accumulate(cents.begin(), cents.end(), 0L) ? EXIT_SUCCESS : EXIT_FAILURE;
}

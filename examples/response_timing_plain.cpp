// SPDX-License-Identifier: BSL-1.0
// How long does a function take, for most callers and for the unlucky ones?
#include <hasten/metrics/response_timer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <iostream>
#include <numeric>
#include <utility>
#include <vector>

namespace {

// Some work that is slow for every hundredth caller, as a cache miss would make it.
std::uint64_t price_of(std::size_t claim) {
  std::vector<std::uint64_t> lines(claim % 100 == 0 ? 20'000 : 200);
  std::iota(lines.begin(), lines.end(), claim);
  std::reverse(lines.begin(), lines.end());
  std::sort(lines.begin(), lines.end());
  return lines.front();
}

}  // namespace

int main() {
  hasten::response_timer timer({.routes = {"price_of"}, .stages = {"compute", "report"}});

  std::uint64_t sum = 0;
  for (std::size_t claim = 0; claim < 5'000; ++claim) {
    auto scope = timer.start(0);
    scope.stage("compute");
    sum += price_of(claim);
    scope.finish(200);  // left out, or never reached for an exception, it would count as aborted
  }

  const auto timing = timer.route(0);
  const auto latencies = timing.answered();
  std::cout << timing.route << ": " << latencies.count() << " calls, checksum " << sum << '\n';
  std::cout << std::fixed << std::setprecision(1);
  for (const auto& [name, q] : {std::pair("p50", 0.50), std::pair("p95", 0.95), std::pair("p99", 0.99)})
    std::cout << "  " << name << ' ' << static_cast<double>(latencies.quantile(q)) / 1000 << " us\n";
  std::cout << "  each at most " << latencies.relative_error_max() * 100 << " % off\n";

  const bool slow_tail_seen = latencies.quantile(0.995) > latencies.quantile(0.5);
  return latencies.count() == 5'000 && slow_tail_seen ? 0 : 1;
}

// SPDX-License-Identifier: BSL-1.0
// A batch beside a service: scores of all claims are computed in the background while requests keep their answer
// times, and everything ends in order. Promise: the batch never takes the last thread, a request past its deadline is
// not worked on, a refusal is seen, and the report after the drain accounts for every task.
#include <hasten/core/error.hpp>
#include <hasten/workers/parallel.hpp>
#include <hasten/workers/wait_helping.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <future>
#include <iostream>
#include <vector>

using namespace std::chrono_literals;

namespace {

double score(double amount) { return 1.0 / (1.0 + std::exp(-amount / 1'000.0)); }

}  // namespace

int main() {
  hasten::worker_pool pool({.threads = 2, .queue_max = 1'000, .name = "claims", .clock_sampling = 1});
  const auto batch_label = pool.label("score batch");

  // The batch: one background task that splits its work over the pool and takes part itself.
  std::vector<double> amounts(200'000);
  for (std::size_t i = 0; i < amounts.size(); ++i) amounts[i] = static_cast<double>(i % 5'000);
  std::vector<double> scores(amounts.size());
  std::future<bool> batch = pool.submit({.lane = hasten::task_lane::background, .label = batch_label}, [&] {
    return hasten::parallel_transform(pool, amounts, scores.begin(), score,
                                      {.grain = 4'096, .lane = hasten::task_lane::background});
  });

  // Requests meanwhile: the high lane goes first, and nobody waits for an answer that comes too late.
  std::future<double> answer = pool.submit({.lane = hasten::task_lane::high}, [] { return score(2'500.0); });
  std::future<double> too_late =
      pool.submit({.deadline = hasten::steady_time::min()}, [] { return score(1.0); });
  std::cout << "one score: " << answer.get() << '\n';
  try {
    std::cout << too_late.get() << '\n';
  } catch (const hasten::error& expired) {
    std::cout << expired.what() << '\n';
  }

  // This thread has nothing else to do, so it lends a hand while it waits.
  const auto patience = hasten::steady_clock_source::now() + 30s;
  if (!hasten::wait_helping(pool, batch, patience) || !batch.get()) return EXIT_FAILURE;
  const double total = hasten::parallel_reduce(
      pool, scores, 0.0, [](double each) { return each; }, [](double a, double b) { return a + b; },
      {.grain = 4'096});
  std::cout << "mean score: " << total / static_cast<double>(scores.size()) << '\n';

  const hasten::drain_report report = pool.drain(hasten::steady_clock_source::now() + 10s);
  const hasten::worker_pool_stats stats = pool.stats();
  std::cout << "expired " << stats.expired << ", failed " << stats.failed << ", cancelled "
            << report.cancelled << ", still running " << report.left << '\n';
  return stats.expired == 1 && stats.failed == 0 && report.left == 0 && !pool.try_post([] {}) ? EXIT_SUCCESS
                                                                                              : EXIT_FAILURE;
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/histogram.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

double worst_error(unsigned precision_bits, std::vector<std::uint64_t> values) {
  hasten::histogram recorder({.precision_bits = precision_bits});
  for (const auto value : values) recorder.record(value);
  std::sort(values.begin(), values.end());
  const auto taken = recorder.snapshot();
  REQUIRE(taken.count() == values.size());
  CHECK(taken.max() == values.back());
  double worst = 0;
  for (const double q : {0.01, 0.5, 0.9, 0.95, 0.99, 0.999}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[rank - 1]);
    worst = std::max(worst, std::abs(static_cast<double>(taken.quantile(q)) - exact) / exact);
  }
  return worst;
}

}  // namespace

TEST_CASE("a histogram counts, sums and remembers the largest") {
  hasten::histogram recorder;
  recorder.record(std::uint64_t{3});
  recorder.record(2us);
  recorder.record(0ns);
  const auto taken = recorder.snapshot();
  CHECK(taken.count() == 3);
  CHECK(taken.sum() == 2003);
  CHECK(taken.max() == 2000);
}

TEST_CASE("a duration from a clock that was turned back counts as zero") {
  hasten::histogram recorder;
  recorder.record(-5ms);
  CHECK(recorder.snapshot().count() == 1);
  CHECK(recorder.snapshot().max() == 0);
}

TEST_CASE("values beyond the range are counted, and their quantile is the largest") {
  hasten::histogram recorder;
  recorder.record(10h);
  CHECK(recorder.snapshot().count() == 1);
  CHECK(recorder.snapshot().quantile(0.5) ==
        static_cast<std::uint64_t>(std::chrono::nanoseconds(10h).count()));
}

TEST_CASE("quantiles keep the promised error on fast, two-humped and heavy-tailed samples") {
  constexpr std::size_t count = 50'000;
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> fast;
  std::vector<std::uint64_t> two_humps;
  std::vector<std::uint64_t> heavy_tail;
  std::lognormal_distribution<double> around_300us(std::log(300e3), 0.9);
  std::lognormal_distribution<double> hit(std::log(80e3), 0.2);
  std::lognormal_distribution<double> miss(std::log(20e6), 0.2);
  std::uniform_real_distribution<double> even(1e-7, 1.0);
  for (std::size_t i = 0; i < count; ++i) {
    fast.push_back(static_cast<std::uint64_t>(around_300us(random)) + 1);
    two_humps.push_back(static_cast<std::uint64_t>(even(random) < 0.92 ? hit(random) : miss(random)) + 1);
    heavy_tail.push_back(static_cast<std::uint64_t>(50e3 / std::pow(even(random), 1 / 1.3)) + 1);
  }
  for (const auto& sample : {fast, two_humps, heavy_tail}) {
    CHECK(worst_error(5, sample) <= 1.0 / 64);
    CHECK(worst_error(7, sample) <= 1.0 / 256);
  }
  CHECK(hasten::histogram().snapshot().relative_error_max() == 1.0 / 64);
}

TEST_CASE("no count is lost between writers, a sampler, and threads that come and go") {
  constexpr int writers = 3;
  constexpr std::uint64_t each = 4'000;
  constexpr int generations = 3;
  hasten::histogram recorder({.threads_max = 3});  // the fourth and fifth thread have to share
  std::atomic<bool> done{false};
  std::jthread sampler([&] {
    hasten::histogram_snapshot last;
    while (!done) {
      auto now = recorder.snapshot();
      // A snapshot holds all that an earlier one held, or difference() aborts.
      const auto delta = difference(now, last);
      if (now.sum() < now.count() || delta.count() + last.count() != now.count()) std::abort();
      last = std::move(now);
    }
  });
  for (int generation = 0; generation < generations; ++generation) {
    std::latch start(writers);
    std::vector<std::jthread> threads;
    for (int i = 0; i < writers; ++i)
      threads.emplace_back([&] {
        start.arrive_and_wait();
        for (std::uint64_t n = 1; n <= each; ++n) recorder.record(n);
      });
  }
  done = true;
  sampler.join();
  const auto taken = recorder.snapshot();
  CHECK(taken.count() == generations * writers * each);
  CHECK(taken.sum() == generations * writers * (each * (each + 1) / 2));
  CHECK(taken.max() == each);
}

TEST_CASE("more threads than there are rows of their own still count exactly") {
  constexpr int writers = 4;
  constexpr std::uint64_t each = 2'000;
  hasten::histogram recorder({.threads_max = 0});
  std::latch start(writers);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < writers; ++i)
      threads.emplace_back([&] {
        start.arrive_and_wait();
        for (std::uint64_t n = 1; n <= each; ++n) recorder.record(n);
      });
  }
  CHECK(recorder.snapshot().count() == writers * each);
  CHECK(recorder.snapshot().sum() == writers * (each * (each + 1) / 2));
  CHECK(recorder.snapshot().max() == each);
}

TEST_CASE("a snapshot taken into used memory holds nothing of what was there") {
  hasten::histogram first({.precision_bits = 7});
  first.record(1h);
  auto taken = first.snapshot();
  hasten::histogram second;
  second.record(std::uint64_t{4});
  second.snapshot_into(taken);
  CHECK(taken.count() == 1);
  CHECK(taken.max() == 4);
  CHECK(taken.quantile(1.0) == 4);
}

TEST_CASE("a histogram refuses options out of range by name") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(hasten::histogram({.precision_bits = 1}), std::invalid_argument,
                       Message("histogram: precision_bits must be 2..10, got 1"));
  CHECK_THROWS_MATCHES(hasten::histogram({.precision_bits = 11}), std::invalid_argument,
                       Message("histogram: precision_bits must be 2..10, got 11"));
  CHECK_THROWS_MATCHES(hasten::histogram({.threads_max = 1000}), std::invalid_argument,
                       Message("histogram: threads_max must be 0..128, got 1000"));
}

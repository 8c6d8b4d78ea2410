// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/histogram_snapshot.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#ifdef HASTEN_BENCH_PROMETHEUS
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#endif

// What a latency is otherwise recorded into, each with the same `record(nanoseconds)`.
namespace peers {

/// One array of buckets for all threads, counted by atomic additions.
class atomic_array {
 public:
  void record(std::uint64_t value) noexcept {
    counts_[layout_.index(value)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

 private:
  static constexpr hasten::detail::bucket_layout layout_{5};
  std::array<std::atomic<std::uint64_t>, layout_.buckets()> counts_{};
  std::atomic<std::uint64_t> sum_{0};
};

/// The last thousand values behind a mutex: what people write first.
class last_thousand {
 public:
  last_thousand() { values_.reserve(1000); }

  void record(std::uint64_t value) {
    const std::lock_guard lock(mutex_);
    if (values_.size() < 1000)
      values_.push_back(value);
    else
      values_[next_++ % 1000] = value;
  }

  std::uint64_t quantiles() {
    std::vector<std::uint64_t> sorted;
    {
      const std::lock_guard lock(mutex_);
      sorted = values_;
    }
    if (sorted.empty()) return 0;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2] + sorted[sorted.size() * 95 / 100] + sorted[sorted.size() * 99 / 100];
  }

 private:
  std::mutex mutex_;
  std::vector<std::uint64_t> values_;
  std::size_t next_ = 0;
};

#ifdef HASTEN_BENCH_PROMETHEUS
/// prometheus-cpp, with the bounds that the OpenTelemetry conventions advise, and five finer ones below.
inline prometheus::Histogram::BucketBoundaries prometheus_bounds() {
  return {.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .075,
          .1,    .25,    .5,    .75,  1,     2.5,  5,   7.5,  10};
}

class prometheus_histogram {
 public:
  void record(std::uint64_t value) { histogram_.Observe(static_cast<double>(value) * 1e-9); }

 private:
  prometheus::Histogram histogram_{prometheus_bounds()};
};

/// A hundred such histograms, and the page made of them.
class prometheus_page {
 public:
  explicit prometheus_page(const std::vector<std::uint64_t>& values) {
    auto& family = prometheus::BuildHistogram()
                       .Name("http_server_request_duration_seconds")
                       .Help("Durations.")
                       .Register(all_);
    for (int i = 0; i < 100; ++i) {
      auto& one = family.Add({{"method", "GET"}, {"route", "/api/v1/resource" + std::to_string(i) + "/{id}"}},
                             prometheus_bounds());
      for (const auto value : values) one.Observe(static_cast<double>(value) * 1e-9);
    }
  }

  std::size_t render() const { return prometheus::TextSerializer().Serialize(all_.Collect()).size(); }

 private:
  prometheus::Registry all_;
};
#endif

}  // namespace peers

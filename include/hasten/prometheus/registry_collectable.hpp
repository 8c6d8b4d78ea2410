// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/metric_sink.hpp>
#include <hasten/metrics/registry.hpp>

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

namespace detail {

/// Collects metrics as prometheus-cpp keeps them. Thread safety: single-owner.
class prometheus_families final : public metric_sink {
 public:
  void begin(const metric_description& family) override {
    for (const auto& each : families_)
      if (each.name == family.name())
        throw std::invalid_argument("registry_collectable: the family \"" + family.name() +
                                    "\" was written before");
    auto& made = families_.emplace_back();
    made.name = family.name();
    made.help = escaped(family.help());
    made.type = type_of(family.type());
  }

  void count(const label_set& labels, std::uint64_t value) override {
    level(labels, static_cast<double>(value));
  }

  void level(const label_set& labels, double value) override {
    ::prometheus::ClientMetric& made = add(labels);
    if (families_.back().type == ::prometheus::MetricType::Counter)
      made.counter.value = value;
    else
      made.gauge.value = value;
  }

  void distribution(const label_set& labels, const histogram_snapshot& values,
                    const bucket_bounds& bounds) override {
    ::prometheus::ClientMetric::Histogram& made = add(labels).histogram;
    made.sample_count = values.count();
    made.sample_sum = static_cast<double>(values.sum()) / bounds.unit();
    made.bucket.reserve(bounds.exposed().size() + 1);
    values.counts_at_most(bounds.recorded(), [&](std::size_t i, std::uint64_t count) {
      made.bucket.push_back({.cumulative_count = count, .upper_bound = bounds.exposed()[i]});
    });
    made.bucket.push_back(
        {.cumulative_count = values.count(), .upper_bound = std::numeric_limits<double>::infinity()});
  }

  [[nodiscard]] std::vector<::prometheus::MetricFamily> take() { return std::move(families_); }

 private:
  static ::prometheus::MetricType type_of(metric_type type) noexcept {
    switch (type) {
      case metric_type::counter:
        return ::prometheus::MetricType::Counter;
      case metric_type::gauge:
        return ::prometheus::MetricType::Gauge;
      case metric_type::histogram:
        return ::prometheus::MetricType::Histogram;
    }
    return ::prometheus::MetricType::Untyped;
  }

  // Its serialiser writes help texts as they are: a line break in one would make the whole page unreadable.
  static std::string escaped(std::string_view help) {
    std::string out;
    for (const char c : help) {
      if (c == '\\') out += '\\';
      if (c == '\n')
        out += "\\n";
      else
        out += c;
    }
    return out;
  }

  ::prometheus::ClientMetric& add(const label_set& labels) {
    if (families_.empty()) throw std::invalid_argument("registry_collectable: a series comes after begin");
    ::prometheus::ClientMetric& made = families_.back().metric.emplace_back();
    for (const auto& [name, value] : labels.labels()) made.label.push_back({.name = name, .value = value});
    return made;
  }

  std::vector<::prometheus::MetricFamily> families_;
};

}  // namespace detail

/// Shows a registry to whoever collects through prometheus-cpp, such as its Exposer: for a program that has that library
/// already and wants hasten's figures on the same page.
///
/// Bounds, labels and values are those of prometheus_text; exemplars have no place there. Collecting makes a copy of
/// everything as prometheus-cpp's types, many times slower than prometheus_text: the wrong tool for a new program, which
/// serves that page itself.
///
/// Thread safety: thread-safe.
///
///     auto shown = std::make_shared<hasten::registry_collectable>(metrics);
///     exposer.RegisterCollectable(shown);                      // keeps a weak pointer: hold on to `shown`
class registry_collectable final : public ::prometheus::Collectable {
 public:
  /// Lifetime: the registry outlives this.
  explicit registry_collectable(const registry& metrics) noexcept : metrics_(metrics) {}

  /// Returns: all families as they are now. Throws: std::bad_alloc. Blocks on: as registry::collect().
  [[nodiscard]] std::vector<::prometheus::MetricFamily> Collect() const override {
    detail::prometheus_families families;
    metrics_.collect(families);
    return families.take();
  }

 private:
  const registry& metrics_;
};

}  // namespace hasten

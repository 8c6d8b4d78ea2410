// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/counter.hpp>
#include <hasten/metrics/gauge.hpp>
#include <hasten/metrics/histogram.hpp>
#include <hasten/metrics/label_set.hpp>
#include <hasten/metrics/metric_sink.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten {

/// Metrics of one name that differ by the values of their labels. Made by a registry.
///
/// Ask for a series once, where the route or the cache is set up, and keep what with() returns: finding it
/// costs a lock and a look-up, using it costs nothing beside the metric. The number of series is capped;
/// beyond the cap all share one that is labelled otel_metric_overflow="true", so that a mistake with labels
/// costs detail and not the process.
///
/// Thread safety: thread-safe.
template <class Metric>
class metric_family {
  static_assert(std::is_same_v<Metric, counter> || std::is_same_v<Metric, gauge> ||
                std::is_same_v<Metric, histogram>);

 public:
  using make_metric = std::function<std::shared_ptr<Metric>()>;

  /// For registry, which checks and caps; see there.
  metric_family(metric_description description, std::vector<std::string> label_names, std::size_t series_max,
                make_metric make, bucket_bounds bounds)
      : description_(std::move(description)),
        label_names_(std::move(label_names)),
        series_max_(series_max),
        make_(std::move(make)),
        bounds_(std::move(bounds)) {}

  /// Returns: the series with these values, in the order of the family's label names, made if it is not
  /// there; beyond the cap the overflow series. Throws: std::invalid_argument if there are not as many values
  /// as names, or one is too long; std::bad_alloc. Blocks on: the family's lock.
  [[nodiscard]] std::shared_ptr<Metric> with(const std::vector<std::string>& values = {}) {
    if (values.size() != label_names_.size())
      throw std::invalid_argument("metric_family: " + description_.name() + " has " +
                                  std::to_string(label_names_.size()) + " labels, got " +
                                  std::to_string(values.size()) + " values");
    const std::lock_guard lock(mutex_);
    if (const auto found = series_.find(values); found != series_.end()) return found->second.metric;
    if (series_.size() >= series_max_) {
      ++overflowed_;
      if (overflow_.metric == nullptr) overflow_ = {label_set{{"otel_metric_overflow", "true"}}, make_()};
      return overflow_.metric;
    }
    std::vector<label_set::label> labels;
    labels.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) labels.emplace_back(label_names_[i], values[i]);
    series made{label_set(std::move(labels)), make_()};
    return series_.emplace(values, std::move(made)).first->second.metric;
  }

  /// Forgets the series that nobody but the family holds: what they counted is no longer exposed.
  /// Returns: how many. Blocks on: the family's lock.
  std::size_t forget_unheld() {
    const std::lock_guard lock(mutex_);
    return std::erase_if(series_, [](const auto& each) { return each.second.metric.use_count() == 1; });
  }

  /// Returns: how many series there are, without that of the overflow.
  [[nodiscard]] std::size_t series_count() const {
    const std::lock_guard lock(mutex_);
    return series_.size();
  }

  /// Returns: how often with() had to answer with the overflow series.
  [[nodiscard]] std::uint64_t overflowed() const {
    const std::lock_guard lock(mutex_);
    return overflowed_;
  }

  /// Writes the family as it is now. The sink is called without the family's lock.
  void collect(metric_sink& sink) const {
    std::vector<series> present;
    {
      const std::lock_guard lock(mutex_);
      present.reserve(series_.size() + 1);
      for (const auto& each : series_) present.push_back(each.second);
      if (overflow_.metric != nullptr) present.push_back(overflow_);
    }
    sink.begin(description_);
    histogram_snapshot taken;
    for (const series& each : present) {
      if constexpr (std::is_same_v<Metric, counter>) {
        sink.count(*each.labels, each.metric->value());
      } else if constexpr (std::is_same_v<Metric, gauge>) {
        sink.level(*each.labels, each.metric->value());
      } else {
        each.metric->snapshot_into(taken);
        sink.distribution(*each.labels, taken, bounds_);
      }
    }
  }

  [[nodiscard]] const metric_description& description() const noexcept { return description_; }
  [[nodiscard]] const std::vector<std::string>& label_names() const noexcept { return label_names_; }
  [[nodiscard]] const bucket_bounds& bounds() const noexcept { return bounds_; }

 private:
  struct series {
    series() = default;
    series(label_set described, std::shared_ptr<Metric> counted)
        : labels(std::make_shared<const label_set>(std::move(described))), metric(std::move(counted)) {}

    std::shared_ptr<const label_set> labels;  // shared, so that a reader copies a pointer and no strings
    std::shared_ptr<Metric> metric;
  };

  const metric_description description_;
  const std::vector<std::string> label_names_;
  const std::size_t series_max_;
  const make_metric make_;      // of the registry's own making; allocates, calls nobody
  const bucket_bounds bounds_;  // of histograms
  mutable std::mutex mutex_;    // guards all below
  std::map<std::vector<std::string>, series> series_;
  series overflow_;  // without metric until it is needed
  std::uint64_t overflowed_ = 0;
};

}  // namespace hasten

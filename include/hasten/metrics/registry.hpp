// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/metric_family.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace hasten {

/// All metrics of a program by name, to be read into a text format or an exporter. Passed by reference; there
/// is no global one.
///
/// Names, labels and help are checked where a family is declared, so that what is exposed passes the linters.
/// Figures that some object keeps anyway (a cache's hits, a pool's idle sessions) need no metric here: a
/// collector asks that object when the page is made. The wrong tool for single events, and for labels whose
/// values users choose.
///
/// Thread safety: thread-safe.
///
///     hasten::registry metrics;
///     auto requests = metrics.counters("http_requests_total", "Requests by route.", {"route"});
///     auto claims = requests->with({"/claims"});     // once, where the route is set up
///     claims->add();                                 // for each request
///     hasten::prometheus_text page;
///     metrics.collect(page);
class registry {
 public:
  struct options {
    /// How many families there can be. 1 to 100,000.
    std::size_t families_max = 1000;
    /// How many series each family can have before the overflow takes over. 1 to 100,000.
    std::size_t series_max = 2000;
    /// How many collectors there can be. 1 to 10,000.
    std::size_t collectors_max = 1000;
  };
  using collector = std::function<void(metric_sink&)>;

  registry() : registry(options()) {}

  /// Throws: std::invalid_argument for an option out of range.
  explicit registry(options chosen) : options_(checked(chosen)) {}

  /// Returns: the family of that name, made if it is not there. Throws: std::invalid_argument if the name,
  /// the help or a label breaks a rule (see metric_description and label_set) or the family exists with
  /// another shape; std::length_error at families_max.
  [[nodiscard]] std::shared_ptr<metric_family<counter>> counters(std::string name, std::string help,
                                                                 std::vector<std::string> labels = {}) {
    return family<counter>(
        {std::move(name), std::move(help), metric_type::counter}, std::move(labels),
        [] { return std::make_shared<counter>(); }, bucket_bounds::seconds());
  }

  /// As counters(), of levels.
  [[nodiscard]] std::shared_ptr<metric_family<gauge>> gauges(std::string name, std::string help,
                                                             std::vector<std::string> labels = {}) {
    return family<gauge>(
        {std::move(name), std::move(help), metric_type::gauge}, std::move(labels),
        [] { return std::make_shared<gauge>(); }, bucket_bounds::seconds());
  }

  /// As counters(), of distributions. They are recorded in full and exposed by `bounds`; by default recorded
  /// in nanoseconds and exposed in seconds.
  [[nodiscard]] std::shared_ptr<metric_family<histogram>> histograms(
      std::string name, std::string help, std::vector<std::string> labels = {},
      bucket_bounds bounds = bucket_bounds::seconds(), histogram::options recording = {}) {
    return family<histogram>(
        {std::move(name), std::move(help), metric_type::histogram}, std::move(labels),
        [recording] { return std::make_shared<histogram>(recording); }, std::move(bounds));
  }

  /// Adds what is asked for its figures whenever the metrics are read; it may begin any families that are not
  /// declared here. It runs in the reading thread, under no lock; if it throws, its figures end there and the
  /// failure is counted. Throws: std::invalid_argument for an empty one; std::length_error at collectors_max.
  /// Lifetime: what it refers to outlives the registry.
  void add_collector(collector added) {
    if (!added) throw std::invalid_argument("registry: a collector must not be empty");
    const std::lock_guard lock(mutex_);
    if (collectors_.size() >= options_.collectors_max)
      throw std::length_error("registry: there are " + std::to_string(options_.collectors_max) +
                              " collectors, options allow no more");
    collectors_.push_back(std::make_shared<const collector>(std::move(added)));
  }

  /// Writes all families, by name, and then what the collectors add. Throws: what the sink throws for a
  /// family of the registry itself; std::bad_alloc. Blocks on: short locks, and whatever the collectors do.
  void collect(metric_sink& sink) const {
    std::vector<any_family> families;
    std::vector<std::shared_ptr<const collector>> collectors;
    {
      const std::lock_guard lock(mutex_);
      families.reserve(families_.size());
      for (const auto& each : families_) families.push_back(each.second);
      collectors = collectors_;
    }
    for (const auto& each : families) std::visit([&](const auto& found) { found->collect(sink); }, each);
    for (const auto& each : collectors) {
      try {
        (*each)(sink);
      } catch (...) {
        collector_failures_.fetch_add(1);
      }
    }
  }

  /// Forgets, in all families, the series that nobody else holds: call it now and then where series come and go
  /// with what they measure. Returns: how many. Blocks on: short locks.
  std::size_t forget_unheld() {
    std::vector<any_family> families;
    {
      const std::lock_guard lock(mutex_);
      families.reserve(families_.size());
      for (const auto& each : families_) families.push_back(each.second);
    }
    std::size_t forgotten = 0;
    for (const auto& each : families)
      forgotten += std::visit([](const auto& found) { return found->forget_unheld(); }, each);
    return forgotten;
  }

  /// Returns: how often a collector threw.
  [[nodiscard]] std::uint64_t collector_failures() const noexcept { return collector_failures_.load(); }

  /// Returns: how often any family had to answer with its overflow series: more than zero is a mistake with
  /// labels, or a cap that is too low.
  [[nodiscard]] std::uint64_t overflowed() const {
    const std::lock_guard lock(mutex_);
    std::uint64_t total = 0;
    for (const auto& each : families_)
      total += std::visit([](const auto& found) { return found->overflowed(); }, each.second);
    return total;
  }

 private:
  using any_family =
      std::variant<std::shared_ptr<metric_family<counter>>, std::shared_ptr<metric_family<gauge>>,
                   std::shared_ptr<metric_family<histogram>>>;

  static options checked(options chosen) {
    if (chosen.families_max < 1 || chosen.families_max > 100'000)
      throw std::invalid_argument("registry: families_max must be 1..100000, got " +
                                  std::to_string(chosen.families_max));
    if (chosen.series_max < 1 || chosen.series_max > 100'000)
      throw std::invalid_argument("registry: series_max must be 1..100000, got " +
                                  std::to_string(chosen.series_max));
    if (chosen.collectors_max < 1 || chosen.collectors_max > 10'000)
      throw std::invalid_argument("registry: collectors_max must be 1..10000, got " +
                                  std::to_string(chosen.collectors_max));
    return chosen;
  }

  template <class Metric>
  std::shared_ptr<metric_family<Metric>> family(metric_description described, std::vector<std::string> labels,
                                                typename metric_family<Metric>::make_metric make,
                                                bucket_bounds bounds) {
    std::vector<label_set::label> as_set;
    as_set.reserve(labels.size());
    for (const auto& name : labels) as_set.emplace_back(name, "");
    static_cast<void>(label_set(std::move(as_set)));  // refuses what cannot name a label, and one name twice
    static_cast<void>(make());  // refuses recording options out of range, now rather than later

    const std::lock_guard lock(mutex_);
    if (const auto found = families_.find(described.name()); found != families_.end()) {
      const auto* const same = std::get_if<std::shared_ptr<metric_family<Metric>>>(&found->second);
      if (same == nullptr || (*same)->label_names() != labels || !((*same)->bounds() == bounds))
        throw std::invalid_argument("registry: " + described.name() + " exists with another shape");
      return *same;
    }
    if (families_.size() >= options_.families_max)
      throw std::length_error("registry: there are " + std::to_string(options_.families_max) +
                              " families, options allow no more");
    const std::string name = described.name();
    auto made = std::make_shared<metric_family<Metric>>(
        std::move(described), std::move(labels), options_.series_max, std::move(make), std::move(bounds));
    families_.emplace(name, made);
    return made;
  }

  const options options_;
  mutable std::mutex mutex_;  // guards the two below; no collector and no sink runs under it
  std::map<std::string, any_family> families_;
  std::vector<std::shared_ptr<const collector>> collectors_;
  mutable std::atomic<std::uint64_t> collector_failures_{0};
};

}  // namespace hasten

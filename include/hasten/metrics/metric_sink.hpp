// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/exemplar.hpp>
#include <hasten/metrics/histogram_snapshot.hpp>
#include <hasten/metrics/label_set.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// What kind of figures a family of metrics holds.
enum class metric_type : unsigned char {
  counter,    ///< only grows; its name ends in "_total"
  gauge,      ///< goes up and down
  histogram,  ///< a distribution
};

/// What a family of metrics is: checked once, so that what is exposed is sound and lint-free by construction.
///
/// Names carry base units ("_seconds", "_bytes"); a counter's ends in "_total", no other's does.
/// Thread safety: immutable.
class metric_description {
 public:
  /// Throws: std::invalid_argument, saying which rule the name or the help breaks.
  metric_description(std::string name, std::string help, metric_type type)
      : name_(std::move(name)), help_(std::move(help)), type_(type) {
    const std::string_view checked = name_;
    if (!is_metric_name(checked)) refuse("must be lower-case letters, digits and single leading underscores");
    if (help_.empty()) refuse("needs a help text");
    if (type == metric_type::counter && !checked.ends_with("_total"))
      refuse("is a counter and must end in _total");
    if (type != metric_type::counter && checked.ends_with("_total"))
      refuse("is no counter and must not end in _total");
    for (const std::string_view suffix : {"_count", "_sum", "_bucket"})
      if (checked.ends_with(suffix)) refuse("must not end in _count, _sum or _bucket");
    for (const std::string_view unit : {"_ms", "_us", "_ns", "_milliseconds", "_microseconds", "_nanoseconds",
                                        "_minutes", "_kb", "_mb", "_kilobytes", "_megabytes"})
      if (checked.ends_with(unit)) refuse("must be in base units: seconds, bytes");
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& help() const noexcept { return help_; }
  [[nodiscard]] metric_type type() const noexcept { return type_; }

 private:
  [[noreturn]] void refuse(const char* rule) const {
    throw std::invalid_argument("metric_description: the name \"" + name_ + "\" " + rule);
  }

  std::string name_;
  std::string help_;
  metric_type type_;
};

/// The bounds by which a histogram is exposed, and its unit: recorded in nanoseconds, exposed in seconds.
///
/// Thread safety: immutable.
class bucket_bounds {
 public:
  /// No text of a bound is longer.
  static constexpr std::size_t text_size_max = 64;

  /// `bounds` are in the exposed unit and ascend; `unit` is how many recorded units that is (1e9 for
  /// seconds). Throws: std::invalid_argument.
  explicit bucket_bounds(std::vector<double> bounds, double unit = 1e9)
      : exposed_(std::move(bounds)), unit_(unit) {
    if (!(unit > 0) || std::isinf(unit)) throw std::invalid_argument("bucket_bounds: unit must be above 0");
    if (exposed_.empty() || exposed_.size() > 200)
      throw std::invalid_argument("bucket_bounds: bounds must be 1..200, got " +
                                  std::to_string(exposed_.size()));
    for (const double bound : exposed_) {
      const double recorded = std::round(bound * unit);
      if (!(recorded >= 1) || recorded >= 9e18 ||
          (!recorded_.empty() && static_cast<std::uint64_t>(recorded) <= recorded_.back()))
        throw std::invalid_argument("bucket_bounds: bounds must be above 0 and ascend");
      recorded_.push_back(static_cast<std::uint64_t>(recorded));
      std::array<char, text_size_max> digits;
      // As everybody writes them, 0.0001 and not 1e-04: dashboards compare bounds as text.
      const auto form = bound >= 1e-9 ? std::chars_format::fixed : std::chars_format::general;
      texts_.emplace_back(digits.data(),
                          std::to_chars(digits.data(), digits.data() + digits.size(), bound, form).ptr);
    }
  }

  /// Returns: bounds for durations in nanoseconds, exposed in seconds: what OpenTelemetry advises for HTTP
  /// servers, and five below, since a fast service would otherwise fall into the first bucket whole.
  [[nodiscard]] static bucket_bounds seconds() {
    return bucket_bounds({0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                          0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0});
  }

  [[nodiscard]] std::span<const double> exposed() const noexcept { return exposed_; }
  [[nodiscard]] std::span<const std::uint64_t> recorded() const noexcept { return recorded_; }
  /// Returns: the exposed bounds in the shortest decimal form.
  [[nodiscard]] std::span<const std::string> texts() const noexcept { return texts_; }
  [[nodiscard]] double unit() const noexcept { return unit_; }

  friend bool operator==(const bucket_bounds&, const bucket_bounds&) = default;

 private:
  std::vector<double> exposed_;
  std::vector<std::uint64_t> recorded_;
  std::vector<std::string> texts_;
  double unit_;
};

/// What metrics are read into: a text format, an exporter, a test. A family is begun, then come its series.
///
/// Thread safety: single-owner.
class metric_sink {
 public:
  metric_sink() = default;
  metric_sink(const metric_sink&) = delete;
  metric_sink& operator=(const metric_sink&) = delete;
  virtual ~metric_sink() = default;

  /// Begins a family; all series up to the next call belong to it. Throws: std::invalid_argument if there was
  /// a family of this name before.
  virtual void begin(const metric_description& family) = 0;
  virtual void count(const label_set& labels, std::uint64_t value) = 0;
  /// A gauge, or a counter whose values are no whole numbers.
  virtual void level(const label_set& labels, double value) = 0;
  virtual void distribution(const label_set& labels, const histogram_snapshot& values,
                            const bucket_bounds& bounds) = 0;
  /// Examples of the distribution that comes next, by ascending value; a format that has no place for them lets them go.
  /// Lifetime: until that distribution is written.
  virtual void exemplars(std::span<const exemplar> examples) { static_cast<void>(examples); }
};

}  // namespace hasten

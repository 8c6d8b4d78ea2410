// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// A few figures over the last day, for charts that show what was before somebody looked: each second for ten minutes,
/// each ten seconds for two hours, each minute for a day.
///
/// Its owner pushes all figures about once a second. A coarser point is the mean of what was pushed within its step; a
/// figure that is no number at that moment leaves a gap. Bounded: 2760 points for each figure, 21 KiB. The wrong tool for
/// many labelled series, which a time-series database keeps better, and for quantiles of quantiles: push p99 of a window,
/// and read its mean over a minute as no more than that.
///
/// Thread safety: thread-safe.
///
///     hasten::time_series charts({"requests_per_second", "p99_seconds"});
///     charts.push(wall_clock.now(), std::array{42.0, 0.012});          // once a second
///     auto found = charts.last("p99_seconds", 15min);                  // found->at[i], found->values[i]
class time_series {
 public:
  /// Points of one figure, the oldest first; a gap is no number.
  struct points {
    std::chrono::seconds step{0};
    std::vector<wall_time> at;
    std::vector<double> values;
  };

  /// Throws: std::invalid_argument unless there are 1..1000 names, no two the same.
  explicit time_series(std::vector<std::string> names) : names_(std::move(names)) {
    if (names_.empty() || names_.size() > 1000)
      throw std::invalid_argument("time_series: names must be 1..1000, got " + std::to_string(names_.size()));
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (std::find(names_.begin(), names_.begin() + static_cast<std::ptrdiff_t>(i), names_[i]) !=
          names_.begin() + static_cast<std::ptrdiff_t>(i))
        throw std::invalid_argument("time_series: \"" + names_[i] + "\" is given twice");
    for (tier& each : tiers_) each.pending.resize(names_.size());
  }

  /// Takes all figures, in the order of the names. Of a calendar that jumped back nothing is taken until it is where it
  /// was. Throws: std::invalid_argument for another number of figures; std::bad_alloc.
  void push(wall_time at, std::span<const double> values) {
    if (values.size() != names_.size())
      throw std::invalid_argument("time_series: " + std::to_string(names_.size()) +
                                  " figures are wanted, got " + std::to_string(values.size()));
    const std::lock_guard lock(mutex_);
    for (tier& each : tiers_) each.push(at, values);
  }

  /// Returns: the points of the last `window` up to the last push, as fine as is kept for so long; nothing for a name
  /// that is none.
  [[nodiscard]] std::optional<points> last(std::string_view name, std::chrono::seconds window) const {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) return std::nullopt;
    const auto index = static_cast<std::size_t>(found - names_.begin());
    const std::lock_guard lock(mutex_);
    const tier* chosen = &tiers_.back();
    for (auto each = tiers_.rbegin(); each != tiers_.rend(); ++each)
      if (each->step * static_cast<std::int64_t>(each->points_max) >= window) chosen = &*each;
    points out{.step = chosen->step, .at = {}, .values = {}};
    if (chosen->rows.empty()) return out;
    const wall_time from = chosen->rows.back().at - window;
    for (const row& each : chosen->rows) {
      if (each.at <= from) continue;
      out.at.push_back(each.at);
      out.values.push_back(static_cast<double>(each.values[index]));
    }
    return out;
  }

  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

 private:
  struct row {
    wall_time at;
    std::vector<float> values;
  };
  struct mean {
    double sum = 0;
    unsigned count = 0;
  };
  struct tier {
    std::chrono::seconds step;
    std::size_t points_max;
    std::deque<row> rows = {};            // ascending; each stands for the step that begins at its time
    std::vector<mean> pending = {};       // of the step under way
    std::optional<wall_time> began = {};  // that step

    void push(wall_time at, std::span<const double> values) {
      const wall_time here{at.time_since_epoch() / step * step};
      if (began && here < *began) return;
      if (began && here > *began) close();
      began = here;
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (!std::isfinite(values[i])) continue;
        pending[i].sum += values[i];
        ++pending[i].count;
      }
    }

    void close() {
      row made{.at = *began, .values = {}};
      made.values.reserve(pending.size());
      for (mean& each : pending) {
        made.values.push_back(each.count == 0 ? std::numeric_limits<float>::quiet_NaN()
                                              : static_cast<float>(each.sum / each.count));
        each = {};
      }
      rows.push_back(std::move(made));
      if (rows.size() > points_max) rows.pop_front();
    }
  };

  const std::vector<std::string> names_;
  mutable std::mutex mutex_;  // guards the tiers
  std::array<tier, 3> tiers_{{{.step = std::chrono::seconds(1), .points_max = 600},
                              {.step = std::chrono::seconds(10), .points_max = 720},
                              {.step = std::chrono::minutes(1), .points_max = 1440}}};
};

}  // namespace hasten

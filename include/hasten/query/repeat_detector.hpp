// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// A line of code that ran a statement.
struct call_site {
  std::source_location where = {};
  std::uint64_t times = 0;
};

/// A statement that ran many times within one scope.
struct repeated_statement {
  std::string name;
  std::uint64_t times = 0;
  std::vector<call_site> sites =
      {};  ///< the first lines that ran it, at most options::sites_max; the busiest first
};

/// Finds the loop that asks the database once for each row it has just read, where one statement would do ("N+1").
///
/// One detector watches one piece of work, such as a request: it counts statements by name, and report() tells those
/// that ran suspiciously often, and the lines of code that ran them. Names beyond `statements_max` are not told apart. The
/// wrong tool for bulk work, which repeats itself on purpose.
/// Thread safety: single-owner.
///
///     hasten::repeat_detector repeats({.repeats_min = 10});
///     db->watch_repeats(&repeats);
///     handle(request, *db);
///     for (const auto& each : repeats.report())
///       log_warning(each.name, each.times, each.sites.front().where.file_name(), each.sites.front().where.line());
class repeat_detector {
 public:
  struct options {
    std::uint64_t repeats_min = 10;    ///< reported from here on, 2..1000000
    std::size_t statements_max = 100;  ///< distinct names, 1..10000
    std::size_t sites_max = 4;         ///< lines kept of each name, 1..1000
  };

  repeat_detector() : repeat_detector(options{}) {}

  /// Throws: std::invalid_argument for an option out of range.
  explicit repeat_detector(options chosen) : options_(chosen) {
    if (chosen.repeats_min < 2 || chosen.repeats_min > 1'000'000)
      throw std::invalid_argument("repeat_detector: repeats_min must be 2..1000000, got " +
                                  std::to_string(chosen.repeats_min));
    if (chosen.statements_max < 1 || chosen.statements_max > 10'000)
      throw std::invalid_argument("repeat_detector: statements_max must be 1..10000, got " +
                                  std::to_string(chosen.statements_max));
    if (chosen.sites_max < 1 || chosen.sites_max > 1000)
      throw std::invalid_argument("repeat_detector: sites_max must be 1..1000, got " +
                                  std::to_string(chosen.sites_max));
  }

  /// Counts one execution, by the line that calls this unless another one is given.
  /// Complexity: the distinct names so far, of which a piece of work has few.
  void note(std::string_view name, const std::source_location where = std::source_location::current()) {
    const auto known = std::find_if(seen_.begin(), seen_.end(),
                                    [&](const repeated_statement& each) { return each.name == name; });
    if (known != seen_.end()) {
      ++known->times;
      note_site(*known, where);
    } else if (seen_.size() < options_.statements_max) {
      seen_.push_back({.name = std::string(name), .times = 1});
      note_site(seen_.back(), where);
    } else {
      ++overflowed_;
    }
  }

  /// Returns: the statements that ran at least `repeats_min` times, the most frequent first,
  /// and by name among equals.
  [[nodiscard]] std::vector<repeated_statement> report() const {
    std::vector<repeated_statement> found;
    for (const repeated_statement& each : seen_)
      if (each.times >= options_.repeats_min) found.push_back(each);
    std::sort(found.begin(), found.end(), [](const auto& left, const auto& right) {
      return left.times != right.times ? left.times > right.times : left.name < right.name;
    });
    for (repeated_statement& each : found)
      std::sort(each.sites.begin(), each.sites.end(), [](const auto& left, const auto& right) {
        return left.times != right.times ? left.times > right.times : left.where.line() < right.where.line();
      });
    return found;
  }

  /// Returns: all executions. Complexity: as note().
  [[nodiscard]] std::uint64_t total() const noexcept {
    std::uint64_t sum = overflowed_;
    for (const repeated_statement& each : seen_) sum += each.times;
    return sum;
  }

  /// Returns: executions that were not told apart, because there were too many names.
  [[nodiscard]] std::uint64_t overflowed() const noexcept { return overflowed_; }

  /// Forgets everything, for the next piece of work.
  void clear() noexcept {
    seen_.clear();
    overflowed_ = 0;
  }

 private:
  void note_site(repeated_statement& of, const std::source_location& where) const {
    for (call_site& each : of.sites)
      if (each.where.line() == where.line() && each.where.column() == where.column() &&
          std::string_view(each.where.file_name()) == where.file_name()) {
        ++each.times;
        return;
      }
    if (of.sites.size() < options_.sites_max) of.sites.push_back({.where = where, .times = 1});
  }

  options options_;
  std::vector<repeated_statement> seen_;  // at most statements_max, in the order of their first execution
  std::uint64_t overflowed_ = 0;
};

}  // namespace hasten

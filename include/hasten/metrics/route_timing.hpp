// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/histogram_snapshot.hpp>
#include <hasten/metrics/status_class.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hasten {

/// What a response_timer has counted for one route since it was made. All that is counted only grows, so what
/// happened in between is the difference of two.
///
/// Thread safety: thread-compatible.
struct route_timing {
  struct stage {
    std::string name;
    std::uint64_t count = 0;            ///< responses that had this stage
    std::chrono::nanoseconds total{0};  ///< the time of all of them in it

    /// Returns: the average time of a response that had this stage; zero if none had.
    [[nodiscard]] std::chrono::nanoseconds mean() const noexcept {
      return count == 0 ? total : total / static_cast<std::int64_t>(count);
    }
  };

  std::string route;                                        ///< the template
  std::uint64_t in_flight = 0;                              ///< started, neither finished nor aborted
  std::array<histogram_snapshot, status_classes> by_class;  ///< latencies in nanoseconds
  std::vector<stage> stages;                                ///< in the timer's order; the last is "other"

  /// Returns: the latencies of one class.
  [[nodiscard]] const histogram_snapshot& of(status_class result) const noexcept {
    return by_class[static_cast<std::size_t>(result)];
  }

  /// Returns: the latencies of everything that got an answer. Throws: std::bad_alloc.
  [[nodiscard]] histogram_snapshot answered() const {
    histogram_snapshot merged;
    for (std::size_t i = 0; i < status_classes; ++i)
      if (static_cast<status_class>(i) != status_class::aborted) merged.merge(by_class[i]);
    return merged;
  }

  /// Returns: how many responses have ended, with an answer or without.
  [[nodiscard]] std::uint64_t count() const noexcept {
    std::uint64_t total = 0;
    for (const auto& latencies : by_class) total += latencies.count();
    return total;
  }

  /// Returns: how many ended by a fault of the server: its errors, and what it never answered. A client's
  /// error is not among them.
  [[nodiscard]] std::uint64_t failed() const noexcept {
    return of(status_class::server_error).count() + of(status_class::aborted).count();
  }
};

}  // namespace hasten

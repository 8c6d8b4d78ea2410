// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/histogram_snapshot.hpp>
#include <hasten/query/query_error.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace hasten {

/// What a monitor has seen of one statement. A copy: it does not change any more.
struct statement_stats {
  std::string name;
  std::uint64_t calls = 0;   ///< finished executions, failed ones included
  std::uint64_t errors = 0;  ///< failed executions
  std::uint64_t rows = 0;    ///< rows read or changed
  std::uint64_t slow = 0;    ///< executions at or above the slow threshold
  std::array<std::uint64_t, query_error_kinds> errors_by_kind{};
  std::chrono::nanoseconds last{};  ///< the execution that finished last
  histogram_snapshot latency;       ///< nanoseconds, failed executions included

  [[nodiscard]] std::uint64_t errors_of(query_error_kind kind) const noexcept {
    return errors_by_kind[static_cast<std::size_t>(kind)];
  }
};

/// The sums over all statements of a monitor.
struct query_totals {
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;
  std::uint64_t rows = 0;
  std::uint64_t slow = 0;
  std::chrono::nanoseconds time{};  ///< spent in statements, over all threads
  std::size_t statements = 0;       ///< distinct names seen, "other" included
  std::uint64_t overflowed = 0;     ///< executions counted under "other", because there were too many names
  std::uint64_t reports_suppressed = 0;  ///< slow executions not reported, to keep on_slow within its rate
  std::uint64_t observer_failures = 0;   ///< times on_slow threw
};

/// One execution that took too long. It holds the statement's name and nothing of its values.
struct slow_query {
  std::string name;
  std::chrono::nanoseconds duration{};
  wall_time at{};  ///< when it finished
  std::uint64_t rows = 0;
  bool failed = false;
  std::chrono::nanoseconds threshold{};  ///< from which on this statement is slow
};

}  // namespace hasten

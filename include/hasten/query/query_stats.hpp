// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/histogram_snapshot.hpp>
#include <hasten/query/query_error.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

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
  std::uint64_t observer_failures = 0;   ///< times on_slow or the observer threw
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

/// One execution that has ended, as an observer hears of it. Valid during the call only; it holds nothing of the values.
struct finished_query {
  std::string_view name;
  std::chrono::nanoseconds duration{};
  std::uint64_t rows = 0;
  bool failed = false;
  query_error_kind kind = query_error_kind::other;  ///< means something only if it failed
};

/// Who is told of every execution, to feed metrics, logs or traces of another kind. Both are called in the thread that runs
/// the statement, so they are to be quick; what they throw is counted and dropped. An empty one costs a comparison.
struct query_observer {
  std::function<void(std::string_view name)> started = {};
  std::function<void(const finished_query&)> finished = {};
};

}  // namespace hasten

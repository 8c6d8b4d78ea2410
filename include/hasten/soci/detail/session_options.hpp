// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/plan_book.hpp>

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace hasten::detail {

/// What can be chosen of a monitored_session, which calls them its options.
struct session_options {
  std::size_t statements_max = 256;  ///< prepared statements kept, 1..100000; about 5 KiB each
  std::size_t rows_max = 1'000'000;  ///< all() refuses a larger result, 1..1000000000; each() has no limit
  /// Gets the plan of each text that SQLite prepares and, on PostgreSQL, of those that were slow; borrowed; null: none is
  /// taken.
  plan_book* plans = nullptr;
  unsigned prepare_after = 2;  ///< PostgreSQL: uses of a text until it is kept prepared, 1..1000
  /// PostgreSQL: how long the server may take for an answer or the next row before the statement is cancelled, 0..1 day;
  /// zero: for ever. script() is not limited.
  std::chrono::nanoseconds answer_max = std::chrono::minutes(1);
  /// PostgreSQL: the plan of a statement that stays slow is asked for again after this time, 1 s..1 day.
  std::chrono::nanoseconds explain_every = std::chrono::minutes(10);
};

/// Throws: std::invalid_argument for an option out of range, except statements_max, which the cache checks.
inline void check(const session_options& chosen) {
  const auto refuse = [](const std::string& rule) {
    throw std::invalid_argument("monitored_session: " + rule);
  };
  if (chosen.prepare_after < 1 || chosen.prepare_after > 1000)
    refuse("prepare_after must be 1..1000, got " + std::to_string(chosen.prepare_after));
  if (chosen.answer_max.count() < 0 || chosen.answer_max > std::chrono::days(1))
    refuse("answer_max must be 0..1 day, got " + std::to_string(chosen.answer_max.count()) + " ns");
  if (chosen.explain_every < std::chrono::seconds(1) || chosen.explain_every > std::chrono::days(1))
    refuse("explain_every must be 1 s..1 day, got " + std::to_string(chosen.explain_every.count()) + " ns");
  if (chosen.rows_max < 1 || chosen.rows_max > 1'000'000'000)
    refuse("rows_max must be 1..1000000000, got " + std::to_string(chosen.rows_max));
}

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/sqlite_plan.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/query_deadline.hpp>
#include <hasten/soci/schema_reader.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hasten {

/// What came of one step.
enum class optimize_outcome : unsigned char {
  done,
  not_needed,   ///< there was nothing to do, or the database is not set up for it
  out_of_time,  ///< stopped at the deadline; what was done before stays
  busy,         ///< readers or another writer were in the way
};

[[nodiscard]] constexpr const char* name_of(optimize_outcome what) noexcept {
  constexpr const char* names[] = {"done", "not_needed", "out_of_time", "busy"};
  return names[static_cast<std::size_t>(what)];
}

struct optimize_step {
  std::string name = {};  ///< "analyse", "checkpoint" or "vacuum"
  optimize_outcome outcome = optimize_outcome::done;
  std::chrono::nanoseconds took{};
  std::int64_t pages = 0;  ///< moved out of the log, or given back to the file system
};

/// What optimize() does.
struct optimize_options {
  bool analyse = true;                 ///< statistics for the planner, where they are missing or old
  bool checkpoint = true;              ///< moves the write-ahead log into the file and cuts it to nothing
  std::int64_t vacuum_pages = 10'000;  ///< given back at most, 0..100000000; zero: none
};

namespace detail {

inline optimize_outcome outcome_of(const query_error& failure) {
  if (failure.kind() == query_error_kind::timeout) return optimize_outcome::out_of_time;
  if (failure.kind() == query_error_kind::busy || failure.kind() == query_error_kind::busy_snapshot)
    return optimize_outcome::busy;
  throw failure;
}

inline void analyse(monitored_session& session, sqlite3* handle) {
  const bool has_statistics =
      number_of(handle, "SELECT count(*) FROM sqlite_schema WHERE name='sqlite_stat1'") != 0;
  // SQLite before 3.46 reads whole indexes without a limit of its own.
  if (number_of(handle, "PRAGMA analysis_limit") == 0)
    session.script("optimize.analyse", "PRAGMA analysis_limit=400");
  session.script("optimize.analyse", has_statistics ? "PRAGMA optimize" : "ANALYZE");
}

// Waits for readers until the deadline and no longer than a second: they hold the writer up meanwhile.
inline void checkpoint(sqlite3* handle, std::chrono::nanoseconds left, optimize_step& step) {
  const std::int64_t usual = number_of(handle, "PRAGMA busy_timeout");
  const auto wait = std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(left),
                               std::chrono::milliseconds(0), std::chrono::milliseconds(1'000));
  sqlite3_busy_timeout(handle, static_cast<int>(wait.count()));
  int pages = 0;
  int moved = 0;
  // It tells the pages only if it could do all; what a first, patient one moved is told in any case.
  int code = sqlite3_wal_checkpoint_v2(handle, "main", SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
  step.pages = std::max(0, moved);
  if (code == SQLITE_OK)
    code = sqlite3_wal_checkpoint_v2(handle, "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  sqlite3_busy_timeout(handle, static_cast<int>(usual));
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    step.outcome = optimize_outcome::busy;
  else if (code != SQLITE_OK)
    throw_sqlite(handle, "optimize.checkpoint", true);
  else if (pages < 0)
    step.outcome = optimize_outcome::not_needed;  // no write-ahead log
}

inline void vacuum(monitored_session& session, sqlite3* handle, std::int64_t pages, optimize_step& step) {
  const std::int64_t before = number_of(handle, "PRAGMA freelist_count");
  if (number_of(handle, "PRAGMA auto_vacuum") != 2 || before == 0) {
    step.outcome = optimize_outcome::not_needed;
    return;
  }
  session.script("optimize.vacuum", "PRAGMA incremental_vacuum(" + std::to_string(pages) + ")");
  step.pages = before - number_of(handle, "PRAGMA freelist_count");
}

// Of the tables that changed since they were analysed last, or never were. What is left at the deadline is done next time.
inline void analyse_postgresql(monitored_session& session, optimize_step& step) {
  static constexpr statement stale{
      "optimize.stale",
      "SELECT format('%I.%I', schemaname, relname) FROM pg_stat_user_tables WHERE n_mod_since_analyze > 0 OR "
      "(last_analyze IS NULL AND last_autoanalyze IS NULL) ORDER BY n_mod_since_analyze DESC"};
  const auto tables = session.all<std::string>(stale);
  for (const std::string& each : tables) session.script("optimize.analyse", "ANALYZE " + each);
  if (tables.empty()) step.outcome = optimize_outcome::not_needed;
}

}  // namespace detail

/// Brings an SQLite database into shape: statistics for the planner, the write-ahead log moved into the file, free pages
/// given back where the file was made with auto_vacuum=INCREMENTAL. It never runs by itself, and does not run VACUUM, which
/// rewrites the whole file. PostgreSQL does most of its upkeep itself: there, statistics are made of the tables that changed,
/// and the rest is told as not needed.
///
/// New statistics may change plans: refresh_plans() tells which. Use the session that writes, outside a transaction.
/// Returns: a step for each thing asked for; those after the deadline are told as out of time.
/// Throws: std::invalid_argument for an option out of range; query_error for any failure but a lock or the deadline.
/// Blocks on: other writers, for at most the busy timeout; readers, for at most a second; the deadline stops the rest.
///
///     const auto steps = hasten::optimize(*pool.write(deadline), deadline);
inline std::vector<optimize_step> optimize(monitored_session& session, steady_time deadline,
                                           const optimize_options& chosen = {}) {
  if (chosen.vacuum_pages < 0 || chosen.vacuum_pages > 100'000'000)
    throw std::invalid_argument("optimize: vacuum_pages must be 0..100000000, got " +
                                std::to_string(chosen.vacuum_pages));
  const bool is_server = session.is_postgresql();
  sqlite3* const handle = is_server ? nullptr : detail::sqlite_handle_of(session.soci());
  if (handle == nullptr && !is_server)
    throw query_error(query_error_kind::bad_statement, "optimize: needs SQLite or PostgreSQL");
  if (session.in_transaction())
    throw query_error(query_error_kind::bad_statement, "optimize: within a transaction nothing can be moved");
  const query_deadline limit(session, deadline);
  std::vector<optimize_step> steps;
  const auto run = [&](const char* name, auto&& work) {
    optimize_step& step = steps.emplace_back();
    step.name = name;
    const steady_time began = session.monitor().now();
    if (began >= deadline) {
      step.outcome = optimize_outcome::out_of_time;
      return;
    }
    try {
      work(step);
    } catch (const query_error& failure) {
      step.outcome = detail::outcome_of(failure);
    }
    step.took = session.monitor().now() - began;
  };
  const auto not_needed = [](optimize_step& step) { step.outcome = optimize_outcome::not_needed; };
  if (chosen.analyse)
    run("analyse", [&](optimize_step& step) {
      if (is_server) return detail::analyse_postgresql(session, step);
      detail::analyse(session, handle);
    });
  if (chosen.vacuum_pages > 0)
    run("vacuum", [&](optimize_step& step) {
      if (is_server) return not_needed(step);
      detail::vacuum(session, handle, chosen.vacuum_pages, step);
    });
  // Last, because the others write into the log.
  if (chosen.checkpoint)
    run("checkpoint", [&](optimize_step& step) {
      if (is_server) return not_needed(step);
      session.monitor().track("optimize.checkpoint",
                              [&] { detail::checkpoint(handle, deadline - session.monitor().now(), step); });
    });
  return steps;
}

}  // namespace hasten

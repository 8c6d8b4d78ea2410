// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/database_health.hpp>
#include <hasten/query/index_advisor.hpp>
#include <hasten/query/index_review.hpp>
#include <hasten/query/plan_book.hpp>
#include <hasten/query/query_stats.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// How urgent a recommendation is.
enum class urgency : unsigned char {
  critical,  ///< data is at risk
  warning,   ///< it costs much, or will
  advice,    ///< it would be better
};

[[nodiscard]] constexpr const char* name_of(urgency what) noexcept {
  constexpr const char* names[] = {"critical", "warning", "advice"};
  return names[static_cast<std::size_t>(what)];
}

/// One thing to do, and why. Nothing does it by itself.
struct recommendation {
  urgency how = urgency::advice;
  std::string topic = {};     ///< a fixed word, such as "index_missing"
  std::string evidence = {};  ///< what was seen, without a value of the data
  std::string action = {};    ///< exactly what to do: SQL where it is SQL
  double weight = 0;          ///< orders those of one urgency, 0..1
};

/// What is known about a database; whatever is left out says nothing. Borrowed for the call.
struct recommendation_sources {
  const database_health* health = nullptr;
  std::span<const index_proposal> proposals = {};
  std::span<const index_finding> findings = {};
  std::span<const captured_plan> plans = {};
  std::span<const statement_stats> statements = {};
};

namespace detail {

[[nodiscard]] inline std::string percent(double share) {
  return std::to_string(static_cast<int>(std::lround(share * 100))) + " %";
}
[[nodiscard]] inline std::string mebibytes(std::int64_t bytes) {
  return std::to_string((bytes + (1 << 19)) >> 20) + " MiB";
}

inline void recommend_for_file(const database_health& health, std::vector<recommendation>& found) {
  if (health.check == integrity::damaged)
    found.push_back({.how = urgency::critical,
                     .topic = "damaged",
                     .evidence = "The quick check found damage.",
                     .action = "Stop writing, copy the file away, and restore the last good backup.",
                     .weight = 1});
  if (health.is_checkpoint_starved())
    found.push_back({.how = urgency::warning,
                     .topic = "checkpoint_starved",
                     .evidence = "The write-ahead log has " + mebibytes(health.log_bytes) +
                                 ", more than twice its bound: some reader has kept a transaction open.",
                     .action = "Find sessions that are leased for long, then PRAGMA wal_checkpoint(TRUNCATE)",
                     .weight = 0.9});
  if (health.journal_mode != "wal" && health.engine.starts_with("SQLite") && !health.journal_mode.empty())
    found.push_back({.how = urgency::warning,
                     .topic = "no_write_ahead_log",
                     .evidence = "The journal mode is " + health.journal_mode +
                                 ": readers and the writer block one another.",
                     .action = "PRAGMA journal_mode=WAL",
                     .weight = 0.8});
  const double free =
      health.pages == 0 ? 0 : static_cast<double>(health.free_pages) / static_cast<double>(health.pages);
  if (free > 0.25 && health.free_pages > 1'000)
    found.push_back({.how = urgency::advice,
                     .topic = "free_pages",
                     .evidence = percent(free) + " of the file (" +
                                 mebibytes(health.free_pages * health.page_bytes) + ") holds nothing.",
                     .action = health.vacuums_incrementally ? "PRAGMA incremental_vacuum" : "VACUUM",
                     .weight = free / 2});
}

inline void recommend_for_settings(const database_health& health, std::vector<recommendation>& found) {
  if (!health.is_analysed && health.pages > 1'000)
    found.push_back(
        {.how = urgency::advice,
         .topic = "not_analysed",
         .evidence = "The planner has no statistics of a database of " + mebibytes(health.bytes()) + ".",
         .action = health.server ? "ANALYZE" : "PRAGMA analysis_limit=400; ANALYZE",
         .weight = 0.6});
  if (!health.foreign_keys && health.engine.starts_with("SQLite"))
    found.push_back({.how = urgency::advice,
                     .topic = "foreign_keys_off",
                     .evidence = "Foreign keys are declared and not checked.",
                     .action = "PRAGMA foreign_keys=ON on every connection",
                     .weight = 0.5});
  const bool is_cold = health.cache_hits + health.cache_misses < 10'000;
  if (!is_cold && health.cache_hit_rate() < 0.9 && health.bytes() > health.cache_bytes)
    found.push_back(
        {.how = urgency::advice,
         .topic = "cache_small",
         .evidence = percent(1 - health.cache_hit_rate()) + " of the pages were not in the cache of " +
                     mebibytes(health.cache_bytes) + "; the file has " + mebibytes(health.bytes()) + ".",
         .action = health.server ? "Raise shared_buffers towards the size of what is read often"
                                 : "Raise sqlite_tuning::cache_bytes towards the size of what is read often",
         .weight = 1 - health.cache_hit_rate()});
  if (health.longest_transaction && *health.longest_transaction > std::chrono::minutes(5))
    found.push_back(
        {.how = urgency::warning,
         .topic = "long_transaction",
         .evidence =
             "A transaction has been open for " +
             std::to_string(health.longest_transaction->count() / 60'000'000'000) + " minutes" +
             (health.longest_transaction_at.empty() ? "." : ", since " + health.longest_transaction_at + "."),
         .action = "Find who opened it and why it does not end",
         .weight = 0.7});
}

inline void recommend_for_rows_of(const dead_rows& table, std::vector<recommendation>& found) {
  const double share = static_cast<double>(table.dead) / static_cast<double>(table.dead + table.live);
  if (table.dead < 10'000 || share < 0.2) return;
  found.push_back({.how = urgency::advice,
                   .topic = "dead_rows",
                   .evidence = percent(share) + " of the rows of " + table.table + " (" +
                               std::to_string(table.dead) + ") are dead and still read past.",
                   .action = "VACUUM (ANALYZE) " + readable_name(table.table),
                   .weight = share / 2});
}

inline void recommend_for_server(const server_health& server, std::vector<recommendation>& found) {
  constexpr std::int64_t xids = 2'000'000'000;  // the server stops somewhat before 2^31
  if (server.oldest_xid_age > xids / 2)
    found.push_back({.how = server.oldest_xid_age > xids / 4 * 3 ? urgency::critical : urgency::warning,
                     .topic = "transaction_ids",
                     .evidence = std::to_string(server.oldest_xid_age) +
                                 " transactions were begun since the oldest that still counts; at 2147483648 "
                                 "the server stops.",
                     .action = "End old transactions and unused replication slots, then VACUUM (FREEZE)",
                     .weight = 1});
  if (server.connections_max > 0 && server.connections * 10 > server.connections_max * 9)
    found.push_back({.how = urgency::warning,
                     .topic = "connections",
                     .evidence = std::to_string(server.connections) + " of " +
                                 std::to_string(server.connections_max) + " connections are in use.",
                     .action = "Lower postgresql_options::sessions_max, or raise max_connections",
                     .weight = 0.8});
  for (const replica_health& each : server.replicas)
    if (each.time_behind > std::chrono::minutes(1) || each.bytes_behind > (std::int64_t{1} << 30))
      found.push_back({.how = urgency::warning,
                       .topic = "replica_behind",
                       .evidence = "The replica " + each.name + " is " + mebibytes(each.bytes_behind) +
                                   " and " + std::to_string(each.time_behind.count() / 1'000'000'000) +
                                   " s behind.",
                       .action = "Look for long statements on it and at the network between",
                       .weight = 0.6});
  for (const dead_rows& each : server.dead_rows) recommend_for_rows_of(each, found);
}

inline void recommend_indexes(const recommendation_sources& sources, std::vector<recommendation>& found) {
  for (const index_proposal& each : sources.proposals) {
    const statement_gain& best = each.gains.front();
    found.push_back({.how = each.share_of_time >= 0.1 ? urgency::warning : urgency::advice,
                     .topic = "index_missing",
                     .evidence = best.name + " would read about " +
                                 std::to_string(std::llround(best.cost_after)) + " rows instead of " +
                                 std::to_string(std::llround(best.cost_before)) +
                                 "; the statements that gain took " + percent(each.share_of_time) +
                                 " of the time. It takes about " + mebibytes(each.bytes) + ", and " +
                                 std::to_string(each.writers) + " of the statements seen maintain it.",
                     .action = each.ddl,
                     .weight = each.share_of_time});
  }
  for (const index_finding& each : sources.findings)
    found.push_back({.how = urgency::advice,
                     .topic = std::string("index_") + name_of(each.problem),
                     .evidence = each.evidence,
                     .action = each.action,
                     .weight = each.problem == index_problem::unused ? 0.1 : 0.2});
}

inline void recommend_for_statements(const recommendation_sources& sources,
                                     std::vector<recommendation>& found) {
  for (const statement_stats& each : sources.statements) {
    const double rate =
        each.calls == 0 ? 0 : static_cast<double>(each.errors) / static_cast<double>(each.calls);
    if (each.errors < 10 || rate < 0.01) continue;
    const auto most = std::max_element(each.errors_by_kind.begin(), each.errors_by_kind.end());
    const auto kind = static_cast<query_error_kind>(most - each.errors_by_kind.begin());
    found.push_back({.how = urgency::warning,
                     .topic = "statement_fails",
                     .evidence = each.name + " failed in " + percent(rate) + " of " +
                                 std::to_string(each.calls) + " executions, mostly by " + name_of(kind) + ".",
                     .action = is_transient(kind) ? "Repeat its transaction with run_in_transaction"
                                                  : "Find out why; see the log of this statement",
                     .weight = std::min(1.0, rate)});
  }
  for (const captured_plan& each : sources.plans)
    if (each.changes > 0 && !each.plan.is_good())
      found.push_back(
          {.how = urgency::warning,
           .topic = "plan_changed",
           .evidence = each.name + " is run in another way than before, and reads or sorts all of a table.",
           .action = "Compare its plan with what it was, and look for a dropped index",
           .weight = 0.6});
}

}  // namespace detail

/// Turns what is known into what to do, the most urgent first. Each comes with what was seen and the exact action, and none
/// is applied. Complexity: the sum of the sources.
///
///     for (const auto& each : hasten::recommendations({.health = &health, .proposals = advice.proposals}))
///       std::clog << name_of(each.how) << ": " << each.evidence << ' ' << each.action << '\n';
[[nodiscard]] inline std::vector<recommendation> recommendations(const recommendation_sources& sources) {
  std::vector<recommendation> found;
  if (sources.health != nullptr) {
    detail::recommend_for_file(*sources.health, found);
    detail::recommend_for_settings(*sources.health, found);
    if (sources.health->server) detail::recommend_for_server(*sources.health->server, found);
  }
  detail::recommend_indexes(sources, found);
  detail::recommend_for_statements(sources, found);
  std::sort(found.begin(), found.end(), [](const recommendation& left, const recommendation& right) {
    if (left.how != right.how) return left.how < right.how;
    if (left.weight != right.weight) return left.weight > right.weight;
    return left.topic != right.topic ? left.topic < right.topic : left.action < right.action;
  });
  return found;
}

}  // namespace hasten

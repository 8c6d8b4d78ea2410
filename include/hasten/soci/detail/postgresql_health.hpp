// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/database_health.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/query_deadline.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// The state of a PostgreSQL server, from its own views. What a role may not see, they tell as NULL.
namespace hasten::detail {

[[nodiscard]] inline std::chrono::nanoseconds nanoseconds_of(double seconds) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::clamp(seconds, 0.0, 1e9) * 1e9));
}

inline void read_server_state(monitored_session& session, database_health& health) {
  static constexpr statement state{
      "database_health.state",
      "SELECT current_setting('server_version'), current_setting('block_size')::bigint, "
      "pg_database_size(current_database()), pg_size_bytes(current_setting('shared_buffers')), "
      "s.blks_hit, s.blks_read, age(d.datfrozenxid)::bigint, pg_is_in_recovery(), "
      "current_setting('max_connections')::bigint, NOT EXISTS(SELECT FROM pg_stat_user_tables WHERE "
      "last_analyze IS NULL AND last_autoanalyze IS NULL AND n_live_tup > 1000) "
      "FROM pg_database AS d JOIN pg_stat_database AS s ON s.datid=d.oid WHERE d.datname=current_database()"};
  auto [version, page, bytes, cache, hits, misses, age, follows, most, analysed] =
      session.one<std::tuple<std::string, std::int64_t, std::int64_t, std::int64_t, std::uint64_t,
                             std::uint64_t, std::int64_t, bool, std::int64_t, bool>>(state);
  health.engine = "PostgreSQL " + version;
  health.page_bytes = page;
  health.pages = bytes / page;
  health.cache_bytes = cache;
  health.cache_hits = hits;
  health.cache_misses = misses;
  health.is_analysed = analysed;
  health.foreign_keys = true;
  health.server->oldest_xid_age = age;
  health.server->is_replica = follows;
  health.server->connections_max = most;
}

inline void read_connections(monitored_session& session, database_health& health) {
  static constexpr statement connections{
      "database_health.connections",
      "SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in transaction%'), count(*) FILTER (WHERE "
      "wait_event_type='Lock'), (extract(epoch FROM max(clock_timestamp()-xact_start) FILTER (WHERE "
      "pid<>pg_backend_pid())))::float8 FROM pg_stat_activity WHERE backend_type='client backend'"};
  const auto [all, idle, waiting, longest] =
      session.one<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::optional<double>>>(connections);
  health.server->connections = all;
  health.server->idle_in_transaction = idle;
  health.server->waiting_for_locks = waiting;
  if (longest.has_value()) health.longest_transaction = nanoseconds_of(*longest);
}

inline void read_replicas(monitored_session& session, server_health& server) {
  static constexpr statement replicas{
      "database_health.replicas",
      "SELECT coalesce(application_name, ''), coalesce(state, ''), coalesce(pg_wal_lsn_diff(CASE WHEN "
      "pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, replay_lsn), "
      "0)::bigint, coalesce(extract(epoch FROM replay_lag), 0)::float8 FROM pg_stat_replication ORDER BY 1"};
  for (auto& [name, state, bytes, seconds] :
       session.all<std::tuple<std::string, std::string, std::int64_t, double>>(replicas))
    server.replicas.push_back({.name = std::move(name),
                               .state = std::move(state),
                               .bytes_behind = bytes,
                               .time_behind = nanoseconds_of(seconds)});
}

inline void read_dead_rows(monitored_session& session, server_health& server) {
  static constexpr statement dead{
      "database_health.dead_rows",
      "SELECT relname::text, n_live_tup, n_dead_tup FROM pg_stat_user_tables WHERE "
      "n_dead_tup > 0 ORDER BY n_dead_tup DESC, relname LIMIT 20"};
  for (auto& [table, live, gone] : session.all<std::tuple<std::string, std::int64_t, std::int64_t>>(dead))
    server.dead_rows.push_back({.table = std::move(table), .live = live, .dead = gone});
}

// By the file system, or as VACUUM and ANALYZE last saw it, which costs nothing.
inline void read_sizes(monitored_session& session, bool is_estimate, std::vector<object_size>& sizes) {
  const std::string bytes =
      is_estimate ? "greatest(c.relpages, 0)::bigint * current_setting('block_size')::bigint"
                  : "CASE c.relkind WHEN 'i' THEN pg_relation_size(c.oid) ELSE pg_table_size(c.oid) END";
  const std::string text =
      "SELECT c.relname::text, coalesce(t.relname, c.relname)::text, c.relkind='i', " + bytes +
      " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid=c.relnamespace LEFT JOIN pg_index AS i ON "
      "i.indexrelid=c.oid LEFT JOIN pg_class AS t ON t.oid=i.indrelid WHERE c.relkind IN ('r', 'i', 'm') AND "
      "n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 4 DESC, 1 LIMIT 1000";
  for (auto& [name, table, is_index, size] :
       session.all<std::tuple<std::string, std::string, bool, std::int64_t>>({"database_health.sizes", text}))
    sizes.push_back({.name = std::move(name),
                     .table = std::move(table),
                     .is_index = is_index,
                     .bytes = size,
                     .is_estimate = is_estimate});
}

[[nodiscard]] inline bool measure_sizes(monitored_session& session, std::chrono::nanoseconds time,
                                        std::vector<object_size>& sizes) {
  if (time.count() == 0) return false;
  const query_deadline limit(session, session.monitor().now() + time);
  try {
    read_sizes(session, false, sizes);
    return true;
  } catch (const query_error& failure) {
    if (failure.kind() != query_error_kind::timeout) throw;
    sizes.clear();
    return false;
  }
}

[[nodiscard]] inline database_health read_postgresql_health(monitored_session& session,
                                                            std::chrono::nanoseconds sizes_time) {
  static constexpr statement look{"database_health.look", "SELECT 1"};
  if (session.in_transaction())  // running out of time would undo it
    throw query_error(query_error_kind::bad_statement, "database_health: not within a transaction");
  database_health health;
  health.server.emplace();
  const steady_time began = session.monitor().now();
  static_cast<void>(session.scalar<int>(look));
  health.answered_in = session.monitor().now() - began;
  read_server_state(session, health);
  read_connections(session, health);
  read_replicas(session, *health.server);
  read_dead_rows(session, *health.server);
  if (!measure_sizes(session, sizes_time, health.sizes)) read_sizes(session, true, health.sizes);
  return health;
}

}  // namespace hasten::detail

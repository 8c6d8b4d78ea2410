// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/resource_pool.hpp>
#include <hasten/soci/detail/postgresql_api.hpp>
#include <hasten/soci/monitored_session.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace hasten {

/// Where a session_pool finds PostgreSQL, how many sessions it keeps there, and how long anything may take.
///
/// The timeouts are set on each connection as it is made, so that the server stops by itself what nobody waits for any
/// more. Not for PgBouncer's transaction mode, which gives each transaction another connection.
struct postgresql_options {
  /// What libpq connects to: `host=db user=app dbname=shop` or `postgresql://app@db/shop`. Never shown.
  std::string connection = {};
  std::size_t sessions_min = 2;   ///< made at once and kept by maintain(), 0..sessions_max
  std::size_t sessions_max = 10;  ///< 1..1000
  std::size_t waiters_max = 200;  ///< callers waiting for a session, 0..1000000

  /// Servers that follow the first one; read_replica() leases from them. Empty: it leases from the first.
  std::vector<std::string> replicas = {};
  std::chrono::nanoseconds lag_max = std::chrono::seconds(1);  ///< a replica further behind is left out, ≥ 0
  std::chrono::nanoseconds lag_every = std::chrono::seconds(1);  ///< how often a replica is asked, ≥ 0
  /// Asks a replica how many seconds it is behind, as float8.
  std::string lag_query =
      "SELECT (CASE WHEN NOT pg_is_in_recovery() THEN 0 "
      "WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS(SELECT FROM "
      "pg_stat_wal_receiver) THEN 0 "
      "ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 1e9) END)::float8";

  std::chrono::seconds connect_timeout{5};                        ///< 2..3600, as libpq counts
  std::chrono::milliseconds statement_timeout{30'000};            ///< 0..1 day; zero: none
  std::chrono::milliseconds lock_timeout{5'000};                  ///< 0..1 day; zero: none
  std::chrono::milliseconds idle_in_transaction_timeout{60'000};  ///< 0..1 day; zero: none
  std::string application_name = "hasten";                        ///< what the server's own views show

  /// A session that lay idle so long is asked for a sign of life before it is leased, ≥ 0. One that the server has closed
  /// is noticed without asking, if it was not in use within the last two milliseconds.
  std::chrono::nanoseconds validate_after = std::chrono::seconds(5);
  std::chrono::nanoseconds lifetime_max = std::chrono::minutes(30);  ///< ≥ 0; zero: for ever
  std::chrono::nanoseconds idle_max = std::chrono::minutes(10);  ///< maintain() closes what lies idle longer
  std::chrono::nanoseconds keepalive =
      std::chrono::minutes(2);  ///< maintain() validates what lies idle longer
  std::chrono::nanoseconds leak_after =
      std::chrono::seconds(60);                        ///< reported when held so long; zero: never
  std::function<void(const pool_leak&)> on_leak = {};  ///< empty: leaks are only counted
  monitored_session::options session = {};
};

namespace detail {

inline void check_connection(const std::string& text, const char* field) {
  char* why = nullptr;  // not shown: it quotes what it stumbled upon, which may be the password
  PQconninfoOption* const parsed = PQconninfoParse(text.c_str(), &why);
  PQfreemem(why);
  if (parsed == nullptr || text.find('\0') != std::string::npos)
    throw std::invalid_argument(std::string("postgresql_options: ") + field + " must be what libpq can read");
  PQconninfoFree(parsed);
}

inline void append_setting(std::string& to, std::string_view keyword, std::string_view value) {
  to.append(to.empty() ? "" : " ").append(keyword).append("='");
  for (const char each : value) {
    if (each == '\'' || each == '\\') to += '\\';
    to += each;
  }
  to += '\'';
}

/// Returns: `text` with our settings added; those in the text itself win, except the timeouts.
[[nodiscard]] inline std::string with_settings(const postgresql_options& chosen, const std::string& text) {
  std::string result;
  std::string options;
  PQconninfoOption* const parsed = PQconninfoParse(text.c_str(), nullptr);
  bool named = false;
  for (const PQconninfoOption* each = parsed; each != nullptr && each->keyword != nullptr; ++each) {
    if (each->val == nullptr) continue;
    const std::string_view keyword = each->keyword;
    named = named || keyword == "application_name";
    if (keyword == "options")
      options = each->val;
    else if (keyword != "connect_timeout" && keyword != "client_encoding")
      append_setting(result, keyword, each->val);
  }
  PQconninfoFree(parsed);
  const auto limit = [&](const char* name, std::chrono::milliseconds longest) {
    options += std::string(options.empty() ? "-c " : " -c ") + name + "=" + std::to_string(longest.count());
  };
  limit("statement_timeout", chosen.statement_timeout);
  limit("lock_timeout", chosen.lock_timeout);
  limit("idle_in_transaction_session_timeout", chosen.idle_in_transaction_timeout);
  options += " -c timezone=UTC -c datestyle=ISO";
  append_setting(result, "options", options);
  append_setting(result, "connect_timeout", std::to_string(chosen.connect_timeout.count()));
  append_setting(result, "client_encoding", "UTF8");
  if (!named) append_setting(result, "application_name", chosen.application_name);
  return result;
}

}  // namespace detail

/// Throws: std::invalid_argument for an option out of range, which never quotes a connection.
inline void validate(const postgresql_options& chosen) {
  const auto refuse = [](const std::string& rule) {
    throw std::invalid_argument("postgresql_options: " + rule);
  };
  detail::check_connection(chosen.connection, "connection");
  for (const std::string& each : chosen.replicas) detail::check_connection(each, "replicas");
  if (chosen.sessions_max < 1 || chosen.sessions_max > 1000)
    refuse("sessions_max must be 1..1000, got " + std::to_string(chosen.sessions_max));
  if (chosen.sessions_min > chosen.sessions_max)
    refuse("sessions_min must be 0..sessions_max, got " + std::to_string(chosen.sessions_min));
  if (chosen.replicas.size() > 100)
    refuse("replicas must be at most 100, got " + std::to_string(chosen.replicas.size()));
  if (chosen.lag_max.count() < 0 || chosen.lag_every.count() < 0)
    refuse("lag_max and lag_every must not be negative");
  if (chosen.connect_timeout < std::chrono::seconds(2) || chosen.connect_timeout > std::chrono::hours(1))
    refuse("connect_timeout must be 2..3600 seconds, got " + std::to_string(chosen.connect_timeout.count()));
  const auto check_limit = [&](const char* name, std::chrono::milliseconds longest) {
    if (longest.count() < 0 || longest > std::chrono::days(1))
      refuse(std::string(name) + " must be 0..1 day, got " + std::to_string(longest.count()) + " ms");
  };
  check_limit("statement_timeout", chosen.statement_timeout);
  check_limit("lock_timeout", chosen.lock_timeout);
  check_limit("idle_in_transaction_timeout", chosen.idle_in_transaction_timeout);
  if (chosen.application_name.size() > 63 || chosen.application_name.find('\0') != std::string::npos)
    refuse("application_name must be at most 63 bytes, without a NUL");
}

}  // namespace hasten

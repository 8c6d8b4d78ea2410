// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/query/sql_scanner.hpp>
#include <hasten/soci/monitored_session.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// What a migrator does in one way on SQLite and in another on PostgreSQL.
namespace hasten::detail {

/// The texts that differ.
struct migration_texts {
  const char* table;
  statement exists;
};

inline constexpr migration_texts sqlite_migration_texts{
    .table =
        "CREATE TABLE IF NOT EXISTS hasten_migrations("
        "version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,"
        "applied_at_ms INTEGER NOT NULL, duration_us INTEGER NOT NULL) STRICT",
    .exists = {"migrations.table_exists",
               "SELECT EXISTS(SELECT 1 FROM sqlite_schema WHERE type='table' AND name='hasten_migrations')"}};

inline constexpr migration_texts postgresql_migration_texts{
    .table =
        "CREATE TABLE IF NOT EXISTS hasten_migrations("
        "version int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
        "applied_at_ms bigint NOT NULL, duration_us bigint NOT NULL)",
    .exists = {"migrations.table_exists", "SELECT to_regclass('hasten_migrations') IS NOT NULL"}};

/// PostgreSQL's lock among programs that migrate one database. Who waits asks again and again: a waiting statement would
/// hold a snapshot, for which CREATE INDEX CONCURRENTLY in the other program would wait in turn, for ever.
/// Thread safety: single-owner.
class migration_lock {
 public:
  /// Throws: error(errc::busy) at the deadline; query_error. Blocks on: whoever migrates.
  migration_lock(monitored_session& session, steady_time deadline) : session_(session) {
    while (!session_.one<bool>({"migrations.lock", "SELECT pg_try_advisory_lock(?1)"}, key)) {
      if (steady_clock_source::now() >= deadline)
        throw error(errc::busy, "migrations: another program is migrating");
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  migration_lock(const migration_lock&) = delete;
  migration_lock& operator=(const migration_lock&) = delete;
  ~migration_lock() {
    try {
      static_cast<void>(session_.one<bool>({"migrations.unlock", "SELECT pg_advisory_unlock(?1)"}, key));
    } catch (const error&) {  // counted by the monitor; the server unlocks when the connection ends
      static_cast<void>(session_.settle());
    }
  }

 private:
  static constexpr std::int64_t key = 0x68'61'73'74'65'6e'01;  // "hasten", and a number
  monitored_session& session_;
};

[[nodiscard]] inline std::string word_in_lower_case(std::string_view word) {
  std::string lower(word);
  for (char& each : lower)
    if (each >= 'A' && each <= 'Z') each = static_cast<char>(each - 'A' + 'a');
  return lower;
}

/// Cuts a script of PostgreSQL into its statements; a function's body in BEGIN ATOMIC … END stays whole.
[[nodiscard]] inline std::vector<std::string_view> split_script(std::string_view text) {
  std::vector<std::string_view> statements;
  sql_scanner scan(text, sql_dialect::postgresql);
  std::size_t began = 0;
  std::size_t at = 0;
  int depth = 0;  // of ATOMIC and CASE, each ended by END
  bool is_empty = true;
  const auto finish = [&](std::size_t end) {
    if (!is_empty) statements.push_back(text.substr(began, end - began));
    is_empty = true;
  };
  for (sql_token token = scan.next(); token.what != sql_token::kind::end; token = scan.next()) {
    at += token.text.size();
    if (token.what == sql_token::kind::blank) continue;
    if (depth == 0 && token.what == sql_token::kind::symbol && token.text == ";") {
      finish(at);
      began = at;
      continue;
    }
    is_empty = false;
    if (token.what != sql_token::kind::word) continue;
    const std::string word = word_in_lower_case(token.text);
    if (word == "atomic" || (depth > 0 && word == "case")) ++depth;
    if (depth > 0 && word == "end") --depth;
  }
  finish(text.size());
  return statements;
}

/// Returns: whether a statement begins or ends a transaction or a part of one.
[[nodiscard]] inline bool controls_transaction(std::string_view statement_text) {
  constexpr std::array<std::string_view, 8> words{"begin",    "start", "commit",    "end",
                                                  "rollback", "abort", "savepoint", "release"};
  sql_scanner scan(statement_text, sql_dialect::postgresql);
  sql_token token = scan.next();
  while (token.what == sql_token::kind::blank) token = scan.next();
  return token.what == sql_token::kind::word &&
         std::find(words.begin(), words.end(), word_in_lower_case(token.text)) != words.end();
}

}  // namespace hasten::detail

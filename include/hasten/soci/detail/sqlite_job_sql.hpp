// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/monitored_session.hpp>

namespace hasten::detail {

/// What sql_job_store says to SQLite. States are written as literals, because a partial index serves only a
/// condition that names the same literal; and the index is named where the planner, which may know no statistics of the
/// table, would as well take the one of all states.
struct sqlite_job_sql {
  // One index for each question that is asked often, and each over only the rows that can be an answer: finished jobs,
  // which become the most, cost nothing when jobs are taken.
  static constexpr const char* schema =
      R"(CREATE TABLE hasten_jobs(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('scheduled', 'available', 'running', 'completed', 'cancelled', 'dead')),
  priority INTEGER NOT NULL CHECK(priority BETWEEN 1 AND 9),
  attempt INTEGER NOT NULL DEFAULT 0,
  attempts_max INTEGER NOT NULL,
  ticket INTEGER NOT NULL DEFAULT 0,
  created_at_ms INTEGER NOT NULL,
  scheduled_at_ms INTEGER NOT NULL,
  taken_at_ms INTEGER,
  lease_until_ms INTEGER,
  finished_at_ms INTEGER,
  unique_until_ms INTEGER,
  unique_key TEXT,
  worker TEXT NOT NULL DEFAULT '',
  progress REAL NOT NULL DEFAULT 0,
  cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK(cancel_requested IN (0, 1)),
  reason TEXT NOT NULL DEFAULT '',
  payload BLOB NOT NULL,
  result BLOB NOT NULL DEFAULT x'',
  CHECK((state = 'running') = (lease_until_ms IS NOT NULL)),
  CHECK((state IN ('completed', 'cancelled', 'dead')) = (finished_at_ms IS NOT NULL))
) STRICT;
CREATE INDEX hasten_jobs_ready ON hasten_jobs(kind, priority, scheduled_at_ms, id) WHERE state = 'available';
CREATE INDEX hasten_jobs_planned ON hasten_jobs(scheduled_at_ms) WHERE state = 'scheduled';
CREATE INDEX hasten_jobs_running ON hasten_jobs(lease_until_ms) WHERE state = 'running';
CREATE INDEX hasten_jobs_finished ON hasten_jobs(finished_at_ms) WHERE finished_at_ms IS NOT NULL;
CREATE INDEX hasten_jobs_key ON hasten_jobs(unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX hasten_jobs_state ON hasten_jobs(state, id);
)";
  static constexpr const char* undo_schema = "DROP TABLE hasten_jobs;";

  static constexpr statement key_holder{
      "jobs.key_holder",
      "SELECT id FROM hasten_jobs WHERE unique_key = ?1 AND "
      "(state IN ('scheduled', 'available', 'running') OR unique_until_ms > ?2) ORDER BY id DESC LIMIT 1"};
  static constexpr statement add{
      "jobs.add",
      "INSERT INTO hasten_jobs(kind, state, priority, attempts_max, created_at_ms, scheduled_at_ms, "
      "unique_until_ms, unique_key, payload) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id"};

  static constexpr statement first_due{
      "jobs.next_due",
      "SELECT scheduled_at_ms FROM hasten_jobs INDEXED BY hasten_jobs_planned "
      "WHERE state = 'scheduled' ORDER BY scheduled_at_ms LIMIT 1"};
  static constexpr statement make_due{
      "jobs.make_due",
      "UPDATE hasten_jobs SET state = 'available' WHERE id IN (SELECT id FROM hasten_jobs INDEXED BY "
      "hasten_jobs_planned "
      "WHERE state = 'scheduled' AND scheduled_at_ms <= ?1 ORDER BY scheduled_at_ms LIMIT ?2)"};
  static constexpr statement ready{
      "jobs.ready",
      "SELECT priority, scheduled_at_ms, id FROM hasten_jobs INDEXED BY hasten_jobs_ready "
      "WHERE state = 'available' AND kind = ?1 "
      "ORDER BY priority, scheduled_at_ms, id LIMIT ?2"};
  static constexpr statement take{
      "jobs.take",
      "UPDATE hasten_jobs SET state = 'running', attempt = attempt + 1, ticket = ticket + 1, progress = 0, "
      "taken_at_ms = ?2, lease_until_ms = ?3, worker = ?4 WHERE id = ?1 AND state = 'available' "
      "RETURNING "
      "id, kind, state, priority, attempt, attempts_max, ticket, created_at_ms, scheduled_at_ms, "
      "taken_at_ms, "
      "lease_until_ms, finished_at_ms, unique_until_ms, unique_key, worker, progress, cancel_requested, "
      "reason, "
      "payload, result"};

  static constexpr statement extend{
      "jobs.extend",
      "UPDATE hasten_jobs SET lease_until_ms = ?3, progress = coalesce(?4, progress) "
      "WHERE id = ?1 AND ticket = ?2 AND state = 'running' RETURNING cancel_requested"};
  // ?3: it is to be tried again, unless somebody wants it cancelled.
  static constexpr statement settle{
      "jobs.settle",
      "UPDATE hasten_jobs SET state = iif(?3 AND cancel_requested, 'cancelled', ?4), "
      "finished_at_ms = iif(?3 AND NOT cancel_requested, NULL, ?5), "
      "scheduled_at_ms = iif(?3, ?6, scheduled_at_ms), attempt = attempt - ?7, "
      "reason = iif(?8 = '', reason, ?8), result = ?9, progress = coalesce(?10, progress), lease_until_ms = "
      "NULL "
      "WHERE id = ?1 AND ticket = ?2 AND state = 'running'"};

  static constexpr statement state_of{"jobs.state", "SELECT state FROM hasten_jobs WHERE id = ?1"};
  static constexpr statement cancel{
      "jobs.cancel", "UPDATE hasten_jobs SET state = 'cancelled', finished_at_ms = ?2 WHERE id = ?1"};
  static constexpr statement ask_to_end{"jobs.ask_to_end",
                                        "UPDATE hasten_jobs SET cancel_requested = 1 WHERE id = ?1"};

  // The two ends apart, so that each is a range of the index.
  static constexpr statement expired{
      "jobs.expired",
      "SELECT id, attempt, attempts_max, cancel_requested FROM hasten_jobs INDEXED BY hasten_jobs_running "
      "WHERE state = 'running' AND lease_until_ms < ?1 "
      "UNION ALL SELECT id, attempt, attempts_max, cancel_requested FROM hasten_jobs INDEXED BY "
      "hasten_jobs_running "
      "WHERE state = 'running' AND lease_until_ms > ?2 LIMIT ?3"};
  static constexpr statement rescue{"jobs.rescue",
                                    "UPDATE hasten_jobs SET state = ?2, reason = ?3, finished_at_ms = ?4, "
                                    "lease_until_ms = NULL WHERE id = ?1"};

  static constexpr statement retry{"jobs.retry",
                                   "UPDATE hasten_jobs SET state = ?2, attempt = 0, progress = 0, "
                                   "cancel_requested = 0, finished_at_ms = NULL, "
                                   "scheduled_at_ms = ?3 WHERE id = ?1"};
  static constexpr statement discard{"jobs.discard",
                                     "DELETE FROM hasten_jobs WHERE id = ?1 AND finished_at_ms IS NOT NULL"};
  static constexpr statement remove_finished{
      "jobs.remove_finished",
      "DELETE FROM hasten_jobs WHERE id IN (SELECT id FROM hasten_jobs INDEXED BY hasten_jobs_finished "
      "WHERE finished_at_ms < ?1 AND "
      "finished_at_ms < CASE state WHEN 'completed' THEN ?2 WHEN 'cancelled' THEN ?3 ELSE ?4 END "
      "AND (unique_until_ms IS NULL OR unique_until_ms <= ?5) ORDER BY finished_at_ms LIMIT ?6)"};

  static constexpr statement get{"jobs.get",
                                 "SELECT "
                                 "id, kind, state, priority, attempt, attempts_max, ticket, created_at_ms, "
                                 "scheduled_at_ms, taken_at_ms, "
                                 "lease_until_ms, finished_at_ms, unique_until_ms, unique_key, worker, "
                                 "progress, cancel_requested, reason, "
                                 "payload, result FROM hasten_jobs WHERE id = ?1"};
  static constexpr statement list{
      "jobs.list",
      "SELECT "
      "id, kind, state, priority, attempt, attempts_max, ticket, created_at_ms, scheduled_at_ms, "
      "taken_at_ms, "
      "lease_until_ms, finished_at_ms, unique_until_ms, unique_key, worker, progress, cancel_requested, "
      "reason, "
      "x'', x'' FROM hasten_jobs WHERE state = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3"};
  static constexpr statement count{
      "jobs.count", "SELECT count(*) FROM (SELECT 1 FROM hasten_jobs WHERE state = ?1 LIMIT ?2)"};
};

}  // namespace hasten::detail

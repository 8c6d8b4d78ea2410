// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/monitored_session.hpp>

namespace hasten::detail {

/// What sql_job_store says to a database. States are written as literals, because a partial index serves only a condition
/// that names the same literal. `choose` and `choose_expired` are for a transaction that goes on to change the rows.
struct job_sql {
  statement key_holder = {};
  statement add = {};
  statement add_many = {};
  statement first_due = {};
  statement make_due = {};
  statement ready = {};
  statement choose = {};
  statement take = {};
  statement take_ready = {};
  statement extend = {};
  statement settle = {};
  statement settle_many = {};
  statement state_of = {};
  statement cancel = {};
  statement ask_to_end = {};
  statement expired = {};
  statement choose_expired = {};
  statement rescue = {};
  statement retry = {};
  statement discard = {};
  statement remove_finished = {};
  statement get = {};
  statement list = {};
  statement count = {};
  statement lock_key = {};
  statement notify = {};
};

// One index for each question that is asked often, and each over only the rows that can be an answer: finished jobs,
// which become the most, cost nothing when jobs are taken.
inline constexpr const char* sqlite_job_schema = R"(CREATE TABLE hasten_jobs(
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

inline constexpr const char* postgresql_job_schema = R"(CREATE TABLE hasten_jobs(
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  state text NOT NULL CHECK(state IN ('scheduled', 'available', 'running', 'completed', 'cancelled', 'dead')),
  priority integer NOT NULL CHECK(priority BETWEEN 1 AND 9),
  attempt integer NOT NULL DEFAULT 0,
  attempts_max integer NOT NULL,
  ticket bigint NOT NULL DEFAULT 0,
  created_at_ms bigint NOT NULL,
  scheduled_at_ms bigint NOT NULL,
  taken_at_ms bigint,
  lease_until_ms bigint,
  finished_at_ms bigint,
  unique_until_ms bigint,
  unique_key text,
  worker text NOT NULL DEFAULT '',
  progress double precision NOT NULL DEFAULT 0,
  cancel_requested boolean NOT NULL DEFAULT false,
  reason text NOT NULL DEFAULT '',
  payload bytea NOT NULL,
  result bytea NOT NULL DEFAULT '',
  CHECK((state = 'running') = (lease_until_ms IS NOT NULL)),
  CHECK((state IN ('completed', 'cancelled', 'dead')) = (finished_at_ms IS NOT NULL))
);
CREATE INDEX hasten_jobs_ready ON hasten_jobs(kind, priority, scheduled_at_ms, id) WHERE state = 'available';
CREATE INDEX hasten_jobs_planned ON hasten_jobs(scheduled_at_ms) WHERE state = 'scheduled';
CREATE INDEX hasten_jobs_running ON hasten_jobs(lease_until_ms) WHERE state = 'running';
CREATE INDEX hasten_jobs_finished ON hasten_jobs(finished_at_ms) WHERE finished_at_ms IS NOT NULL;
CREATE INDEX hasten_jobs_key ON hasten_jobs(unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX hasten_jobs_state ON hasten_jobs(state, id);
)";

// The index is named where SQLite's planner, which may know no statistics of the table, would as well take the one of all
// states.
inline constexpr job_sql sqlite_job_sql{
    .key_holder =
        {"jobs.key_holder",
         "SELECT id FROM hasten_jobs WHERE unique_key = ?1 AND (state IN ('scheduled', 'available', "
         "'running') OR unique_until_ms > ?2) ORDER BY id DESC LIMIT 1"},
    .add = {"jobs.add",
            "INSERT INTO hasten_jobs(kind, state, priority, attempts_max, created_at_ms, scheduled_at_ms, "
            "unique_until_ms, unique_key, payload) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id"},
    .first_due =
        {"jobs.next_due",
         "SELECT scheduled_at_ms FROM hasten_jobs INDEXED BY hasten_jobs_planned WHERE state = 'scheduled' "
         "ORDER BY scheduled_at_ms LIMIT 1"},
    .make_due =
        {"jobs.make_due",
         "UPDATE hasten_jobs SET state = 'available' WHERE id IN (SELECT id FROM hasten_jobs INDEXED BY "
         "hasten_jobs_planned WHERE state = 'scheduled' AND scheduled_at_ms <= ?1 ORDER BY scheduled_at_ms "
         "LIMIT ?2)"},
    .ready =
        {"jobs.ready",
         "SELECT priority, scheduled_at_ms, id FROM hasten_jobs INDEXED BY hasten_jobs_ready WHERE state = "
         "'available' AND kind = ?1 ORDER BY priority, scheduled_at_ms, id LIMIT ?2"},
    .choose =
        {"jobs.choose",
         "SELECT priority, scheduled_at_ms, id FROM hasten_jobs INDEXED BY hasten_jobs_ready WHERE state = "
         "'available' AND kind = ?1 ORDER BY priority, scheduled_at_ms, id LIMIT ?2"},
    .take =
        {"jobs.take",
         "UPDATE hasten_jobs SET state = 'running', attempt = attempt + 1, ticket = ticket + 1, progress = "
         "0, taken_at_ms = ?2, lease_until_ms = ?3, worker = ?4 WHERE id = ?1 AND state = 'available' "
         "RETURNING id, kind, state, priority, attempt, attempts_max, ticket, created_at_ms, "
         "scheduled_at_ms, taken_at_ms, lease_until_ms, finished_at_ms, unique_until_ms, unique_key, "
         "worker, progress, cancel_requested, reason, payload, result"},
    .extend =
        {"jobs.extend",
         "UPDATE hasten_jobs SET lease_until_ms = ?3, progress = coalesce(CAST(?4 AS double precision), "
         "progress) WHERE id = ?1 AND ticket = ?2 AND state = 'running' RETURNING cancel_requested"},
    .settle =
        {"jobs.settle",
         "UPDATE hasten_jobs SET state = CASE WHEN ?3 AND cancel_requested THEN 'cancelled' ELSE ?4 END, "
         "finished_at_ms = CASE WHEN ?3 AND NOT cancel_requested THEN NULL ELSE CAST(?5 AS bigint) END, "
         "scheduled_at_ms = CASE WHEN ?3 THEN CAST(?6 AS bigint) ELSE scheduled_at_ms END, attempt = "
         "attempt - ?7, reason = CASE WHEN ?8 = '' THEN reason ELSE ?8 END, result = ?9, progress = "
         "coalesce(CAST(?10 AS double precision), progress), lease_until_ms = NULL WHERE id = ?1 AND "
         "ticket = ?2 AND state = 'running'"},
    .state_of = {"jobs.state", "SELECT state FROM hasten_jobs WHERE id = ?1"},
    .cancel = {"jobs.cancel",
               "UPDATE hasten_jobs SET state = 'cancelled', finished_at_ms = ?2 WHERE id = ?1"},
    .ask_to_end = {"jobs.ask_to_end", "UPDATE hasten_jobs SET cancel_requested = true WHERE id = ?1"},
    .expired =
        {"jobs.expired",
         "SELECT id, attempt, attempts_max, cancel_requested FROM hasten_jobs INDEXED BY "
         "hasten_jobs_running WHERE state = 'running' AND lease_until_ms < ?1 UNION ALL SELECT id, "
         "attempt, attempts_max, cancel_requested FROM hasten_jobs INDEXED BY hasten_jobs_running WHERE "
         "state = 'running' AND lease_until_ms > ?2 LIMIT ?3"},
    .choose_expired =
        {"jobs.choose_expired",
         "SELECT id, attempt, attempts_max, cancel_requested FROM hasten_jobs INDEXED BY "
         "hasten_jobs_running WHERE state = 'running' AND lease_until_ms < ?1 UNION ALL SELECT id, "
         "attempt, attempts_max, cancel_requested FROM hasten_jobs INDEXED BY hasten_jobs_running WHERE "
         "state = 'running' AND lease_until_ms > ?2 LIMIT ?3"},
    .rescue =
        {"jobs.rescue",
         "UPDATE hasten_jobs SET state = ?2, reason = ?3, finished_at_ms = ?4, lease_until_ms = NULL WHERE "
         "id = ?1"},
    .retry = {"jobs.retry",
              "UPDATE hasten_jobs SET state = ?2, attempt = 0, progress = 0, cancel_requested = false, "
              "finished_at_ms = NULL, scheduled_at_ms = ?3 WHERE id = ?1"},
    .discard = {"jobs.discard", "DELETE FROM hasten_jobs WHERE id = ?1 AND finished_at_ms IS NOT NULL"},
    .remove_finished =
        {"jobs.remove_finished",
         "DELETE FROM hasten_jobs WHERE id IN (SELECT id FROM hasten_jobs INDEXED BY hasten_jobs_finished "
         "WHERE finished_at_ms < ?1 AND finished_at_ms < CASE state WHEN 'completed' THEN CAST(?2 AS "
         "bigint) WHEN 'cancelled' THEN CAST(?3 AS bigint) ELSE CAST(?4 AS bigint) END AND "
         "(unique_until_ms IS NULL OR unique_until_ms <= ?5) ORDER BY finished_at_ms LIMIT ?6)"},
    .get =
        {"jobs.get",
         "SELECT id, kind, state, priority, attempt, attempts_max, ticket, created_at_ms, scheduled_at_ms, "
         "taken_at_ms, lease_until_ms, finished_at_ms, unique_until_ms, unique_key, worker, progress, "
         "cancel_requested, reason, payload, result FROM hasten_jobs WHERE id = ?1"},
    .list =
        {"jobs.list",
         "SELECT id, kind, state, priority, attempt, attempts_max, ticket, created_at_ms, scheduled_at_ms, "
         "taken_at_ms, lease_until_ms, finished_at_ms, unique_until_ms, unique_key, worker, progress, "
         "cancel_requested, reason, x'', x'' FROM hasten_jobs WHERE state = ?1 AND id < ?2 ORDER BY id "
         "DESC LIMIT ?3"},
    .count = {"jobs.count", "SELECT count(*) FROM (SELECT 1 FROM hasten_jobs WHERE state = ?1 LIMIT ?2)"},
};

// Several runners choose at once: none waits for rows that another has chosen. What is done often is one statement and
// so one trip, told of within the statement that makes a job. Chosen rows, which are locked as available, are found again by
// an array of their ids and nothing else: so the planner takes the primary key, whatever it believes of their number.
inline constexpr job_sql postgresql_job_sql{
    .key_holder =
        {"jobs.key_holder",
         "SELECT id FROM hasten_jobs WHERE unique_key = ?1 AND (state IN ('scheduled', 'available', "
         "'running') OR unique_until_ms > ?2) ORDER BY id DESC LIMIT 1"},
    .add =
        {"jobs.add",
         "WITH made AS (INSERT INTO hasten_jobs(kind, state, priority, attempts_max, created_at_ms, "
         "scheduled_at_ms, unique_until_ms, unique_key, payload) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
         "RETURNING id), told AS (SELECT pg_notify('hasten_jobs', '') FROM made) SELECT made.id FROM made, "
         "told"},
    .add_many =
        {"jobs.add_many",
         "WITH made AS (INSERT INTO hasten_jobs(kind, state, priority, attempts_max, created_at_ms, "
         "scheduled_at_ms, payload) SELECT kind, CASE WHEN scheduled > CAST(?1 AS bigint) THEN 'scheduled' "
         "ELSE 'available' END, priority, attempts_max, CAST(?1 AS bigint), scheduled, decode(payload, "
         "'hex') FROM unnest(CAST(?2 AS text[]), CAST(?3 AS bigint[]), CAST(?4 AS bigint[]), CAST(?5 AS "
         "bigint[]), CAST(?6 AS text[])) WITH ORDINALITY AS e(kind, priority, attempts_max, scheduled, "
         "payload, place) ORDER BY place RETURNING id), told AS (SELECT pg_notify('hasten_jobs', '')) "
         "SELECT made.id FROM made, told"},
    .first_due =
        {"jobs.next_due",
         "SELECT scheduled_at_ms FROM hasten_jobs WHERE state = 'scheduled' ORDER BY scheduled_at_ms LIMIT "
         "1"},
    .make_due =
        {"jobs.make_due",
         "UPDATE hasten_jobs SET state = 'available' WHERE id IN (SELECT id FROM hasten_jobs WHERE state = "
         "'scheduled' AND scheduled_at_ms <= ?1 ORDER BY scheduled_at_ms LIMIT ?2 FOR UPDATE SKIP LOCKED)"},
    .take_ready =
        {"jobs.take",
         "WITH chosen AS (SELECT c.id FROM unnest(CAST(?1 AS text[]), CAST(?2 AS bigint[])) AS r(kind, "
         "room), LATERAL (SELECT priority, scheduled_at_ms, id FROM hasten_jobs WHERE state = 'available' "
         "AND kind = r.kind ORDER BY priority, scheduled_at_ms, id LIMIT r.room FOR UPDATE SKIP LOCKED) AS c "
         "ORDER BY c.priority, c.scheduled_at_ms, c.id LIMIT ?3) UPDATE hasten_jobs SET state = 'running', "
         "attempt = attempt + 1, ticket = ticket + 1, progress = 0, taken_at_ms = ?4, lease_until_ms = ?5, "
         "worker = ?6 WHERE id = ANY(ARRAY(SELECT id FROM chosen)) RETURNING id, kind, state, "
         "priority, attempt, attempts_max, ticket, created_at_ms, scheduled_at_ms, taken_at_ms, "
         "lease_until_ms, finished_at_ms, unique_until_ms, unique_key, worker, progress, cancel_requested, "
         "reason, payload, result"},
    .extend =
        {"jobs.extend",
         "UPDATE hasten_jobs SET lease_until_ms = ?3, progress = coalesce(CAST(?4 AS double precision), "
         "progress) WHERE id = ?1 AND ticket = ?2 AND state = 'running' RETURNING cancel_requested"},
    .settle =
        {"jobs.settle",
         "UPDATE hasten_jobs SET state = CASE WHEN ?3 AND cancel_requested THEN 'cancelled' ELSE ?4 END, "
         "finished_at_ms = CASE WHEN ?3 AND NOT cancel_requested THEN NULL ELSE CAST(?5 AS bigint) END, "
         "scheduled_at_ms = CASE WHEN ?3 THEN CAST(?6 AS bigint) ELSE scheduled_at_ms END, attempt = "
         "attempt - ?7, reason = CASE WHEN ?8 = '' THEN reason ELSE ?8 END, result = ?9, progress = "
         "coalesce(CAST(?10 AS double precision), progress), lease_until_ms = NULL WHERE id = ?1 AND "
         "ticket = ?2 AND state = 'running'"},
    .settle_many =
        {"jobs.settle_many",
         "UPDATE hasten_jobs AS j SET state = 'completed', finished_at_ms = ?3, result = '', progress = 1, "
         "lease_until_ms = NULL FROM unnest(CAST(?1 AS bigint[]), CAST(?2 AS bigint[])) AS e(id, ticket) "
         "WHERE j.id = e.id AND j.ticket = e.ticket AND j.state = 'running' RETURNING j.id"},
    .state_of = {"jobs.state", "SELECT state FROM hasten_jobs WHERE id = ?1 FOR UPDATE"},
    .cancel = {"jobs.cancel",
               "UPDATE hasten_jobs SET state = 'cancelled', finished_at_ms = ?2 WHERE id = ?1"},
    .ask_to_end = {"jobs.ask_to_end", "UPDATE hasten_jobs SET cancel_requested = true WHERE id = ?1"},
    .expired =
        {"jobs.expired",
         "SELECT id, attempt, attempts_max, cancel_requested FROM hasten_jobs WHERE state = 'running' AND "
         "(lease_until_ms < ?1 OR lease_until_ms > ?2) LIMIT ?3"},
    .choose_expired =
        {"jobs.choose_expired",
         "SELECT id, attempt, attempts_max, cancel_requested FROM hasten_jobs WHERE state = 'running' AND "
         "(lease_until_ms < ?1 OR lease_until_ms > ?2) LIMIT ?3 FOR UPDATE SKIP LOCKED"},
    .rescue =
        {"jobs.rescue",
         "UPDATE hasten_jobs SET state = ?2, reason = ?3, finished_at_ms = ?4, lease_until_ms = NULL WHERE "
         "id = ?1"},
    .retry = {"jobs.retry",
              "UPDATE hasten_jobs SET state = ?2, attempt = 0, progress = 0, cancel_requested = false, "
              "finished_at_ms = NULL, scheduled_at_ms = ?3 WHERE id = ?1"},
    .discard = {"jobs.discard", "DELETE FROM hasten_jobs WHERE id = ?1 AND finished_at_ms IS NOT NULL"},
    .remove_finished =
        {"jobs.remove_finished",
         "DELETE FROM hasten_jobs WHERE id IN (SELECT id FROM hasten_jobs WHERE finished_at_ms < ?1 AND "
         "finished_at_ms < CASE state WHEN 'completed' THEN CAST(?2 AS bigint) WHEN 'cancelled' THEN "
         "CAST(?3 AS bigint) ELSE CAST(?4 AS bigint) END AND (unique_until_ms IS NULL OR unique_until_ms "
         "<= ?5) ORDER BY finished_at_ms LIMIT ?6)"},
    .get =
        {"jobs.get",
         "SELECT id, kind, state, priority, attempt, attempts_max, ticket, created_at_ms, scheduled_at_ms, "
         "taken_at_ms, lease_until_ms, finished_at_ms, unique_until_ms, unique_key, worker, progress, "
         "cancel_requested, reason, payload, result FROM hasten_jobs WHERE id = ?1"},
    .list =
        {"jobs.list",
         "SELECT id, kind, state, priority, attempt, attempts_max, ticket, created_at_ms, scheduled_at_ms, "
         "taken_at_ms, lease_until_ms, finished_at_ms, unique_until_ms, unique_key, worker, progress, "
         "cancel_requested, reason, CAST('' AS bytea), CAST('' AS bytea) FROM hasten_jobs WHERE state = ?1 "
         "AND id < ?2 ORDER BY id DESC LIMIT ?3"},
    .count = {"jobs.count",
              "SELECT count(*) FROM (SELECT 1 FROM hasten_jobs WHERE state = ?1 LIMIT ?2) AS counted"},
    .lock_key = {"jobs.lock_key", "SELECT pg_advisory_xact_lock(hashtextextended(?1, 0))"},
    .notify = {"jobs.notify", "SELECT pg_notify('hasten_jobs', '')"},
};

}  // namespace hasten::detail

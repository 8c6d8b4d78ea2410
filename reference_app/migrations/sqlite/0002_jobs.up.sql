-- Durable jobs: the table that hasten::sql_job_store works on, word for word.
CREATE TABLE hasten_jobs(
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

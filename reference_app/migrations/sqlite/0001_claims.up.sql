-- Money is integer cents; dates are 'YYYY-MM-DD'; instants are unix milliseconds, UTC.
-- public_id is the only identifier that may leave the database: in URLs, cache keys and logs.

CREATE TABLE practices(
  id INTEGER PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE payers(
  id INTEGER PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  payer_type TEXT NOT NULL CHECK(payer_type IN ('commercial','medicare','medicare_advantage','medicaid','marketplace','tricare','workers_comp','self_pay','unknown')),
  source_identifier TEXT NOT NULL UNIQUE,        -- how the source names this payer, e.g. 'medicare'
  timely_filing_days INTEGER NOT NULL DEFAULT 90
) STRICT;

CREATE TABLE providers(
  id INTEGER PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  practice_id INTEGER NOT NULL REFERENCES practices(id),
  identifier_system TEXT NOT NULL CHECK(identifier_system IN ('npi','ccn','source')),
  identifier TEXT NOT NULL,
  name TEXT,                                     -- NULL: the source does not name it
  active INTEGER NOT NULL DEFAULT 1,
  UNIQUE(practice_id, identifier_system, identifier)
) STRICT;

CREATE TABLE data_sources(
  id INTEGER PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  practice_id INTEGER NOT NULL REFERENCES practices(id),
  kind TEXT NOT NULL CHECK(kind IN ('edi837','edi835','fhir','csv','api','seed')),
  name TEXT NOT NULL,
  last_cursor TEXT,                              -- how far an import came; committed with the rows before it
  last_sync_at INTEGER,
  UNIQUE(practice_id, name)
) STRICT;

-- A patient is known here by a keyed hash of the member number alone: no name, no birth date, no number.
CREATE TABLE patients(
  id INTEGER PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  practice_id INTEGER NOT NULL REFERENCES practices(id),
  member_bidx BLOB NOT NULL,                     -- HMAC-SHA256(server key, member number)
  created_at INTEGER NOT NULL,
  UNIQUE(practice_id, member_bidx)
) STRICT;

CREATE TABLE claims(
  id INTEGER PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  practice_id INTEGER NOT NULL REFERENCES practices(id),
  provider_id INTEGER NOT NULL REFERENCES providers(id),
  payer_id INTEGER NOT NULL REFERENCES payers(id),
  patient_id INTEGER NOT NULL REFERENCES patients(id),
  data_source_id INTEGER NOT NULL REFERENCES data_sources(id),
  source_ref TEXT NOT NULL,                      -- the source's own key for the claim; an import is idempotent by it
  claim_type TEXT NOT NULL CHECK(claim_type IN ('professional','institutional')),
  status TEXT NOT NULL CHECK(status IN ('pending','approved','denied')),
  billed_cents INTEGER CHECK(billed_cents >= 0), -- NULL: the source carries no charge
  allowed_cents INTEGER,
  paid_cents INTEGER NOT NULL DEFAULT 0,         -- negative: the payer took money back
  patient_resp_cents INTEGER NOT NULL DEFAULT 0,
  date_of_service TEXT NOT NULL,                 -- statement_from, or the admission date where that is missing
  statement_from TEXT,                           -- as the source states it, perhaps nothing
  statement_to TEXT,
  denial_carc TEXT,
  denial_reason TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  row_version INTEGER NOT NULL DEFAULT 1,
  UNIQUE(data_source_id, source_ref),
  CHECK((status = 'denied') = (denial_carc IS NOT NULL))
) STRICT;
CREATE INDEX ix_claims_dos ON claims(date_of_service DESC, id DESC);
CREATE INDEX ix_claims_status_dos ON claims(status, date_of_service DESC, id DESC);
CREATE INDEX ix_claims_provider_dos ON claims(provider_id, date_of_service DESC, id DESC);
CREATE INDEX ix_claims_payer_dos ON claims(payer_id, date_of_service DESC, id DESC);
CREATE INDEX ix_claims_patient ON claims(patient_id, date_of_service DESC);
-- The denial metrics read this index alone.
CREATE INDEX ix_claims_metrics ON claims(date_of_service, status, billed_cents, paid_cents);

CREATE TABLE claim_lines(
  claim_id INTEGER NOT NULL REFERENCES claims(id) ON DELETE CASCADE,
  line_no INTEGER NOT NULL,
  code_system TEXT NOT NULL CHECK(code_system IN ('hcpcs','drg','snomed')),
  code TEXT NOT NULL,
  modifiers TEXT,
  dx_codes TEXT,                                 -- the source's diagnosis codes, separated by blanks
  place_of_service TEXT,
  units REAL NOT NULL DEFAULT 1,
  billed_cents INTEGER,
  paid_cents INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(claim_id, line_no)
) STRICT, WITHOUT ROWID;

// SPDX-License-Identifier: BSL-1.0
#include <sqlite3.h>

// After SQLite on purpose.
#include <hasten/soci/monitored_session.hpp>

int rows_by_sqlite_first(hasten::monitored_session& db) {
  return db.scalar<int>({"count", "SELECT count(*) FROM t WHERE x=:x"}, hasten::param("x", "y"));
}

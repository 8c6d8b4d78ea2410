// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/monitored_session.hpp>

#include <soci/soci.h>

// These come last on purpose.
#include <soci/sqlite3/soci-sqlite3.h>
#include <sqlite3.h>

int rows_by_hasten_first(hasten::monitored_session& db) {
  return db.scalar<int>({"count", "SELECT count(*) FROM t WHERE x=:x"}, hasten::param("x", "y"));
}

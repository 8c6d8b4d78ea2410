// SPDX-License-Identifier: BSL-1.0
// clang-format off: the order is what is tested
#include <soci/soci.h>

// Before hasten on purpose.
#include <soci/sqlite3/soci-sqlite3.h>

#include <hasten/soci/monitored_session.hpp>
// clang-format on

int rows_by_soci_first(hasten::monitored_session& db) {
  return db.scalar<int>({"count", "SELECT count(*) FROM t WHERE x=:x"}, hasten::param("x", "y"));
}

// SPDX-License-Identifier: BSL-1.0
// That this compiles without libpq's headers is the test: SQLite's users need none of it.
#include <hasten/soci/bulk_updater.hpp>
#include <hasten/soci/bulk_writer.hpp>
#include <hasten/soci/migrator.hpp>
#include <hasten/soci/query_deadline.hpp>
#include <hasten/soci/run_in_transaction.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/write_queue.hpp>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

using id_and_name = std::tuple<std::int64_t, std::string>;
template class hasten::bulk_updater<id_and_name>;
template class hasten::bulk_writer<id_and_name>;

std::vector<id_and_name> all_rows(hasten::session_pool& pool) {
  auto db = pool.write(hasten::steady_time::max());
  db->script("setup", "CREATE TABLE t(id INTEGER, name TEXT)");
  return db->all<id_and_name>({"rows", "SELECT id, name FROM t WHERE id > :id"}, hasten::param("id", 7));
}

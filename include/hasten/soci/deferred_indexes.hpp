// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/transaction.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace hasten {

/// Runs `load(session)` in one transaction in which the table has only its unique indexes, and builds the others again
/// before the commit: sorting all rows once is much cheaper than finding a place in each index for every row.
///
/// For the first filling of a table, or a load that is large beside what is there: the indexes are built over all rows.
/// Other connections see nothing of it before the commit. Whatever fails rolls back everything, the dropping included.
/// Throws: what `load` throws; query_error, of kind bad_statement when the session has a transaction already.
/// Blocks on: the write lock; no other writer gets it until the end.
///
///     hasten::with_deferred_indexes(*db, "orders", [&](hasten::monitored_session& session) {
///       hasten::bulk_writer<order>(session, {...}).write(rows);
///     });
template <class Load>
void with_deferred_indexes(monitored_session& session, std::string_view table, Load&& load) {
  static constexpr statement list{"deferred_indexes.list",
                                  "SELECT i.name, s.sql FROM pragma_index_list(?1) AS i JOIN sqlite_schema "
                                  "AS s ON s.type='index' AND s.name=i.name "
                                  "WHERE i.\"unique\"=0 AND s.sql IS NOT NULL ORDER BY i.seq DESC"};
  transaction change(session);
  const auto indexes = session.all<std::tuple<std::string, std::string>>(list, table);
  for (const auto& [name, text] : indexes) {
    std::string quoted;
    for (const char each : name) quoted.append(each == '"' ? 2 : 1, each);
    session.script("deferred_indexes.drop", "DROP INDEX \"" + quoted + "\"");
  }
  std::invoke(std::forward<Load>(load), session);
  for (const auto& [name, text] : indexes) session.script("deferred_indexes.build", text);
  change.commit();
}

}  // namespace hasten

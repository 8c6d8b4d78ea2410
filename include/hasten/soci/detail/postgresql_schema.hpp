// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/schema_outline.hpp>
#include <hasten/soci/monitored_session.hpp>

#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

// The schema of a PostgreSQL database, from its catalogue. Where catalogue columns are lists, they count from 0.
namespace hasten::detail {

// An index that is not a plain tree of columns by their usual order is told without its columns, so that nothing is compared
// with it: another method, expressions, columns that are only carried, other operators or collations.
inline void read_postgresql_indexes(monitored_session& session, std::int64_t table_id, table_outline& table) {
  static constexpr statement text{
      "schema_reader.indexes",
      "SELECT ic.relname::text, i.indisunique, i.indpred IS NOT NULL, EXISTS(SELECT FROM pg_constraint AS k "
      "WHERE "
      "k.conindid=i.indexrelid AND k.contype IN ('p', 'u', 'x')), am.amname='btree' AND i.indexprs IS NULL "
      "AND "
      "i.indisvalid AND i.indnatts=i.indnkeyatts AND NOT EXISTS(SELECT FROM generate_series(0, "
      "i.indnkeyatts-1) "
      "AS g(n) JOIN pg_attribute AS b ON b.attrelid=i.indrelid AND b.attnum=i.indkey[g.n] JOIN pg_opclass AS "
      "o ON "
      "o.oid=i.indclass[g.n] WHERE NOT o.opcdefault OR i.indcollation[g.n]<>b.attcollation), "
      "coalesce(a.attname::text, ''), (i.indoption[k.at] & 1)=1 FROM pg_index AS i JOIN pg_class AS ic ON "
      "ic.oid=i.indexrelid JOIN pg_am AS am ON am.oid=ic.relam CROSS JOIN LATERAL generate_series(0, "
      "i.indnkeyatts-1) AS k(at) LEFT JOIN pg_attribute AS a ON a.attrelid=i.indrelid AND "
      "a.attnum=i.indkey[k.at] "
      "WHERE i.indrelid=?1::bigint::oid ORDER BY i.indexrelid, k.at"};
  for (auto& [name, is_unique, is_partial, is_constraint, is_plain, column, is_descending] :
       session.all<std::tuple<std::string, bool, bool, bool, bool, std::string, bool>>(text, table_id)) {
    if (table.indexes.empty() || table.indexes.back().name != name)
      table.indexes.push_back({.name = name,
                               .columns = {},
                               .is_unique = is_unique,
                               .is_partial = is_partial,
                               .is_constraint = is_constraint});
    if (is_plain)
      table.indexes.back().columns.push_back({.name = std::move(column), .is_descending = is_descending});
  }
}

inline void read_postgresql_foreign_keys(monitored_session& session, std::int64_t table_id,
                                         table_outline& table) {
  static constexpr statement text{
      "schema_reader.foreign_keys",
      "SELECT k.oid::bigint, p.relname::text, a.attname::text FROM pg_constraint AS k JOIN pg_class AS p ON "
      "p.oid=k.confrelid CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS c(number, at) JOIN "
      "pg_attribute "
      "AS a ON a.attrelid=k.conrelid AND a.attnum=c.number WHERE k.conrelid=?1::bigint::oid AND "
      "k.contype='f' "
      "ORDER BY k.oid, c.at"};
  std::int64_t last = -1;
  for (auto& [id, parent, column] :
       session.all<std::tuple<std::int64_t, std::string, std::string>>(text, table_id)) {
    if (id != last) table.foreign_keys.push_back({.columns = {}, .parent = std::move(parent)});
    last = id;
    table.foreign_keys.back().columns.push_back(std::move(column));
  }
}

/// Reads the tables that the session finds without naming their schema.
[[nodiscard]] inline schema_outline read_postgresql_schema(monitored_session& session) {
  static constexpr statement tables{
      "schema_reader.tables",
      "SELECT c.oid::bigint, c.relname::text, CASE WHEN c.reltuples < 0 THEN pg_stat_get_live_tuples(c.oid) "
      "ELSE "
      "c.reltuples::bigint END FROM pg_class AS c JOIN pg_namespace AS n ON n.oid=c.relnamespace WHERE "
      "c.relkind "
      "IN ('r', 'p') AND pg_table_is_visible(c.oid) AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> "
      "'information_schema' ORDER BY c.relname"};
  static constexpr statement columns{
      "schema_reader.columns",
      "SELECT attname::text FROM pg_attribute WHERE attrelid=?1::bigint::oid AND "
      "attnum > 0 AND NOT attisdropped ORDER BY attnum"};
  schema_outline schema;
  for (auto& [id, name, rows] : session.all<std::tuple<std::int64_t, std::string, std::int64_t>>(tables)) {
    table_outline& table = schema.tables.emplace_back();
    table.name = std::move(name);
    table.has_row_id = false;
    table.rows = rows;
    table.columns = session.all<std::string>(columns, id);
    read_postgresql_indexes(session, id, table);
    read_postgresql_foreign_keys(session, id, table);
  }
  return schema;
}

}  // namespace hasten::detail

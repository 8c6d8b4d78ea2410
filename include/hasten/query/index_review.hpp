// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/schema_outline.hpp>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// What is wrong with an index, or with the lack of one.
enum class index_problem : unsigned char {
  duplicate,             ///< another index has the same columns
  prefix,                ///< another index begins with the same columns, and serves what this one serves
  unused,                ///< no plan of the statements that were seen uses it
  foreign_key_unindexed  ///< each change of the parent reads the whole table to find the rows that refer to it
};

[[nodiscard]] constexpr const char* name_of(index_problem problem) noexcept {
  constexpr const char* names[] = {"duplicate", "prefix", "unused", "foreign_key_unindexed"};
  return names[static_cast<std::size_t>(problem)];
}

/// One finding with the statement that would mend it. Nothing applies it by itself.
struct index_finding {
  index_problem problem = index_problem::unused;
  std::string table = {};
  std::string index = {};                 ///< the index to drop; empty for a missing one
  std::vector<std::string> columns = {};  ///< of the foreign key that has none
  std::string evidence = {};              ///< one sentence
  std::string action = {};                ///< SQL
};

namespace detail {

[[nodiscard]] inline bool begins_with(const std::vector<index_column>& longer,
                                      const std::vector<index_column>& shorter) {
  return shorter.size() <= longer.size() && std::equal(shorter.begin(), shorter.end(), longer.begin());
}

[[nodiscard]] inline std::string list_of(const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& each : columns) text += (text.empty() ? "" : ", ") + readable_name(each);
  return text;
}

// In whichever order: equality of all columns finds its place in an index that begins with them.
[[nodiscard]] inline bool serves(const index_outline& index, const std::vector<std::string>& columns) {
  if (index.is_partial || index.columns.size() < columns.size()) return false;
  for (std::size_t at = 0; at < columns.size(); ++at)
    if (std::find(columns.begin(), columns.end(), index.columns[at].name) == columns.end()) return false;
  return true;
}

// The foreign key that this index serves, if any: it is used when a parent changes, which no plan shows.
[[nodiscard]] inline bool serves_foreign_key(const table_outline& table, const index_outline& index) {
  return std::any_of(table.foreign_keys.begin(), table.foreign_keys.end(),
                     [&](const foreign_key_outline& key) { return serves(index, key.columns); });
}

[[nodiscard]] inline index_finding drop_of(index_problem problem, const table_outline& table,
                                           const index_outline& index, std::string evidence) {
  return {.problem = problem,
          .table = table.name,
          .index = index.name,
          .columns = {},
          .evidence = std::move(evidence),
          .action = "DROP INDEX " + readable_name(index.name)};
}

inline bool review_against_others(const table_outline& table, std::size_t at,
                                  std::vector<index_finding>& findings) {
  const index_outline& mine = table.indexes[at];
  for (std::size_t other = 0; other < table.indexes.size(); ++other) {
    const index_outline& theirs = table.indexes[other];
    if (other == at || theirs.is_partial || theirs.columns.empty()) continue;
    const bool same = mine.columns == theirs.columns;
    // Of two equal ones the constraint's stays, and otherwise the first.
    if (same && (theirs.is_constraint || theirs.is_unique || other < at)) {
      findings.push_back(drop_of(index_problem::duplicate, table, mine,
                                 "The index " + theirs.name + " has the same columns."));
      return true;
    }
    if (!same && !mine.is_unique && begins_with(theirs.columns, mine.columns)) {
      findings.push_back(drop_of(index_problem::prefix, table, mine,
                                 "The index " + theirs.name + " begins with the same columns."));
      return true;
    }
  }
  return false;
}

inline void review_foreign_keys(const table_outline& table, std::vector<index_finding>& findings) {
  for (const foreign_key_outline& key : table.foreign_keys) {
    const bool is_row_id = key.columns.size() == 1 && key.columns[0] == table.row_id;
    if (is_row_id || std::any_of(table.indexes.begin(), table.indexes.end(),
                                 [&](const index_outline& each) { return serves(each, key.columns); }))
      continue;
    std::string name = "ix_" + table.name;
    for (const std::string& each : key.columns) name += '_' + each;
    findings.push_back({.problem = index_problem::foreign_key_unindexed,
                        .table = table.name,
                        .index = {},
                        .columns = key.columns,
                        .evidence = "Deleting a row of " + key.parent + " reads all of " + table.name +
                                    " (about " + std::to_string(table.rows) +
                                    " rows) for those that refer to it.",
                        .action = "CREATE INDEX " + readable_name(name) + " ON " + readable_name(table.name) +
                                  "(" + list_of(key.columns) + ")"});
  }
}

}  // namespace detail

/// Reviews the indexes of a schema: duplicates, prefixes of others, those that no plan uses, and foreign keys without one.
/// `used` holds the indexes that the plans of the program's statements use; unused ones are told only if `knows_workload`,
/// because only then not being used says anything. Indexes of constraints, and those that serve a foreign key, are never
/// called unused; unique and partial ones are never called a prefix of another.
///
///     for (const auto& each : hasten::review_indexes(schema, used, true)) std::clog << each.evidence << each.action;
[[nodiscard]] inline std::vector<index_finding> review_indexes(const schema_outline& schema,
                                                               const std::set<std::string>& used,
                                                               bool knows_workload) {
  std::vector<index_finding> findings;
  for (const table_outline& table : schema.tables) {
    for (std::size_t at = 0; at < table.indexes.size(); ++at) {
      const index_outline& index = table.indexes[at];
      if (index.is_constraint || index.columns.empty()) continue;
      if (!index.is_partial && detail::review_against_others(table, at, findings)) continue;
      if (knows_workload && !index.is_unique && !used.contains(index.name) &&
          !detail::serves_foreign_key(table, index))
        findings.push_back(detail::drop_of(
            index_problem::unused, table, index,
            "No plan of the statements seen uses it, and each change of " + table.name + " maintains it."));
    }
    detail::review_foreign_keys(table, findings);
  }
  return findings;
}

}  // namespace hasten

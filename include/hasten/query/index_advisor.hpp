// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_plan.hpp>
#include <hasten/query/schema_outline.hpp>
#include <hasten/query/sql_scanner.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// What a planner asked of a table while it planned a statement: the constraints and the order an index could serve.
struct index_need {
  std::string table = {};
  std::vector<std::string> equals = {};  ///< columns compared with one value
  std::string range = {};                ///< a column compared with a bound; empty: none
  std::vector<index_column> order = {};  ///< the order wanted, by ORDER BY, GROUP BY or DISTINCT
  std::vector<std::string> reads = {};   ///< all columns that the statement looks at
  friend bool operator==(const index_need&, const index_need&) = default;
};

/// An index that might help.
struct index_candidate {
  std::string table = {};
  std::vector<index_column> columns = {};
  friend bool operator==(const index_candidate&, const index_candidate&) = default;

  /// Returns: a name made of the table and the columns, at most 60 bytes.
  [[nodiscard]] std::string name() const {
    std::string text = "ix_" + table;
    for (const index_column& each : columns) text += '_' + each.name;
    return text.substr(0, 60);
  }
  /// Returns: the statement that makes it.
  [[nodiscard]] std::string ddl(std::string_view index_name) const {
    std::string text = "CREATE INDEX " + readable_name(index_name) + " ON " + readable_name(table) + "(";
    for (std::size_t at = 0; at < columns.size(); ++at)
      text += (at == 0 ? "" : ", ") + readable_name(columns[at].name) +
              (columns[at].is_descending ? " DESC" : "");
    return text + ")";
  }
};

/// How many rows a table has, and how many of them share one value of the first, the first two, … columns of an index.
struct index_statistics {
  double rows = 0;
  std::vector<double> rows_per_key = {};
};

/// Rows and indexes of a database, by name; what plan_cost() reckons with.
struct plan_statistics {
  std::map<std::string, double, std::less<>> table_rows = {};
  std::map<std::string, index_statistics, std::less<>> indexes = {};
};

/// Returns: how many different values a whole has of which a sample of `taken` out of `all` rows shows `distinct`
/// different ones, `once` of them a single time. The first-order jackknife of Haas and Stokes: exact for a key that is
/// unique and for one with few values.
[[nodiscard]] inline double estimate_distinct(double all, double taken, double distinct,
                                              double once) noexcept {
  if (taken <= 0 || distinct <= 0) return 1;
  if (taken >= all) return distinct;
  const double rest = 1 - (1 - taken / all) * once / taken;
  return std::clamp(distinct / std::max(rest, taken / all), distinct, all);
}

namespace detail {

inline constexpr std::size_t candidate_columns_max = 6;

[[nodiscard]] inline bool is_served_by_key(const index_need& need, const table_outline& table) {
  const auto is_given = [&](const std::string& column) {
    return std::find(need.equals.begin(), need.equals.end(), column) != need.equals.end();
  };
  if (!table.row_id.empty() && is_given(table.row_id)) return true;
  return std::any_of(table.indexes.begin(), table.indexes.end(), [&](const index_outline& each) {
    return each.is_unique && !each.is_partial && !each.columns.empty() &&
           std::all_of(each.columns.begin(), each.columns.end(),
                       [&](const index_column& column) { return is_given(column.name); });
  });
}

// Appends columns that are not there yet.
inline void append(std::vector<index_column>& columns, const index_column& more) {
  for (const index_column& each : columns)
    if (each.name == more.name) return;
  columns.push_back(more);
}

// An index is read in both directions and ends in the row's number: what that gives for nothing is left out.
inline void simplify(std::vector<index_column>& columns, const table_outline& table, std::size_t fixed) {
  if (columns.size() > 1 && !table.row_id.empty() && columns.back().name == table.row_id) {
    const bool last = columns.back().is_descending;
    const bool runs_along = columns.size() <= fixed + 1 || columns[columns.size() - 2].is_descending == last;
    if (runs_along) columns.pop_back();
  }
  bool all_descend = columns.size() > fixed;
  for (std::size_t at = fixed; at < columns.size(); ++at)
    all_descend = all_descend && columns[at].is_descending;
  if (all_descend)
    for (std::size_t at = fixed; at < columns.size(); ++at) columns[at].is_descending = false;
}

// Whatever stands behind " USING INDEX " or " USING COVERING INDEX "; empty: no index.
[[nodiscard]] inline std::string_view index_of_step(std::string_view detail) noexcept {
  for (const std::string_view sign : {" USING INDEX ", " USING COVERING INDEX "})
    if (const std::size_t at = detail.find(sign); at != std::string_view::npos) {
      const std::string_view rest = detail.substr(at + sign.size());
      return rest.substr(0, rest.find(" ("));
    }
  return {};
}

[[nodiscard]] inline std::size_t count_of(std::string_view text, std::string_view what) noexcept {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

}  // namespace detail

/// Returns: the indexes that could serve a need: equal columns first, then a range or the order, and once more with all
/// columns that the statement reads where these are few. None where a unique key serves it already.
[[nodiscard]] inline std::vector<index_candidate> candidates_for(const index_need& need,
                                                                 const table_outline& table) {
  std::vector<index_candidate> made;
  if (detail::is_served_by_key(need, table)) return made;
  const auto add = [&](std::vector<index_column> columns) {
    index_candidate one{.table = table.name, .columns = std::move(columns)};
    if (one.columns.empty() || one.columns.size() > detail::candidate_columns_max) return;
    if (one.columns.size() == 1 && one.columns[0].name == table.row_id) return;
    if (std::find(made.begin(), made.end(), one) == made.end()) made.push_back(std::move(one));
  };
  std::vector<index_column> equal;
  for (const std::string& each : need.equals) detail::append(equal, {.name = each});
  std::vector<index_column> ranged = equal;
  if (!need.range.empty()) detail::append(ranged, {.name = need.range});
  std::vector<index_column> ordered = equal;
  for (const index_column& each : need.order) detail::append(ordered, each);
  detail::simplify(ordered, table, equal.size());
  for (const auto* each : {&equal, &ranged, &ordered}) add(*each);
  if (need.reads.empty() || need.reads.size() == table.columns.size()) return made;
  for (std::vector<index_column> covering : {equal, ranged, ordered}) {
    const std::size_t keys = covering.size();
    for (const std::string& each : need.reads)
      if (each != table.row_id) detail::append(covering, {.name = each});
    // With more, it is a second copy of the table.
    if (keys > 0 && covering.size() <= keys + 3) add(std::move(covering));
  }
  return made;
}

/// Returns: the indexes that a plan uses.
[[nodiscard]] inline std::set<std::string> indexes_of(const query_plan& plan) {
  std::set<std::string> names;
  for (const plan_step& each : plan.steps)
    if (const std::string_view name = detail::index_of_step(each.detail); !name.empty()) names.emplace(name);
  return names;
}

/// Reckons how many rows SQLite reads and sorts to carry out a plan: a measure to compare two plans of one text with, not
/// a time. Steps on one level are nested loops; a row found through an index that lacks columns counts three times, for its
/// place is random, one out of a covering index a third; a range takes a quarter; a LIMIT without a sort ends early and is taken for a hundredth.
class plan_cost {
 public:
  /// Both are borrowed for as long as the object lives.
  plan_cost(const plan_statistics& statistics, std::string_view text) : statistics_(statistics) {
    read_text(text);
  }

  [[nodiscard]] double of(const query_plan& plan) const {
    bool sorts = false;
    const double all = level(plan, 0, 0, sorts);
    return has_limit_ && !sorts ? std::max(1.0, all / 100) : all;
  }

 private:
  // A subquery may be nested as deep as the text is long; a plan is never so deep in earnest.
  static constexpr int depth_max = 50;

  double level(const query_plan& plan, std::int64_t parent, int depth, bool& sorts) const {
    double rows = 1;
    double cost = 0;
    if (depth > depth_max) return cost;
    for (const plan_step& each : plan.steps) {
      if (each.parent != parent || each.id == parent) continue;
      const std::string_view detail = each.detail;
      bool inner_sorts = false;
      if (detail.starts_with("SCAN ") || detail.starts_with("SEARCH ")) {
        rows *= rows_of(detail);
        cost += rows * weight_of(detail) +
                (detail.find(" AUTOMATIC ") != std::string_view::npos ? 3 * rows_in(table_of(detail)) : 0);
      } else if (detail.starts_with("USE TEMP B-TREE")) {
        sorts = true;
        cost += rows * std::max(1.0, std::log2(std::max(2.0, rows)) / 4);
      } else if (detail.starts_with("CORRELATED ")) {
        cost += rows * level(plan, each.id, depth + 1, inner_sorts);
      } else if (detail.starts_with("MULTI-INDEX OR")) {
        const double both = level(plan, each.id, depth + 1, inner_sorts);
        rows *= std::max(1.0, both / 2);
        cost += rows * 2;
      } else {
        cost += level(plan, each.id, depth + 1, inner_sorts);
      }
    }
    return cost;
  }

  [[nodiscard]] static std::string_view table_of(std::string_view detail) noexcept {
    const std::size_t begin = detail.find(' ') + 1;
    return detail.substr(begin, detail.find(' ', begin) - begin);
  }
  [[nodiscard]] double rows_in(std::string_view table_or_alias) const {
    const auto alias = aliases_.find(table_or_alias);
    const std::string_view table = alias == aliases_.end() ? table_or_alias : std::string_view(alias->second);
    const auto found = statistics_.table_rows.find(table);
    return found == statistics_.table_rows.end() ? 10 : std::max(1.0, found->second);
  }

  [[nodiscard]] static double weight_of(std::string_view detail) noexcept {
    if (detail.find(" COVERING INDEX ") != std::string_view::npos) return 0.3;
    return detail::index_of_step(detail).empty() ? 1 : 3;
  }

  [[nodiscard]] double rows_of(std::string_view detail) const {
    const double all = rows_in(table_of(detail));
    if (detail.find(" VIRTUAL TABLE ") != std::string_view::npos || table_of(detail).starts_with('('))
      return 10;
    if (detail.starts_with("SCAN CONSTANT")) return 1;
    if (detail.starts_with("SCAN ")) return all;
    const std::size_t equal = detail::count_of(detail, "=?");
    const bool has_range =
        detail.find(">?") != std::string_view::npos || detail.find("<?") != std::string_view::npos;
    double rows = 1;
    const auto known = statistics_.indexes.find(detail::index_of_step(detail));
    if (known != statistics_.indexes.end() && !known->second.rows_per_key.empty()) {
      const index_statistics& index = known->second;
      rows = equal == 0 ? index.rows : index.rows_per_key[std::min(equal, index.rows_per_key.size()) - 1];
    } else if (equal == 0) {
      rows = all;
    } else if (detail.find("(rowid=?)") == std::string_view::npos) {
      rows = std::min(all, 10.0);
    }
    return std::max(1.0, has_range ? rows / 4 : rows);
  }

  // Plans name tables by their aliases.
  void read_text(std::string_view text) {
    sql_scanner scan(text, sql_dialect::sqlite);
    std::string table;
    for (sql_token token = scan.next(); token.what != sql_token::kind::end; token = scan.next()) {
      if (token.what == sql_token::kind::blank) continue;
      const std::string word(token.what == sql_token::kind::word ? token.text : std::string_view());
      if (same(word, "limit")) has_limit_ = true;
      if (same(word, "as") && !table.empty()) continue;
      if (!word.empty() && !table.empty() && !is_clause(word)) aliases_[word] = table;
      table = statistics_.table_rows.contains(word) ? word : std::string();
    }
  }
  static bool same(std::string_view word, std::string_view lower) noexcept {
    return std::equal(word.begin(), word.end(), lower.begin(), lower.end(),
                      [](char left, char right) { return (left | 0x20) == right; });
  }
  static bool is_clause(std::string_view word) noexcept {
    constexpr std::array<std::string_view, 18> clauses = {
        "where", "join",  "cross", "left", "inner",  "outer",  "natural", "on",      "using",
        "order", "group", "limit", "set",  "values", "select", "union",   "indexed", "not"};
    return std::any_of(clauses.begin(), clauses.end(),
                       [&](std::string_view each) { return same(word, each); });
  }

  const plan_statistics& statistics_;
  std::map<std::string, std::string, std::less<>> aliases_;
  bool has_limit_ = false;
};

/// What a proposed index does for one statement.
struct statement_gain {
  std::string name = {};     ///< of the statement
  std::string shape = {};    ///< its fingerprint, without values
  double share_of_time = 0;  ///< of all statements' time, 0..1
  double cost_before = 0;    ///< see plan_cost
  double cost_after = 0;
  std::string plan_before = {};  ///< as text
  std::string plan_after = {};
};

/// An index to make, and why. Nothing makes it by itself.
struct index_proposal {
  std::string ddl = {};
  std::string table = {};
  std::string index = {};
  std::vector<statement_gain> gains = {};  ///< the greatest first
  double share_of_time = 0;                ///< of the statements that gain, together, 0..1
  std::int64_t bytes = 0;                  ///< how large it will be, estimated
  std::size_t writers = 0;                 ///< statements seen that change the table, and will maintain it
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// One line of SQLite's EXPLAIN QUERY PLAN. It names tables and indexes and never holds a value.
struct plan_step {
  std::int64_t id = 0;
  std::int64_t parent = 0;  ///< the id of the step that this one belongs to; 0: none
  std::string detail = {};
};

/// How a database means to run a statement, and what is likely to be slow about it.
struct query_plan {
  std::vector<plan_step> steps = {};
  std::vector<std::string> full_scans = {};   ///< tables read from end to end without an index
  std::vector<std::string> index_scans = {};  ///< tables read along a whole index: cheap only with a LIMIT
  bool sorts = false;                         ///< orders, groups or removes duplicates in a temporary tree
  bool automatic_index = false;  ///< builds an index for this one execution: a permanent one is missing

  /// Returns: whether nothing about the plan grows with the size of a table that an index would avoid.
  [[nodiscard]] bool is_good() const noexcept { return full_scans.empty() && !sorts && !automatic_index; }
};

/// Reads a plan's lines as SQLite 3.40 and its neighbours write them; a line of another kind is kept and means nothing.
[[nodiscard]] inline query_plan read_plan(std::vector<plan_step> steps) {
  query_plan plan;
  for (const plan_step& each : steps) {
    const std::string_view text = each.detail;
    if (text.starts_with("USE TEMP B-TREE")) plan.sorts = true;
    if (text.find(" USING AUTOMATIC ") != std::string_view::npos) plan.automatic_index = true;
    if (!text.starts_with("SCAN ") || text == "SCAN CONSTANT ROW" ||
        text.find(" VIRTUAL TABLE ") != std::string_view::npos)
      continue;
    // A parenthesis stands for rows that are no table: a subquery, or a list of values.
    const std::string_view table = text.substr(5, text.find(' ', 5) - 5);
    if (table.starts_with('(')) continue;
    (text.find(" USING ") == std::string_view::npos ? plan.full_scans : plan.index_scans).emplace_back(table);
  }
  plan.steps = std::move(steps);
  return plan;
}

/// Returns: the plan as an indented text, one step in each line, for people.
[[nodiscard]] inline std::string to_text(const query_plan& plan) {
  std::string text;
  for (std::size_t at = 0; at < plan.steps.size(); ++at) {
    // A step comes after its parent, so the depth is found by going up.
    std::int64_t parent = plan.steps[at].parent;
    for (std::size_t above = at; above-- > 0 && parent != 0;) {
      if (plan.steps[above].id != parent) continue;
      text += "  ";
      parent = plan.steps[above].parent;
    }
    text += plan.steps[at].detail + '\n';
  }
  return text;
}

}  // namespace hasten

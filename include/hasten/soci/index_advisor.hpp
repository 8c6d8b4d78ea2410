// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/fingerprint.hpp>
#include <hasten/query/index_advisor.hpp>
#include <hasten/query/index_review.hpp>
#include <hasten/query/plan_book.hpp>
#include <hasten/query/query_stats.hpp>
#include <hasten/soci/detail/shadow_schema.hpp>
#include <hasten/soci/detail/what_if_database.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/schema_reader.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace hasten {

/// What an index advisor found.
struct index_advice {
  std::vector<index_proposal> proposals = {};  ///< those whose statements take the most time first
  std::vector<index_finding> findings = {};    ///< about the indexes there are
  std::size_t statements = 0;                  ///< texts that were planned
  std::size_t passed_over = 0;                 ///< texts that do not fit the copy of the schema
  bool is_complete = true;                     ///< false: the time was up before all was tried
  std::string refused = {};                    ///< why nothing can be proposed here; empty: it can
  std::chrono::nanoseconds took{};
};

/// How thoroughly advise_indexes() looks.
struct index_advisor_options {
  std::size_t sample_rows = 2'000;   ///< read of each table that may get an index, 100..100000
  std::size_t statements_max = 500;  ///< texts planned, 1..100000
  double gain_min = 2;               ///< an index must make some statement so many times cheaper, ≥ 1.1,
  double rows_saved_min = 10'000;    ///< and save it so many rows (see plan_cost), ≥ 0
  std::chrono::nanoseconds time_max = std::chrono::seconds(2);  ///< > 0; then it says what it has
};

namespace detail {

inline index_advisor_options checked(const index_advisor_options& chosen) {
  const auto refuse = [](const char* rule) {
    throw std::invalid_argument(std::string("index_advisor: ") + rule);
  };
  if (chosen.sample_rows < 100 || chosen.sample_rows > 100'000) refuse("sample_rows must be 100..100000");
  if (chosen.statements_max < 1 || chosen.statements_max > 100'000)
    refuse("statements_max must be 1..100000");
  if (!(chosen.gain_min >= 1.1)) refuse("gain_min must be at least 1.1");
  if (!(chosen.rows_saved_min >= 0)) refuse("rows_saved_min must not be negative");
  if (chosen.time_max.count() <= 0) refuse("time_max must be more than 0");
  return chosen;
}

// One run of the advisor over a session that only reads.
class index_advisor_run {
 public:
  index_advisor_run(monitored_session& session, const schema_outline& schema,
                    const index_advisor_options& chosen)
      : options_(chosen),
        monitor_(session.monitor()),
        ends_(monitor_.now() + chosen.time_max),
        source_(sqlite_handle_of(session.soci())),
        schema_(schema),
        what_if_(source_, schema) {}

  [[nodiscard]] index_advice run(std::span<const captured_plan> statements,
                                 std::span<const statement_stats> measured) {
    collect(statements);
    make_statistics();
    for (text_state& each : texts_) plan(each, each.before, each.cost_before);
    create_candidates();
    replan();
    drop_the_useless();
    for (text_state& each : texts_) {
      each.cost_after = each.cost;
      each.after = each.current;
    }
    index_advice advice{
        .statements = texts_.size(), .passed_over = passed_over_, .is_complete = is_complete_};
    advice.findings = review_indexes(schema_, used_, !texts_.empty());
    propose(measured, advice);
    // What a proposed index serves is no finding of its own.
    std::erase_if(advice.findings, [&](const index_finding& each) { return is_mended(each, advice); });
    return advice;
  }

 private:
  struct text_state {
    const captured_plan* statement = nullptr;
    query_plan before;
    query_plan current;
    query_plan after;
    double cost_before = 0;
    double cost = 0;
    double cost_after = 0;
  };
  struct trial {
    index_candidate columns;
    std::string name;
    bool is_there = false;
  };

  [[nodiscard]] bool is_late() {
    if (monitor_.now() < ends_) return false;
    is_complete_ = false;
    return true;
  }

  void collect(std::span<const captured_plan> statements) {
    shadow_schema shadow(schema_);
    for (const captured_plan& each : statements) {
      if (texts_.size() >= options_.statements_max || is_late()) break;
      if (!what_if_.plan_of(each.name, each.text)) {
        ++passed_over_;
        continue;
      }
      texts_.emplace_back().statement = &each;
      for (const std::string& index : indexes_of(each.plan)) used_.insert(index);
      for (const index_need& need : shadow.needs_of(each.text)) add_candidates(need);
    }
  }

  void add_candidates(const index_need& need) {
    const table_outline* const table = schema_.find(need.table);
    if (table == nullptr) return;
    for (index_candidate& each : candidates_for(need, *table)) {
      const auto is_same = [&](const trial& other) { return other.columns == each; };
      const auto exists = [&](const index_outline& other) {
        return !other.is_partial && begins_with(other.columns, each.columns);
      };
      if (std::any_of(trials_.begin(), trials_.end(), is_same) ||
          std::any_of(table->indexes.begin(), table->indexes.end(), exists))
        continue;
      trials_.push_back({.columns = std::move(each), .name = {}, .is_there = false});
    }
  }

  // Of all tables that get candidates, and of those with indexes that nobody has analysed.
  void make_statistics() {
    for (const table_outline& table : schema_.tables) {
      if (is_late()) break;
      const bool has_index = !table.indexes.empty();
      const bool has_trial = std::any_of(trials_.begin(), trials_.end(),
                                         [&](const trial& each) { return each.columns.table == table.name; });
      if (!has_index && !has_trial) continue;
      table_sample& sample = samples_[table.name] = sample_table(source_, table, options_.sample_rows);
      for (const index_outline& each : table.indexes) {
        if (each.is_partial || each.columns.empty()) continue;
        index_statistics known = statistics_of(sample, static_cast<double>(table.rows), each.columns);
        if (each.is_unique) known.rows_per_key.back() = 1;
        what_if_.set_statistics(table, each.name, std::move(known));
      }
    }
    what_if_.reload();
  }

  void create_candidates() {
    std::set<std::string> taken;
    for (const table_outline& table : schema_.tables)
      for (const index_outline& each : table.indexes) taken.insert(each.name);
    for (trial& each : trials_) {
      const std::string plain = each.columns.name();
      each.name = plain;
      for (int copy = 2; !taken.insert(each.name).second; ++copy)
        each.name = plain + '_' + std::to_string(copy);
      create(each);
    }
    what_if_.reload();
  }

  void create(trial& each) {
    const table_outline* const table = schema_.find(each.columns.table);
    const auto sample = samples_.find(each.columns.table);
    if (table == nullptr || sample == samples_.end()) return;
    each.is_there = what_if_.try_create(each.columns.ddl(each.name));
    if (each.is_there)
      what_if_.set_statistics(
          *table, each.name,
          statistics_of(sample->second, static_cast<double>(table->rows), each.columns.columns));
  }

  void plan(text_state& state, query_plan& into, double& cost) {
    const captured_plan& statement = *state.statement;
    auto found = what_if_.plan_of(statement.name, statement.text);
    if (!found) return;
    into = *std::move(found);
    cost = plan_cost(what_if_.statistics(), statement.text).of(into);
  }
  void replan() {
    for (text_state& each : texts_) plan(each, each.current, each.cost);
  }

  [[nodiscard]] bool is_used(const text_state& state, const std::string& index) const {
    return indexes_of(state.current).contains(index);
  }

  // Widest first, so that a narrower one is still there to take over: what no plan uses goes, and what can go without a
  // statement becoming notably dearer.
  void drop_the_useless() {
    std::vector<trial*> order;
    for (trial& each : trials_)
      if (each.is_there) order.push_back(&each);
    std::sort(order.begin(), order.end(), [](const trial* left, const trial* right) {
      const std::size_t one = left->columns.columns.size();
      const std::size_t two = right->columns.columns.size();
      return one != two ? one > two : left->name < right->name;
    });
    for (trial* const each : order)
      if (!is_late()) try_without(*each);
  }

  void drop(trial& gone) {
    what_if_.drop(gone.name);
    gone.is_there = false;
  }

  void try_without(trial& doubtful) {
    const bool is_used_at_all = std::any_of(
        texts_.begin(), texts_.end(), [&](const text_state& each) { return is_used(each, doubtful.name); });
    drop(doubtful);
    if (!is_used_at_all) return;
    std::vector<std::pair<text_state*, text_state>> before;
    bool is_needed = false;
    for (text_state& each : texts_) {
      if (!is_used(each, doubtful.name)) continue;
      before.emplace_back(&each, each);
      plan(each, each.current, each.cost);
      // Another column of an index costs less than another index, so less is asked of it.
      const double saved =
          replaces_prefix(each, doubtful) ? options_.rows_saved_min / 5 : options_.rows_saved_min;
      is_needed = each.cost > before.back().second.cost * 1.1 + saved;
      if (is_needed) break;
    }
    if (!is_needed) return;
    create(doubtful);
    what_if_.reload();
    for (auto& [state, kept] : before) *state = std::move(kept);
  }

  // Whether the statement now uses an index that the one tried begins with.
  [[nodiscard]] bool replaces_prefix(const text_state& state, const trial& tried) const {
    return std::any_of(trials_.begin(), trials_.end(), [&](const trial& each) {
      return each.is_there && each.columns.table == tried.columns.table &&
             begins_with(tried.columns.columns, each.columns.columns) && is_used(state, each.name);
    });
  }

  void propose(std::span<const statement_stats> measured, index_advice& advice) const {
    std::map<std::string, double, std::less<>> time_of;
    double all_time = 0;
    for (const statement_stats& each : measured) {
      time_of[each.name] = static_cast<double>(each.latency.sum());
      all_time += static_cast<double>(each.latency.sum());
    }
    for (const trial& each : trials_) {
      if (!each.is_there) continue;
      index_proposal made = proposal_of(each);
      std::set<std::string> counted;
      for (const text_state& state : texts_) {
        const bool gains = state.cost_before > state.cost_after * options_.gain_min &&
                           state.cost_before > state.cost_after + options_.rows_saved_min;
        if (!gains || !indexes_of(state.after).contains(each.name)) continue;
        const std::string& name = state.statement->name;
        const auto time = time_of.find(name);
        const double share = time == time_of.end() || all_time <= 0 ? 0 : time->second / all_time;
        if (counted.insert(name).second) made.share_of_time += share;
        made.gains.push_back({.name = name,
                              .shape = fingerprint_of(state.statement->text, sql_dialect::sqlite).text,
                              .share_of_time = share,
                              .cost_before = state.cost_before,
                              .cost_after = state.cost_after,
                              .plan_before = to_text(state.before),
                              .plan_after = to_text(state.after)});
      }
      if (made.gains.empty()) continue;
      std::sort(made.gains.begin(), made.gains.end(), [](const auto& left, const auto& right) {
        const double one = left.cost_before / left.cost_after;
        const double two = right.cost_before / right.cost_after;
        return one != two ? one > two : left.shape < right.shape;
      });
      advice.proposals.push_back(std::move(made));
    }
    std::sort(advice.proposals.begin(), advice.proposals.end(), [](const auto& left, const auto& right) {
      if (left.share_of_time != right.share_of_time) return left.share_of_time > right.share_of_time;
      return left.gains.size() != right.gains.size() ? left.gains.size() > right.gains.size()
                                                     : left.ddl < right.ddl;
    });
  }

  [[nodiscard]] index_proposal proposal_of(const trial& each) const {
    index_proposal made{.ddl = each.columns.ddl(each.name), .table = each.columns.table, .index = each.name};
    const table_outline& table = *schema_.find(each.columns.table);
    const table_sample& sample = samples_.at(table.name);
    double row_bytes = 8;  // the row's number and the cell around it
    for (const index_column& column : each.columns.columns) {
      const auto found = std::find(sample.columns.begin(), sample.columns.end(), column.name);
      if (found != sample.columns.end())
        row_bytes += 1 + sample.bytes[static_cast<std::size_t>(found - sample.columns.begin())];
    }
    made.bytes = static_cast<std::int64_t>(row_bytes * static_cast<double>(table.rows));
    std::set<std::string> writers;
    for (const text_state& state : texts_)
      if (changes(state.statement->text, table.name)) writers.insert(state.statement->name);
    made.writers = writers.size();
    return made;
  }

  [[nodiscard]] bool is_mended(const index_finding& finding, const index_advice& advice) const {
    if (finding.problem != index_problem::foreign_key_unindexed) return false;
    return std::any_of(trials_.begin(), trials_.end(), [&](const trial& each) {
      const bool is_proposed = std::any_of(advice.proposals.begin(), advice.proposals.end(),
                                           [&](const index_proposal& one) { return one.index == each.name; });
      const index_outline made{.name = each.name, .columns = each.columns.columns};
      return is_proposed && each.columns.table == finding.table && serves(made, finding.columns);
    });
  }

  // The table that is changed is the first one that the text names.
  static bool changes(const std::string& text, const std::string& table) {
    const std::string shape = fingerprint_of(text, sql_dialect::sqlite, 2'000).text;
    const bool writes = shape.starts_with("insert") || shape.starts_with("update") ||
                        shape.starts_with("delete") || shape.starts_with("replace");
    const std::size_t at = shape.find(' ' + lower_case(table));
    return writes && at != std::string::npos && at < 40;
  }

  const index_advisor_options options_;
  query_monitor& monitor_;
  const steady_time ends_;
  sqlite3* source_;
  const schema_outline& schema_;
  what_if_database what_if_;
  std::vector<text_state> texts_;
  std::vector<trial> trials_;
  std::map<std::string, table_sample> samples_;
  std::set<std::string> used_;  // indexes in the plans that the database made itself
  std::size_t passed_over_ = 0;
  bool is_complete_ = true;
};

// What the server has counted tells which indexes it never uses; it has no planner for indexes that are not there.
[[nodiscard]] inline index_advice advise_postgresql(monitored_session& session, std::size_t statements) {
  static constexpr statement counted{"index_advisor.used",
                                     "SELECT indexrelname::text, idx_scan > 0 FROM pg_stat_user_indexes"};
  static constexpr statement reads{
      "index_advisor.reads",
      "SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::bigint FROM pg_stat_user_tables"};
  constexpr std::int64_t reads_min = 1'000;  // before, not being used says little
  std::set<std::string> used;
  for (auto& [name, is_used] : session.all<std::tuple<std::string, bool>>(counted))
    if (is_used) used.insert(std::move(name));
  const std::int64_t reads_seen = session.one<std::int64_t>(reads);
  index_advice advice{.passed_over = statements,
                      .refused =
                          "PostgreSQL plans with the indexes there are, and with others only by an "
                          "extension; try_index() tries one on a small table."};
  advice.findings = review_indexes(read_schema(session), used, reads_seen >= reads_min);
  for (index_finding& each : advice.findings)
    if (each.problem == index_problem::unused)
      each.evidence = "The server has counted " + std::to_string(reads_seen) +
                      " scans and none of it, and each change of " + each.table + " maintains it.";
  return advice;
}

}  // namespace detail

/// Proposes indexes for the statements of a program, and reviews those there are. Nothing is applied, and the database is
/// only read: its schema, and a sample of each table, of which hashes are kept for the length of the call.
///
/// SQLite's planner does the work, on two databases in memory. On one whose tables are empty shells it tells which columns
/// each statement compares and orders by; on a copy of the schema, with statistics from the samples, it chooses among the
/// candidates made of these. What it does not use goes, and then what can go without a statement becoming notably dearer,
/// so one index may come to serve many statements. A proposal shows the plans before and after, as that planner makes them.
///
/// The wrong tool before the program has run: it knows the statements of the plan book only. It looks at columns, not at
/// expressions or partial indexes; upserts are planned but propose nothing.
///
/// On PostgreSQL, whose planner knows the indexes that are there and no others, it reviews those by the server's own counters
/// and says in `refused` why it proposes none. Replicas count for themselves: ask each before you drop what is not used.
/// Throws: std::invalid_argument for an option out of range; query_error, of kind bad_statement for another database than
/// these. Blocks on: nothing, and ends soon after `time_max`.
///
///     const auto advice = hasten::advise_indexes(*pool.read(deadline), plans.plans(), monitor.statements());
///     for (const auto& each : advice.proposals) std::clog << each.ddl << " -- for " << each.gains[0].name << '\n';
[[nodiscard]] inline index_advice advise_indexes(monitored_session& session,
                                                 std::span<const captured_plan> statements,
                                                 std::span<const statement_stats> measured = {},
                                                 const index_advisor_options& chosen = {}) {
  const index_advisor_options options = detail::checked(chosen);
  const steady_time began = session.monitor().now();
  if (session.is_postgresql()) {
    index_advice advice = detail::advise_postgresql(session, statements.size());
    advice.took = session.monitor().now() - began;
    return advice;
  }
  const schema_outline schema = read_schema(session);
  return session.monitor().track("index_advisor", [&] {
    index_advice advice = detail::index_advisor_run(session, schema, options).run(statements, measured);
    advice.took = session.monitor().now() - began;
    return advice;
  });
}

}  // namespace hasten

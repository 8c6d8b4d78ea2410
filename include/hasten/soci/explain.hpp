// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/index_advisor.hpp>
#include <hasten/query/plan_book.hpp>
#include <hasten/query/postgresql_plan.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/query/query_plan.hpp>
#include <hasten/soci/detail/sqlite_plan.hpp>
#include <hasten/soci/detail/sqlite_statement.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/row_mapping.hpp>
#include <hasten/soci/schema_reader.hpp>
#include <hasten/soci/transaction.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace hasten {

/// Asks the database how it would run a statement. The statement is not run; it costs about as much as preparing it, some
/// microseconds on SQLite and a question to the server on PostgreSQL.
///
/// PostgreSQL plans with the arguments, so give those that are typical; they do not show in the plan. On SQLite none is
/// needed, and what is given is not looked at.
/// Throws: query_error, of kind bad_statement for a text that does not fit the database, or another database than these.
///
///     const hasten::query_plan plan = hasten::explain(*db, page);
///     for (const std::string& table : plan.full_scans) std::clog << page.name << " reads all of " << table << '\n';
template <class... Args>
[[nodiscard]] query_plan explain(monitored_session& session, const statement& what, const Args&... args) {
  if (session.is_postgresql()) {
    const std::string text = "EXPLAIN (FORMAT JSON) " + std::string(what.text);
    return read_postgresql_plan(session.one<std::string>({"explain", text}, args...));
  }
  return session.monitor().track("explain", [&] {
    sqlite3* const handle = detail::sqlite_handle_of(session.soci());
    if (handle == nullptr)
      throw query_error(query_error_kind::bad_statement,
                        std::string(what.name) + ": explain() needs SQLite or PostgreSQL");
    detail::sqlite_statement compiled(handle, what.name, "EXPLAIN QUERY PLAN " + std::string(what.text));
    detail::sqlite_execution execution(compiled, what.name);
    std::vector<plan_step> steps;
    while (execution.step()) {
      std::tuple<std::int64_t, std::int64_t, std::int64_t, std::string> row;
      detail::check_columns<decltype(row)>(execution);
      detail::read_row(execution, row);
      steps.push_back(
          {.id = std::get<0>(row), .parent = std::get<1>(row), .detail = std::get<3>(std::move(row))});
    }
    return read_plan(std::move(steps));
  });
}

/// Asks for the plans of all statements of the book again, as after ANALYZE or on a database that has grown; the book tells
/// its observer of those that changed. Returns: how many statements could not be planned, because their tables are gone.
/// Throws: query_error of kind bad_statement for another database than SQLite.
inline std::size_t refresh_plans(monitored_session& session, plan_book& plans) {
  return session.monitor().track("explain", [&] {
    sqlite3* const handle = detail::sqlite_handle_of(session.soci());
    if (handle == nullptr) throw query_error(query_error_kind::bad_statement, "refresh_plans: needs SQLite");
    const std::int64_t version = detail::schema_version_of(handle);
    std::size_t failed = 0;
    for (const captured_plan& each : plans.plans()) {
      try {
        plans.put(each.name, each.text, version, detail::plan_of_sqlite(handle, each.name, each.text));
      } catch (const query_error&) {
        plans.note_failure();
        ++failed;
      }
    }
    return failed;
  });
}

/// What a statement's plan became with an index that it did not have.
struct index_trial {
  query_plan before = {};
  query_plan after = {};
  bool is_used = false;
  std::string refused = {};  ///< why it was not tried; empty: it was
};

/// Builds an index, asks for a statement's plan, and rolls the index back: what the planner makes of an index, on whichever
/// database. Others cannot write to the table meanwhile, so it refuses tables of more than `rows_max` rows, told in `refused`.
/// Throws: query_error, of kind bad_statement within a transaction. Blocks on: writers, until the session's lock timeout.
///
///     const auto trial = hasten::try_index(*db, {.table = "orders", .columns = {{.name = "city"}}}, 10'000, by_city, "Ulm");
template <class... Args>
[[nodiscard]] index_trial try_index(monitored_session& session, const index_candidate& index,
                                    std::int64_t rows_max, const statement& what, const Args&... args) {
  static constexpr std::string_view name = "hasten_trial";
  index_trial trial;
  const schema_outline schema = read_schema(session);
  const table_outline* const table = schema.find(index.table);
  if (table == nullptr)
    trial.refused = "There is no such table.";
  else if (table->rows > rows_max)
    trial.refused = "The table has about " + std::to_string(table->rows) +
                    " rows, and building an index keeps its writers waiting.";
  if (!trial.refused.empty()) return trial;
  transaction attempt(session);
  trial.before = explain(session, what, args...);
  session.exec({"explain.try_index", index.ddl(name)});
  trial.after = explain(session, what, args...);
  attempt.rollback();
  for (const plan_step& each : trial.after.steps)
    trial.is_used = trial.is_used || each.detail.find(name) != std::string::npos;
  return trial;
}

}  // namespace hasten

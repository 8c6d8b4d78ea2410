// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/plan_book.hpp>
#include <hasten/query/postgresql_plan.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/detail/postgresql_connection.hpp>
#include <hasten/soci/detail/postgresql_error.hpp>
#include <hasten/soci/detail/postgresql_execution.hpp>
#include <hasten/soci/detail/postgresql_parameters.hpp>
#include <hasten/soci/detail/sqlite_plan.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>

namespace hasten::detail {

/// Asks PostgreSQL for the plans of statements that were slow, with the arguments they were slow with, each text once in a
/// while. It is monitoring: what fails is counted, and a transaction goes on as if nothing had been asked.
/// Thread safety: single-owner.
class postgresql_explainer {
 public:
  /// `plans` gets the plans; null: none are asked for.
  postgresql_explainer(postgresql_connection& connection, query_monitor& monitor, plan_book* plans,
                       std::chrono::nanoseconds every) noexcept
      : connection_(connection), monitor_(monitor), plans_(plans), every_(every) {}

  /// Explains a statement at the end of its scope if it was slow and did not fail. To be made before the statement's call, so
  /// that what it costs does not count as the statement's.
  template <class Bind>
  class watch {
   public:
    watch(postgresql_explainer& owner, const statement_meter& meter, steady_time began, std::string_view name,
          std::string_view text, const postgresql_statement& compiled, Bind& bind) noexcept
        : owner_(owner),
          meter_(meter),
          began_(began),
          name_(name),
          text_(text),
          compiled_(compiled),
          bind_(bind) {}
    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;
    ~watch() {
      if (owner_.plans_ == nullptr || std::uncaught_exceptions() != failures_) return;
      const steady_time now = owner_.monitor_.now();
      if (owner_.monitor_.is_slow(meter_, now - began_)) [[unlikely]]
        owner_.explain(name_, text_, compiled_, bind_, now);
    }

   private:
    postgresql_explainer& owner_;
    const statement_meter& meter_;
    const steady_time began_;
    const std::string_view name_;
    const std::string_view text_;
    const postgresql_statement& compiled_;
    Bind& bind_;
    const int failures_ = std::uncaught_exceptions();
  };

 private:
  static constexpr std::chrono::seconds patience{1};  // with a server that plans
  static constexpr const char* task = "explain";

  template <class Bind>
  [[gnu::noinline, gnu::cold]] void explain(std::string_view name, std::string_view text,
                                            const postgresql_statement& compiled, Bind& bind,
                                            steady_time now) noexcept {
    // Rows of another statement that are on their way would have to be kept.
    if (connection_.is_reading() || connection_.is_broken() || now >= connection_.deadline()) return;
    const steady_time limit = connection_.deadline();
    try {
      const std::int64_t age = now.time_since_epoch() / every_;
      if (!has_plan(text) || !plans_->wants(name, text, age)) return;
      const auto call = monitor_.start(task);
      connection_.set_deadline(std::min(limit, now + patience));
      const bool within = PQtransactionStatus(connection_.raw()) == PQTRANS_INTRANS;
      // A failure within a transaction would undo it.
      if (within) run("SAVEPOINT hasten_explain");
      try {
        plans_->put(name, text, age, ask(compiled, bind));
      } catch (...) {
        plans_->note_failure();
      }
      connection_.set_deadline(limit);
      if (within) run("ROLLBACK TO SAVEPOINT hasten_explain; RELEASE SAVEPOINT hasten_explain");
    } catch (...) {
      plans_->note_failure();
    }
    connection_.set_deadline(limit);
  }

  void run(const char* text) {
    connection_.run_simple(task, text, true, [](const PGresult*) {});
  }

  template <class Bind>
  [[nodiscard]] query_plan ask(const postgresql_statement& compiled, Bind& bind) {
    postgresql_arguments arguments(task, compiled.parameters, compiled.names);
    bind(arguments, arguments.count());
    connection_.check_sent(
        PQsendQueryParams(connection_.raw(), ("EXPLAIN (FORMAT JSON) " + compiled.text).c_str(),
                          arguments.count(), compiled.parameters.data(), arguments.values(),
                          arguments.lengths(), arguments.formats(), 0),
        task);
    const postgresql_result answer = connection_.next(task);
    const postgresql_result failure = connection_.rest(task);
    if (PQresultStatus(answer.get()) != PGRES_TUPLES_OK || failure != nullptr)
      throw_postgresql(connection_.raw(), answer.get(), task);
    return read_postgresql_plan(PQgetvalue(answer.get(), 0, 0));
  }

  postgresql_connection& connection_;
  query_monitor& monitor_;
  plan_book* plans_;
  const std::chrono::nanoseconds every_;
};

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/expects.hpp>
#include <hasten/query/plan_book.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/query/repeat_detector.hpp>
#include <hasten/query/statement.hpp>
#include <hasten/query/statement_cache.hpp>
#include <hasten/soci/detail/borrowed_statement.hpp>
#include <hasten/soci/detail/connection_pin.hpp>
#include <hasten/soci/detail/guarded.hpp>
#ifdef HASTEN_WITH_POSTGRESQL
#include <hasten/soci/detail/postgresql_link.hpp>
#else
#include <hasten/soci/detail/no_postgresql.hpp>
#endif
#include <hasten/soci/detail/session_options.hpp>
#include <hasten/soci/detail/sqlite_columns.hpp>
#include <hasten/soci/detail/sqlite_error.hpp>
#include <hasten/soci/detail/sqlite_parameters.hpp>
#include <hasten/soci/detail/sqlite_plan.hpp>
#include <hasten/soci/detail/sqlite_statement.hpp>
#include <hasten/soci/parameters.hpp>
#include <hasten/soci/row_mapping.hpp>

#include <soci/session.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten {

template <mapped_row Row>
class bulk_writer;
template <mapped_row Row>
class bulk_updater;

/// A page of rows, as monitored_session::page() reads it.
template <class Row>
struct row_page {
  std::vector<Row> rows = {};
  bool more = false;  ///< there are rows after these
};

/// A SOCI session with typed verbs that run at the speed of the database's own interface, each timed and
/// counted.
///
/// The verbs use prepared statements of SQLite or PostgreSQL on SOCI's own connection, cached by text, with
/// arguments bound by value and columns checked for NULL, type and range. For what they do not know, soci()
/// gives the plain session, and track() times and counts it in the same way. On other databases, and on
/// PostgreSQL where hasten was built without it, only track() works; the verbs throw
/// error(errc::bad_statement).
///
/// On PostgreSQL a text is read by the server at its first use, and kept there under a name from its
/// `prepare_after`-th use on. A statement that a change of the schema made stale is prepared again by itself;
/// within a transaction it fails with query_error_kind::stale_plan, which run_in_transaction() repeats.
///
/// Failures are query_error: `what()` never holds a value. An argument is borrowed for the duration of the
/// call. The wrong tool for a session shared among threads: lease one per thread from a session_pool.
/// Thread safety: single-owner.
///
///     hasten::query_monitor monitor;
///     hasten::monitored_session db(std::make_unique<soci::session>(soci::sqlite3, "db=shop.db"), monitor);
///     static constexpr hasten::statement by_status{"orders.by_status",
///                                                  "SELECT id, status FROM orders WHERE status = ?1"};
///     for (const order& each : db.all<order>(by_status, "open")) ship(each);
///     db.exec({"orders.close", "UPDATE orders SET status = 'closed' WHERE id = :id"}, hasten::param("id", 7));
class monitored_session {
 public:
  using options = detail::session_options;

  /// Takes over an open session. Throws: std::invalid_argument for an option out of range or a null session.
  monitored_session(std::unique_ptr<::soci::session> session, query_monitor& monitor, options chosen)
      : monitored_session(checked(session), monitor, chosen) {
    owned_ = std::move(session);
  }
  monitored_session(std::unique_ptr<::soci::session> session, query_monitor& monitor)
      : monitored_session(std::move(session), monitor, options{}) {}

  /// Works on a session that the caller keeps open, and does not close, for as long as this object lives.
  monitored_session(::soci::session& session, query_monitor& monitor, options chosen)
      : soci_(&session),
        handle_(detail::sqlite_handle_of(session)),
        monitor_(&monitor),
        rows_max_(chosen.rows_max),
        plans_(chosen.plans),
        pin_(session, handle_),
        cache_({.statements_max = chosen.statements_max}) {
    check(chosen);
    detail::forget_values(session);
    postgresql_ = detail::postgresql_link::of(session, monitor,
                                              {.statements_max = chosen.statements_max,
                                               .rows_max = chosen.rows_max,
                                               .prepare_after = chosen.prepare_after,
                                               .answer_max = chosen.answer_max,
                                               .plans = chosen.plans,
                                               .explain_every = chosen.explain_every});
  }
  monitored_session(::soci::session& session, query_monitor& monitor)
      : monitored_session(session, monitor, options{}) {}

  monitored_session(const monitored_session&) = delete;
  monitored_session& operator=(const monitored_session&) = delete;
  ~monitored_session() = default;

  /// Runs a statement to its end. Returns: how many rows it inserted, updated or deleted itself, without
  /// those that triggers and cascades changed; rows that it yields are passed over. Throws: query_error, as
  /// all the verbs do.
  template <class... Args>
  std::uint64_t exec(const statement_call& what, const Args&... args) {
    return run(what, change, args...);
  }

  /// Reads the first row. Throws: query_error of kind bad_row if there is none.
  template <owning_row Row, class... Args>
  [[nodiscard]] Row one(const statement_call& what, const Args&... args) {
    return run(
        what,
        [](query_monitor::call& call, auto& execution) {
          Row row{};
          if (!execution.step()) [[unlikely]]
            throw query_error(query_error_kind::bad_row, std::string(execution.name()) + ": there is no row");
          detail::check_columns<Row>(execution);
          detail::read_row(execution, row);
          call.add_rows(1);
          return row;
        },
        args...);
  }

  /// Reads the first row, if there is one. Rows after it are not looked at.
  template <owning_row Row, class... Args>
  [[nodiscard]] std::optional<Row> maybe(const statement_call& what, const Args&... args) {
    return run(
        what,
        [](query_monitor::call& call, auto& execution) {
          std::optional<Row> row;
          if (!execution.step()) return row;
          detail::check_columns<Row>(execution);
          detail::read_row(execution, row.emplace());
          call.add_rows(1);
          return row;
        },
        args...);
  }

  /// Reads all rows. Throws: query_error when there are more than options::rows_max.
  template <owning_row Row, class... Args>
  [[nodiscard]] std::vector<Row> all(const statement_call& what, const Args&... args) {
    return run(
        what,
        [this](query_monitor::call& call, auto& execution) {
          std::vector<Row> rows;
          while (execution.step()) {
            if (rows.empty()) detail::check_columns<Row>(execution);
            if (rows.size() == rows_max_)
              throw query_error(query_error_kind::other, std::string(execution.name()) + ": more than " +
                                                             std::to_string(rows_max_) + " rows");
            detail::read_row(execution, rows.emplace_back());
          }
          call.add_rows(rows.size());
          return rows;
        },
        args...);
  }

  /// Reads a page of at most `size` rows, and whether there are more. The text ends in a LIMIT that is its last positional
  /// parameter; pages are best continued by the key of the last row (`WHERE id>?1 ORDER BY id LIMIT ?2`), which costs the
  /// same however far one has come, where OFFSET reads all that it skips.
  template <owning_row Row, class... Args>
  [[nodiscard]] row_page<Row> page(const statement_call& what, std::size_t size, const Args&... args) {
    row_page<Row> result{.rows = all<Row>(what, args..., size + 1)};
    result.more = result.rows.size() > size;
    if (result.more) result.rows.resize(size);
    return result;
  }

  /// Calls `visit(Row&)` for each row, in constant memory, until it returns false (or for all, if it returns
  /// nothing). The visitor may use this session, even for the same statement; views in the row die with the
  /// next row. On PostgreSQL the connection carries one result at a time: if the visitor uses the session, the
  /// rows still to come are received first and kept, at most options::rows_max; and if it stops early, the rest
  /// is received and dropped.
  /// Returns: how many rows were visited. Throws: query_error; what the visitor throws.
  template <mapped_row Row, class Visitor, class... Args>
  std::uint64_t each(const statement_call& what, Visitor&& visit, const Args&... args) {
    return run<true>(
        what,
        [&visit](query_monitor::call& call, auto& execution) {
          Row row{};
          std::uint64_t count = 0;
          bool more = true;
          while (more && execution.step()) {
            if (count == 0) detail::check_columns<Row>(execution);
            detail::read_row(execution, row);
            call.add_rows(1);
            ++count;
            execution.leave();
            if constexpr (std::is_void_v<std::invoke_result_t<Visitor&, Row&>>)
              visit(row);
            else
              more = static_cast<bool>(visit(row));
            execution.enter();
          }
          return count;
        },
        args...);
  }

  /// Reads the single column of the first row. Throws: query_error of kind bad_row if there is no row.
  template <owning_row T, class... Args>
  [[nodiscard]] T scalar(const statement_call& what, const Args&... args) {
    static_assert(detail::columns_of<T>() == 1 && detail::column_check<T>::value, "scalar reads one column");
    return one<T>(what, args...);
  }

  /// Runs all statements of a text one after another, as a migration needs; they take no parameters. On
  /// PostgreSQL they are one transaction, unless one is open or they begin their own.
  void script(std::string_view name, std::string_view text) {
    auto call = monitor_->start(name);
    detail::guarded(call, broken_, [&] {
      if (postgresql_ != nullptr)
        postgresql_->script(name, text, [](const auto*) {});
      else
        detail::run_script(require_sqlite(name), name, text);
    });
  }

  /// Runs `fn(soci::session&)`, plain SOCI code, and counts it under `name`. Returns: what `fn` does.
  /// Throws: query_error in place of SOCI's exception, whose text quotes the bound values; everything else
  /// unchanged.
  template <class Fn>
  decltype(auto) track(std::string_view name, Fn&& fn,
                       const std::source_location where = std::source_location::current()) {
    plain_used_ = true;
    pin_.hold();
    if (repeats_ != nullptr) repeats_->note(name, where);
    auto call = monitor_->start(name);
    return detail::guarded(call, broken_, [&]() -> decltype(auto) {
      try {
        return std::forward<Fn>(fn)(*soci_);
      } catch (const ::soci::soci_error& failure) {
        if (postgresql_ != nullptr) postgresql_->rethrow(failure, name);
        detail::throw_soci(failure, handle_, name);
      }
    });
  }

  /// Returns: the session itself. What runs on it directly is neither timed nor counted. Do not close or
  /// reconnect it: on SQLite the verbs then throw query_error of kind connection_lost, and a pool replaces it.
  [[nodiscard]] ::soci::session& soci() noexcept {
    plain_used_ = true;
    pin_.hold();
    return *soci_;
  }

  [[nodiscard]] query_monitor& monitor() const noexcept { return *monitor_; }
  [[nodiscard]] bool is_sqlite() const noexcept { return handle_ != nullptr; }
  [[nodiscard]] bool is_postgresql() const noexcept { return postgresql_ != nullptr; }
  [[nodiscard]] statement_cache_stats statements() const noexcept {
    return postgresql_ != nullptr ? postgresql_->statements() : cache_.stats();
  }

  /// Returns: the rowid of the last row inserted through this session, by whichever statement. SQLite only; where
  /// RETURNING tells the key, it does so on both.
  [[nodiscard]] std::int64_t last_insert_id() const {
    return sqlite3_last_insert_rowid(require_sqlite("last_insert_id"));
  }

  /// Counts every statement from now on with `detector` too, until another one or null is given or the lease ends.
  /// It is borrowed: give null before it dies, or end the lease.
  void watch_repeats(repeat_detector* detector) noexcept { repeats_ = detector; }

  /// Returns: whether a transaction is open on this session.
  [[nodiscard]] bool in_transaction() const {
    if (postgresql_ != nullptr) return postgresql_->in_transaction();
    return sqlite3_get_autocommit(require_sqlite("in_transaction")) == 0;
  }

  /// Returns: whether the open transaction failed, so that only a rollback is left; never on SQLite.
  [[nodiscard]] bool is_aborted() const noexcept {
    return postgresql_ != nullptr && postgresql_->is_aborted();
  }

  /// PostgreSQL: makes the session one whose transactions only read, or may write; costs a trip when it changes. A session
  /// of SQLite is opened as one or the other.
  void set_read_only(bool wanted, steady_time deadline = steady_time::max()) {
    if (postgresql_ != nullptr) postgresql_->set_read_only(wanted, deadline);
  }

  /// PostgreSQL: returns whether the connection works, by a look, or by asking if it was not used for `after`.
  [[nodiscard]] bool is_alive(std::chrono::nanoseconds after,
                              steady_time deadline = steady_time::max()) noexcept {
    return postgresql_ == nullptr || postgresql_->is_alive(after, deadline);
  }

  /// Makes the session fit for its next user: rolls back what was left open and resets what plain SOCI code
  /// left running. Returns: false when that failed and the session should be thrown away.
  [[nodiscard]] bool settle() noexcept {
    repeats_ = nullptr;
    if (postgresql_ != nullptr) return !broken_ && postgresql_->settle(std::exchange(plain_used_, false));
    if (handle_ == nullptr) return !broken_;
    if (plain_used_) {
      if (pin_.is_lost()) return false;
      for (sqlite3_stmt* each = sqlite3_next_stmt(handle_, nullptr); each != nullptr;
           each = sqlite3_next_stmt(handle_, each))
        if (sqlite3_stmt_busy(each) != 0) sqlite3_reset(each);
      plain_used_ = false;
    }
    if (sqlite3_get_autocommit(handle_) == 0) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
    return !broken_ && sqlite3_get_autocommit(handle_) != 0;
  }

 private:
  template <mapped_row Row>
  friend class bulk_writer;
  template <mapped_row Row>
  friend class bulk_updater;
  friend class query_deadline;

  using prepared = detail::prepared_statement;
  using cache = detail::prepared_cache;
  using borrowed_statement = detail::borrowed_statement;

  void set_limits(steady_time deadline, std::stop_token stop) noexcept {
    deadline_ = deadline;
    stop_ = std::move(stop);
    if (postgresql_ != nullptr) return postgresql_->set_limits(deadline, stop_);
    constexpr int steps = 1000;  // of SQLite's machine between two looks at the clock
    if (deadline == steady_time::max() && !stop_.stop_possible())
      sqlite3_progress_handler(handle_, 0, nullptr, nullptr);
    else
      sqlite3_progress_handler(handle_, steps, &is_late, this);
  }
  static int is_late(void* self) {
    const auto* const session = static_cast<monitored_session*>(self);
    return session->stop_.stop_requested() || session->monitor_->now() >= session->deadline_ ? 1 : 0;
  }

  static ::soci::session& checked(const std::unique_ptr<::soci::session>& session) {
    if (session == nullptr) throw std::invalid_argument("monitored_session: the session must not be null");
    return *session;
  }

  sqlite3* require_sqlite(std::string_view name) const {
    if (handle_ == nullptr) [[unlikely]]
      throw query_error(query_error_kind::bad_statement,
                        std::string(name) + ": not on this database; use track() with plain SOCI");
    if (plain_used_) pin_.require(name);
    return handle_;
  }

  static constexpr auto change = [](query_monitor::call& call, auto& execution) {
    const std::uint64_t rows = execution.finish();
    call.add_rows(rows);
    return rows;
  };

  // As exec(), for `count` parameters that `bind` binds itself.
  template <class Bind>
  std::uint64_t exec_bound(const statement& what, std::size_t count, Bind&& bind) {
    return run_given(what, count, bind, change);
  }

  // As above; `body(call, execution)` reads what it yields.
  template <class Bind, class Body>
  auto run_given(const statement& what, std::size_t count, Bind&& bind, Body&& body) {
    return run_bound<false>(
        what,
        [&](auto& execution, int expected) {
          if (static_cast<std::size_t>(expected) != count)
            detail::throw_bad_parameter(what.name, "its parameters are not those that are given");
          bind(execution);
        },
        body);
  }

  // Works on PostgreSQL directly; `fn(link)` returns how many rows it wrote.
  template <class Fn>
  std::uint64_t exec_link(std::string_view name, Fn&& fn) {
    auto call = monitor_->start(name);
    return detail::guarded(call, broken_, [&] {
      const std::uint64_t rows = fn(*postgresql_);
      call.add_rows(rows);
      return rows;
    });
  }

  template <bool Streams = false, class Body, class... Args>
  auto run(const statement_call& what, Body&& body, const Args&... args) {
    return run_bound<Streams>(
        what, [&](auto& execution, int expected) { detail::bind_all(execution, expected, args...); }, body);
  }

  template <bool Streams, class Bind, class Body>
  auto run_bound(const statement_call& what, Bind&& bind, Body&& body) {
    const steady_time began = monitor_->now();
    if (repeats_ != nullptr) [[unlikely]]
      repeats_->note(what.name, what.where);
    if constexpr (detail::has_postgresql) {
      if (postgresql_ != nullptr) {
        const auto guard = [this](query_monitor::call& call, auto&& fn) {
          return detail::guarded(call, broken_, fn);
        };
        return postgresql_->run<Streams>(*monitor_, guard, began, what.name, what.text, bind, body);
      }
    }
    if (plain_used_) [[unlikely]]
      pin_.require(what.name);
    cache::entry* const cached = cache_.take(what.text);
    if (cached != nullptr && cached->statement.meter->name() == what.name) [[likely]] {
      borrowed_statement mine(cache_, *cached);
      auto call = monitor_->start(*cached->statement.meter, began);
      return detail::guarded(call, broken_, [&] { return execute(call, *mine, what, bind, body); });
    }
    if (cached != nullptr) cache_.give_back(*cached);
    return run_slowly(began, what, bind, body);
  }

  // Prepares first: for a text that is not cached, that is being executed already, or that has another name by now.
  template <class Bind, class Body>
  [[gnu::noinline]] auto run_slowly(steady_time began, const statement& what, Bind& bind, Body& body) {
    statement_meter& meter = monitor_->meter_of(what.name);
    auto call = monitor_->start(meter, began);
    return detail::guarded(call, broken_, [&] {
      if (cache::entry* const cached = cache_.take(what.text)) {
        borrowed_statement mine(cache_, *cached);
        cached->statement.meter = &meter;
        return execute(call, *mine, what, bind, body);
      }
      prepared fresh{detail::sqlite_statement(require_sqlite(what.name), what.name, what.text), &meter};
      if (plans_ != nullptr) detail::capture_plan(handle_, *plans_, what.name, what.text);
      if (cache::entry* const entry = cache_.put_taken(what.text, std::move(fresh))) {
        borrowed_statement mine(cache_, *entry);
        return execute(call, *mine, what, bind, body);
      }
      // NOLINTNEXTLINE(bugprone-use-after-move): put_taken() leaves what it does not keep
      borrowed_statement mine(std::move(fresh));
      return execute(call, *mine, what, bind, body);
    });
  }

  template <class Bind, class Body>
  static auto execute(query_monitor::call& call, prepared& chosen, const statement& what, Bind& bind,
                      Body& body) {
    detail::sqlite_execution execution(chosen.compiled, what.name);
    bind(execution, chosen.compiled.parameters());
    return body(call, execution);
  }

  std::unique_ptr<::soci::session> owned_;  // null when the session is somebody else's
  ::soci::session* soci_;                   // never null
  sqlite3* handle_;                         // null for another database than SQLite
  query_monitor* monitor_;
  std::size_t rows_max_;
  plan_book* plans_;                    // null: nobody wants plans
  repeat_detector* repeats_ = nullptr;  // null: nobody watches
  bool plain_used_ = false;
  bool broken_ = false;                        // a failure told that the connection is lost
  steady_time deadline_ = steady_time::max();  // of the statements; max: none
  std::stop_token stop_;                       // of the statements; none at first
  detail::connection_pin pin_;
  cache cache_;  // after owned_ and pin_: its statements must die before their connection
  std::unique_ptr<detail::postgresql_link> postgresql_;  // after owned_ too; null for another database
};

}  // namespace hasten

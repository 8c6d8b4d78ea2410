// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/expects.hpp>
#include <hasten/query/open_transactions.hpp>
#include <hasten/soci/monitored_session.hpp>

#include <optional>
#include <source_location>

namespace hasten {

/// What a transaction may do and what it sees of others.
enum class transaction_mode {
  read,  ///< a stable snapshot from the first read on. SQLite: a write may fail with busy_snapshot; PostgreSQL:
         ///< REPEATABLE READ READ ONLY, a write fails with read_only
  write,  ///< SQLite: the write lock at once, waiting for at most the busy timeout, the only safe way to read, then
          ///< write; PostgreSQL: what the session's default says, READ COMMITTED unless it was changed
  serializable,  ///< as if it ran alone. SQLite: the same as `write`; PostgreSQL: SERIALIZABLE, which may fail with
                 ///< serialization and is to be repeated, as run_in_transaction() does
};

/// A transaction that is rolled back unless it is committed.
///
/// `write` takes SQLite's write lock when it begins. A transaction that takes it later, as SOCI's own does,
/// fails at once and whatever the busy timeout when somebody wrote in between. The wrong tool for one single
/// statement, which is atomic by itself.
/// The session must outlive it.
/// Thread safety: single-owner.
///
///     hasten::transaction change(db);
///     db.exec(withdraw, 100, from);
///     db.exec(deposit, 100, to);
///     change.commit();
class transaction {
 public:
  /// Throws: query_error of kind busy when another writer holds the lock beyond the busy timeout; of kind
  /// bad_statement when the session has a transaction already.
  /// `where` is what monitor().transactions() tells while it is open.
  explicit transaction(monitored_session& session, transaction_mode mode = transaction_mode::write,
                       const std::source_location where = std::source_location::current())
      : session_(session) {
    if (session.in_transaction())
      throw query_error(query_error_kind::bad_statement,
                        "transaction.begin: the session has a transaction already");
    session.exec(session.is_postgresql() ? begin_postgresql(mode) : begin_sqlite(mode));
    open_ = true;
    entry_.emplace(session.monitor().transactions(), session.monitor().now(), where);
  }
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;

  /// Rolls back what was not committed. May take as long as undoing the changes does.
  ~transaction() {
    if (open_) abandon();
  }

  /// Throws: query_error; after kind busy it may be called again, after any other the transaction is rolled
  /// back. Kind aborted: a statement failed in it, and PostgreSQL has nothing left to commit. Kinds connection_lost and
  /// timeout: whether it was committed is not known.
  void commit() {
    HASTEN_EXPECTS(open_, "transaction: commit() after commit() or rollback()");
    try {
      if (session_.is_aborted())
        throw query_error(query_error_kind::aborted, "transaction.commit: a statement in it failed");
      session_.exec(end_well);
    } catch (const query_error& failure) {
      if (failure.kind() != query_error_kind::busy) abandon();
      throw;
    }
    end();
  }

  void rollback() {
    HASTEN_EXPECTS(open_, "transaction: rollback() after commit() or rollback()");
    end();
    if (session_.in_transaction()) session_.exec(end_badly);
  }

  [[nodiscard]] bool is_open() const noexcept { return open_; }

 private:
  static constexpr statement begin_sqlite(transaction_mode mode) noexcept {
    return {"transaction.begin", mode == transaction_mode::read ? "BEGIN DEFERRED" : "BEGIN IMMEDIATE"};
  }
  static constexpr statement begin_postgresql(transaction_mode mode) noexcept {
    if (mode == transaction_mode::read)
      return {"transaction.begin", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
    return {"transaction.begin",
            mode == transaction_mode::write ? "BEGIN" : "BEGIN ISOLATION LEVEL SERIALIZABLE"};
  }
  static constexpr statement end_well{"transaction.commit", "COMMIT"};
  static constexpr statement end_badly{"transaction.rollback", "ROLLBACK"};

  void end() noexcept {
    open_ = false;
    entry_.reset();
  }

  // Some failures, such as a full disk, have rolled it back already.
  void abandon() noexcept {
    end();
    try {
      if (session_.in_transaction()) session_.exec(end_badly);
    } catch (const error&) {  // counted by the monitor; settle() tries without it, and the pool once more
      static_cast<void>(session_.settle());
    }
  }

  monitored_session& session_;
  bool open_ = false;
  std::optional<open_transactions::entry> entry_;  // while it is open
};

}  // namespace hasten

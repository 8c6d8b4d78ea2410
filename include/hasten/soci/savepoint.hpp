// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/expects.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/soci/monitored_session.hpp>

namespace hasten {

/// A part of a transaction that can be undone alone. It is undone unless it is released.
///
/// On PostgreSQL a statement that fails leaves nothing of its transaction to go on with, except behind a savepoint: set one
/// around what may fail and is then done in another way. On SQLite a failed statement undoes only itself.
/// Savepoints nest, and end in the reverse order. The session must outlive it.
/// The wrong tool for a transaction of its own: its changes are kept only if the one around it is committed.
/// Thread safety: single-owner.
///
///     hasten::transaction change(db);
///     {
///       hasten::savepoint part(db);
///       if (try_to_reserve(db)) part.release();   // otherwise what it did is undone, and the transaction goes on
///     }
///     change.commit();
class savepoint {
 public:
  /// Throws: query_error of kind bad_statement when the session has no transaction; as exec().
  explicit savepoint(monitored_session& session) : session_(session) {
    if (!session.in_transaction())
      throw query_error(query_error_kind::bad_statement, "savepoint.set: the session has no transaction");
    session.exec(set);
    open_ = true;
  }
  savepoint(const savepoint&) = delete;
  savepoint& operator=(const savepoint&) = delete;

  /// Undoes what was not released. May take as long as undoing the changes does.
  ~savepoint() {
    if (!open_) return;
    try {
      rollback();
    } catch (const error&) {  // counted by the monitor; the transaction cannot be committed any more
      static_cast<void>(session_.settle());
    }
  }

  /// Keeps the changes, as a part of the transaction. Throws: query_error, of kind aborted when a statement failed since; the
  /// savepoint is then still set.
  void release() {
    HASTEN_EXPECTS(open_, "savepoint: release() after release() or rollback()");
    session_.exec(keep);
    open_ = false;
  }

  /// Undoes the changes; the transaction goes on. Throws: query_error.
  void rollback() {
    HASTEN_EXPECTS(open_, "savepoint: rollback() after release() or rollback()");
    open_ = false;
    if (!session_.in_transaction()) return;  // the failure was one that undid all of it
    session_.exec(undo);
    session_.exec(keep);
  }

  [[nodiscard]] bool is_open() const noexcept { return open_; }

 private:
  // Of savepoints with one name the last is meant, on both databases; so one text serves all depths.
  static constexpr statement set{"savepoint.set", "SAVEPOINT hasten_savepoint"};
  static constexpr statement keep{"savepoint.release", "RELEASE SAVEPOINT hasten_savepoint"};
  static constexpr statement undo{"savepoint.rollback", "ROLLBACK TO SAVEPOINT hasten_savepoint"};

  monitored_session& session_;
  bool open_ = false;
};

}  // namespace hasten

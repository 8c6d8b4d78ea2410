// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/soci/monitored_session.hpp>

#include <algorithm>

namespace hasten {

/// Until it goes out of scope, a statement of the session that still runs at the deadline is stopped and fails with
/// query_error of kind timeout. Within the scope of another one, the earlier deadline holds.
///
/// SQLite: it costs a look at the clock every thousand steps of its machine, not measurable in a point query, and does not
/// shorten the wait for another writer's lock, which the busy timeout bounds. PostgreSQL: it costs nothing; at the
/// deadline the server is asked to stop, and given up, with the connection, if it does not answer that within about a
/// second. A statement that was stopped within a transaction is undone; the transaction may be too, and is best rolled
/// back.
/// The session, or the lease of it, must outlive it.
/// Thread safety: single-owner.
///
///     const hasten::query_deadline limit(*db, request_deadline);
///     const auto report = db->all<row>(expensive);   // or query_error, errc::timeout
class query_deadline {
 public:
  /// Throws: query_error of kind bad_statement for a session of another database.
  query_deadline(monitored_session& session, steady_time deadline)
      : session_(session), before_(session.deadline_) {
    if (!session.is_postgresql()) static_cast<void>(session.require_sqlite("query_deadline"));
    session_.set_deadline(std::min(before_, deadline));
  }
  query_deadline(const query_deadline&) = delete;
  query_deadline& operator=(const query_deadline&) = delete;
  ~query_deadline() { session_.set_deadline(before_); }

 private:
  monitored_session& session_;
  const steady_time before_;
};

}  // namespace hasten

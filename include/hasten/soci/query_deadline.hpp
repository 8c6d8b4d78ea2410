// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/soci/monitored_session.hpp>

#include <algorithm>
#include <stop_token>
#include <utility>

namespace hasten {

/// Until it goes out of scope, a statement of the session that still runs at the deadline, or once a stop is requested, is
/// stopped and fails with query_error of kind timeout. Within the scope of another one, the earlier deadline and, if it has
/// one, its own stop token hold.
///
/// A stop request is what a worker's task gets when nobody waits for its answer any more; it is noticed within some 20 ms
/// while a server is waited for, and at once while SQLite works. SQLite: it costs a look at the clock every thousand steps of its machine, not measurable in a point query, and does not
/// shorten the wait for another writer's lock, which the busy timeout bounds. PostgreSQL: it costs nothing; at the
/// deadline the server is asked to stop, and given up, with the connection, if it does not answer that within about a
/// second. A statement that was stopped within a transaction is undone; the transaction may be too, and is best rolled
/// back.
/// The session, or the lease of it, must outlive it, and so should a transaction: its rollback is not to be stopped.
/// Thread safety: single-owner.
///
///     const hasten::query_deadline limit(*db, request_deadline);
///     const auto report = db->all<row>(expensive);   // or query_error, errc::timeout
///     pool.submit({.stop = client.get_token()}, [&](std::stop_token stop) {
///       const hasten::query_deadline limit(*db, request_deadline, stop);
class query_deadline {
 public:
  /// Throws: query_error of kind bad_statement for a session of another database.
  query_deadline(monitored_session& session, steady_time deadline, std::stop_token stop = {})
      : session_(session), before_(session.deadline_), stop_before_(session.stop_) {
    if (!session.is_postgresql()) static_cast<void>(session.require_sqlite("query_deadline"));
    session_.set_limits(std::min(before_, deadline), stop.stop_possible() ? std::move(stop) : stop_before_);
  }
  query_deadline(const query_deadline&) = delete;
  query_deadline& operator=(const query_deadline&) = delete;
  ~query_deadline() { session_.set_limits(before_, stop_before_); }

 private:
  monitored_session& session_;
  const steady_time before_;
  const std::stop_token stop_before_;
};

}  // namespace hasten

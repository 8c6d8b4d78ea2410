// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/resource_pool.hpp>
#include <hasten/query/pool_meter.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/sqlite_tuning.hpp>
#ifdef HASTEN_WITH_POSTGRESQL
#include <hasten/soci/detail/postgresql_pool.hpp>
#include <hasten/soci/postgresql_options.hpp>
#endif

#include <soci/session.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hasten {

/// The right to use one session until the end of the scope. When it ends, a transaction that was left open is
/// rolled back, and a session that cannot be brought into order is replaced. Move-only.
/// Thread safety: single-owner.
class session_lease {
 public:
  session_lease() = default;
  session_lease(session_lease&&) noexcept = default;
  session_lease& operator=(session_lease&& other) noexcept {
    if (this != &other) {
      release();
      lease_ = std::move(other.lease_);
    }
    return *this;
  }
  ~session_lease() { release(); }

  [[nodiscard]] monitored_session& operator*() const noexcept { return *lease_; }
  [[nodiscard]] monitored_session* operator->() const noexcept { return &*lease_; }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(lease_); }

  /// Gives the session back early; the lease is empty afterwards.
  void release() noexcept {
    if (!lease_) return;
    if (lease_->settle())
      lease_.release();
    else
      lease_.discard();
  }

 private:
  friend class session_pool;
  explicit session_lease(resource_pool<monitored_session>::lease lease) noexcept : lease_(std::move(lease)) {}

  resource_pool<monitored_session>::lease lease_;
};

/// What both halves of a session pool have done. On PostgreSQL `writer` is all sessions of the first server.
struct session_pool_stats {
  pool_stats readers;
  pool_stats writer;
};

/// The sessions of one database: of an SQLite file, one that writes and several that can only read; of PostgreSQL,
/// several that do either as they are leased, and those of its replicas.
///
/// SQLite has one writer at a time whatever one does. Queueing for it here is fair and has a deadline;
/// meeting at the file's lock is neither. Readers see the last committed state and never wait for the writer.
///
/// A caller gets a session or an error by its deadline: error(errc::overloaded) when all are in use,
/// query_error with errc::database_down when the database cannot be reached, which on PostgreSQL may take
/// `connect_timeout` to tell, or the rest of the caller's time if that is less: the connection is then made on without the
/// caller, for the next one. Sessions are made when they are first needed, and again by themselves after the database came
/// back. Leases may outlive the pool; the monitor must outlive both. Who ends the pool or its last lease may wait
/// `connect_timeout` for a connection that is under way. The wrong tool for `:memory:`, where every session would have a database of its own.
/// Thread safety: thread-safe.
///
///     hasten::session_pool pool({.path = "shop.db", .readers = 4}, monitor);
///     auto db = pool.read(hasten::steady_clock_source::now() + 2s);
///     const auto open = db->scalar<std::int64_t>({"orders.open", "SELECT count(*) FROM orders WHERE
///     status='open'"});
class session_pool {
 public:
  struct options {
    std::string path = {};          ///< of the file; made if it does not exist
    std::size_t readers = 0;        ///< sessions that only read, 0..1000; zero: one per processor
    std::size_t waiters_max = 200;  ///< callers waiting for either half, 0..1000000
    std::chrono::nanoseconds validate_after = std::chrono::seconds(5);  ///< see resource_pool
    std::size_t readers_min = 0;  ///< kept ready by maintain(), 0..readers
    std::chrono::nanoseconds lifetime_max{
        0};  ///< a session retires at this age, ≥ 0; zero: never, as SQLite wants it
    std::chrono::nanoseconds idle_max{0};   ///< maintain() closes what lay idle so long; zero: never
    std::chrono::nanoseconds keepalive{0};  ///< maintain() validates what lay idle so long; zero: never
    std::chrono::nanoseconds leak_after =
        std::chrono::seconds(60);  ///< reported when held so long; zero: never
    /// Told by maintain() of each lease that is held too long, and who took it. Empty: such leases are only counted.
    std::function<void(const pool_leak&)> on_leak = {};
    sqlite_tuning tuning = {};
    monitored_session::options session = {};
  };

  /// Opens the writer once, so that a wrong path or setting shows at once.
  /// Throws: std::invalid_argument for an option out of range; query_error when the file cannot be opened or
  /// tuned.
  session_pool(options chosen, query_monitor& monitor)
      : options_(checked(std::move(chosen))),
        writer_(limits(options_, false, writer_times_), opener(options_, monitor, false), works),
        readers_(std::in_place, limits(options_, true, readers_times_), opener(options_, monitor, true),
                 works) {
    static_cast<void>(writer_.acquire(steady_clock_source::now()));
  }

#ifdef HASTEN_WITH_POSTGRESQL
  /// Connects to PostgreSQL `sessions_min` times, so that a wrong setting shows at once.
  /// Throws: std::invalid_argument for an option out of range; query_error when no connection can be made.
  session_pool(const postgresql_options& chosen, query_monitor& monitor)
      : writer_((validate(chosen), detail::limits_of(chosen, writer_times_.observer(chosen.on_leak), false)),
                detail::opener_of(detail::with_settings(chosen, chosen.connection), monitor, chosen.session),
                detail::validator_of(chosen)),
        replicas_(std::in_place, chosen, monitor) {
    std::vector<resource_pool<monitored_session>::lease> warm;
    for (std::size_t each = 0; each < chosen.sessions_min; ++each)
      warm.push_back(writer_.acquire(steady_clock_source::now()));
  }

  /// Leases a session that cannot write, of a replica that is near enough, else of the first server: for reads that may
  /// miss what was committed a moment ago. On SQLite the same as read().
  [[nodiscard]] session_lease read_replica(
      steady_time deadline, const std::source_location where = std::source_location::current()) {
    if (replicas_.has_value())
      if (auto lease = replicas_->acquire(deadline, where)) return session_lease(std::move(*lease));
    return read(deadline, where);
  }
#endif

  /// Leases a session that cannot write. Throws and blocks as said above. `where` is what the leak watch tells.
  [[nodiscard]] session_lease read(steady_time deadline,
                                   const std::source_location where = std::source_location::current()) {
    if (readers_.has_value()) return session_lease(readers_->acquire(deadline, where));
    return lease_as(true, deadline, where);
  }

  /// Leases the session that can write. Throws and blocks as said above.
  [[nodiscard]] session_lease write(steady_time deadline,
                                    const std::source_location where = std::source_location::current()) {
    return lease_as(false, deadline, where);
  }

  /// Does what should happen without callers, as resource_pool::maintain(), for both halves: call it every half
  /// minute or so. Returns: what was done to the readers and to the writer.
  std::array<pool_upkeep, 2> maintain() {
#ifdef HASTEN_WITH_POSTGRESQL
    if (replicas_.has_value()) replicas_->maintain();
#endif
    return {readers_.has_value() ? readers_->maintain() : pool_upkeep{}, writer_.maintain()};
  }

  /// Refuses new leases and turns waiting callers away, as resource_pool::close().
  void close() {
#ifdef HASTEN_WITH_POSTGRESQL
    if (replicas_.has_value()) replicas_->close();
#endif
    if (readers_.has_value()) readers_->close();
    writer_.close();
  }

  [[nodiscard]] bool is_postgresql() const noexcept { return !readers_.has_value(); }

  [[nodiscard]] session_pool_stats stats() const {
    return {.readers = reader_stats(), .writer = writer_.stats()};
  }

  /// Returns: both halves with their times, to be shown by write_pools(). Complexity: some microseconds.
  [[nodiscard]] std::array<pool_reading, 2> readings() const {
    return {pool_reading{.name = "readers", .stats = reader_stats(), .times = readers_times_.read()},
            pool_reading{.name = "writer", .stats = writer_.stats(), .times = writer_times_.read()}};
  }

  [[nodiscard]] const std::string& path() const noexcept { return options_.path; }

 private:
  static options checked(options chosen) {
    if (chosen.path.empty() || chosen.path.find_first_of(std::string("\"\0", 2)) != std::string::npos)
      throw std::invalid_argument(
          "session_pool: path must be neither empty nor hold a quotation mark or a NUL");
    if (chosen.path == ":memory:" || chosen.path.starts_with("file:"))
      throw std::invalid_argument(
          "session_pool: path must be a file; each session would have a database of its own");
    if (chosen.readers > 1000)
      throw std::invalid_argument("session_pool: readers must be 0..1000, got " +
                                  std::to_string(chosen.readers));
    if (chosen.readers == 0) chosen.readers = std::max(1u, std::thread::hardware_concurrency());
    if (chosen.readers_min > chosen.readers)
      throw std::invalid_argument("session_pool: readers_min must be 0..readers, got " +
                                  std::to_string(chosen.readers_min));
    validate(chosen.tuning);
    return chosen;
  }

  static resource_pool<monitored_session>::options limits(const options& chosen, bool query_only,
                                                          const pool_meter& times) {
    return {.name = query_only ? "sqlite readers" : "sqlite writer",
            .size_max = query_only ? chosen.readers : 1,
            .waiters_max = chosen.waiters_max,
            .validate_after = chosen.validate_after,
            .lifetime_max = chosen.lifetime_max,
            .size_min = query_only ? chosen.readers_min : 0,
            .idle_max = chosen.idle_max,
            .keepalive = chosen.keepalive,
            .leak_after = chosen.leak_after,
            .observer = times.observer(chosen.on_leak)};
  }

  static resource_pool<monitored_session>::factory opener(const options& chosen, query_monitor& monitor,
                                                          bool query_only) {
    return [path = chosen.path, tuning = chosen.tuning, session = chosen.session, &monitor, query_only] {
      auto connection = std::make_unique<::soci::session>();
      try {
        connection->open(::soci::sqlite3, "db=\"" + path + "\"");
      } catch (const ::soci::soci_error& failure) {
        throw query_error(query_error_kind::database_down, "opening the database", 0,
                          failure.get_error_message());
      }
      apply(tuning, *connection, query_only);
      return std::make_unique<monitored_session>(std::move(connection), monitor, session);
    };
  }

  // Reads the first page of the file, which fails when the file is gone or damaged.
  static bool works(monitored_session& session) {
    static constexpr statement look{"session_pool.validate", "PRAGMA schema_version"};
    return session.maybe<std::int64_t>(look).has_value();
  }

  [[nodiscard]] pool_stats reader_stats() const {
    return readers_.has_value() ? readers_->stats() : pool_stats{};
  }

  [[nodiscard]] session_lease lease_as(bool read_only, steady_time deadline,
                                       const std::source_location where) {
#ifdef HASTEN_WITH_POSTGRESQL
    const detail::caller_deadline limit(deadline);
#endif
    session_lease lease(writer_.acquire(deadline, where));
    lease->set_read_only(read_only, deadline);
    return lease;
  }

  const options options_{};
  const pool_meter writer_times_;
  const pool_meter readers_times_;
  resource_pool<monitored_session> writer_;
  std::optional<resource_pool<monitored_session>> readers_;  // empty for PostgreSQL
#ifdef HASTEN_WITH_POSTGRESQL
  std::optional<detail::postgresql_replicas> replicas_;  // empty for SQLite
#endif
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/resource_pool.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/postgresql_options.hpp>

#include <soci/session.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten::detail {

/// Returns: why no connection could be made. libpq keeps the state of such a failure to itself, so the text must do; what
/// it does not tell counts as a server that is down.
[[nodiscard]] inline query_error connecting_failed(std::string_view said) {
  const auto says = [&](std::string_view words) { return said.find(words) != std::string_view::npos; };
  query_error_kind kind = query_error_kind::database_down;
  if (says("too many clients") || says("too many connections") || says("connection slots are reserved"))
    kind = query_error_kind::too_many_connections;
  else if (says("authentication failed") || says("no pg_hba.conf entry") || says("no password supplied"))
    kind = query_error_kind::no_privilege;
  return {kind, "connecting to PostgreSQL", 0, std::string(said)};
}

[[nodiscard]] inline std::unique_ptr<monitored_session> open_postgresql(
    const std::string& connection, query_monitor& monitor, const monitored_session::options& chosen) {
  auto session = std::make_unique<::soci::session>();
  try {
    session->open(::soci::postgresql, connection);
  } catch (const ::soci::soci_error& failure) {
    throw connecting_failed(failure.what());
  }
  return std::make_unique<monitored_session>(std::move(session), monitor, chosen);
}

[[nodiscard]] inline resource_pool<monitored_session>::options limits_of(const postgresql_options& chosen,
                                                                         pool_observer observer,
                                                                         bool replica) {
  return {.name = replica ? "postgresql replica" : "postgresql",
          .size_max = chosen.sessions_max,
          .waiters_max = chosen.waiters_max,
          .validate_after = std::chrono::nanoseconds(0),  // the validator itself knows when a look is enough
          .lifetime_max = chosen.lifetime_max,
          .size_min = replica ? 0 : chosen.sessions_min,
          .idle_max = chosen.idle_max,
          .keepalive = chosen.keepalive,
          .leak_after = chosen.leak_after,
          .observer = std::move(observer)};
}

/// The servers that follow the first one, and which of them are near enough.
/// Thread safety: thread-safe.
class postgresql_replicas {
 public:
  using pool = resource_pool<monitored_session>;

  postgresql_replicas(const postgresql_options& chosen, query_monitor& monitor)
      : options_(chosen), monitor_(monitor) {
    for (const std::string& each : chosen.replicas) {
      const std::string connection = with_settings(chosen, each);
      all_.push_back(std::make_unique<replica>(
          limits_of(chosen, {}, true),
          [connection, session = chosen.session, &monitor] {
            return open_postgresql(connection, monitor, session);
          },
          [after = chosen.validate_after](monitored_session& session) { return session.is_alive(after); }));
    }
  }

  /// Leases from one that is near enough. Returns: nothing if none is, or if none has a session free at once.
  [[nodiscard]] std::optional<pool::lease> acquire(const std::source_location where) {
    const std::size_t first = next_.fetch_add(1);
    for (std::size_t each = 0; each < all_.size(); ++each) {
      replica& chosen = *all_[(first + each) % all_.size()];
      if (std::optional<pool::lease> lease = try_one(chosen, where)) return lease;
    }
    return std::nullopt;
  }

  void close() {
    for (const auto& each : all_) each->sessions.close();
  }
  void maintain() {
    for (const auto& each : all_) static_cast<void>(each->sessions.maintain());
  }

 private:
  struct replica {
    replica(pool::options limits, pool::factory create, pool::validator validate)
        : sessions(std::move(limits), std::move(create), std::move(validate)) {}
    pool sessions;
    std::atomic<steady_time::rep> asked_at{steady_time::min().time_since_epoch().count()};
    std::atomic<bool> is_near{false};
  };

  // One caller asks, the others take the last answer meanwhile. A server that cannot be reached is asked again later.
  [[nodiscard]] std::optional<pool::lease> try_one(replica& of, const std::source_location where) {
    const steady_time now = monitor_.now();
    steady_time::rep before = of.asked_at.load();
    const bool due = before == steady_time::min().time_since_epoch().count() ||
                     now - steady_time(steady_time::duration(before)) >= options_.lag_every;
    const bool mine = due && of.asked_at.compare_exchange_strong(before, now.time_since_epoch().count());
    if (!mine && !of.is_near.load()) return std::nullopt;
    pool::lease lease;
    try {
      lease = of.sessions.acquire(now, where);
      if (mine) of.is_near.store(lag_of(*lease) <= options_.lag_max);
      if (of.is_near.load()) {
        lease->set_read_only(true);
        return lease;
      }
    } catch (
        const error& failure) {  // the first server serves the caller; the monitor has counted the failure
      if (mine && failure.code() != errc::overloaded) of.is_near.store(false);
      if (lease && !lease->settle()) lease.discard();
    }
    return std::nullopt;
  }

  [[nodiscard]] std::chrono::nanoseconds lag_of(monitored_session& session) const {
    const double seconds = session.scalar<double>({"session_pool.lag", options_.lag_query});
    if (!(seconds < 1e9)) return std::chrono::nanoseconds::max();
    return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  }

  const postgresql_options options_;
  query_monitor& monitor_;
  std::vector<std::unique_ptr<replica>> all_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace hasten::detail

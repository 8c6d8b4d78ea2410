// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/resource_pool.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/detail/postgresql_connector.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/postgresql_options.hpp>
#include <hasten/soci/query_deadline.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

namespace hasten::detail {

/// Returns: what makes sessions for a pool, within the time of its caller.
[[nodiscard]] inline resource_pool<monitored_session>::factory opener_of(
    std::string connection, query_monitor& monitor, const monitored_session::options& chosen) {
  auto connector = std::make_shared<postgresql_connector>(std::move(connection));
  return [connector, &monitor, chosen] {
    return std::make_unique<monitored_session>(connector->open(caller_deadline::current()), monitor, chosen);
  };
}

/// Returns: what asks a session for a sign of life, within the time of the pool's caller.
[[nodiscard]] inline resource_pool<monitored_session>::validator validator_of(
    const postgresql_options& chosen) {
  return [after = chosen.validate_after](monitored_session& session) {
    return session.is_alive(after, caller_deadline::current());
  };
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
      all_.push_back(std::make_unique<replica>(
          limits_of(chosen, {}, true), opener_of(with_settings(chosen, each), monitor, chosen.session),
          validator_of(chosen)));
    }
  }

  /// Leases from one that is near enough. Returns: nothing if none is, or if none has a session free at once.
  /// Blocks on: servers that do not answer, for half the time until `deadline`, which leaves the rest for the first one.
  [[nodiscard]] std::optional<pool::lease> acquire(steady_time deadline, const std::source_location where) {
    const steady_time began = monitor_.now();
    const caller_deadline limit(deadline > began ? began + (deadline - began) / 2 : deadline);
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
        lease->set_read_only(true, caller_deadline::current());
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
    const query_deadline limit(session, caller_deadline::current());
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

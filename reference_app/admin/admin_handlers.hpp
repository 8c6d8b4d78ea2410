// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/answer_cache.hpp"
#include "shared/endpoint.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/metrics/response_timer.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <functional>
#include <vector>

namespace claims_app {

/// The probes, the index and the routes under /api/v1/admin. What only reads counters is answered on the I/O thread, so
/// that a server with a full queue still tells its operator so. Thread safety: thread-safe.
class admin_handlers {
 public:
  struct parts {
    hasten::session_pool& sessions;
    answer_cache& cache;
    hasten::worker_pool& workers;
    hasten::query_monitor& queries;
    std::function<const hasten::response_timer<>&()> timing;  // asked late: the timer needs the routes first
    std::function<bool()> is_stopping;
    hasten::steady_time started;
  };

  explicit admin_handlers(parts given) : parts_(std::move(given)) {}

  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes);

 private:
  [[nodiscard]] answer index() const;
  [[nodiscard]] answer cache_stats() const;
  [[nodiscard]] answer performance() const;
  [[nodiscard]] plan health(const request& what) const;
  [[nodiscard]] plan ready(const request& what) const;
  void check_database(work& task) const;

  parts parts_;
};

}  // namespace claims_app

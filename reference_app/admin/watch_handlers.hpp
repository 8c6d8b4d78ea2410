// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "admin/log_levels.hpp"
#include "admin/telemetry.hpp"
#include "shared/endpoint.hpp"

#include <string>
#include <utility>
#include <vector>

namespace claims_app {

/// The probes, and what an operator watches: health, performance, requests, alerts, charts, events, metrics, settings.
/// Everything is known already when it is asked for, but for the requests under way, which are asked of the event loops.
/// Thread safety: thread-safe; it outlives the handlers it gives out.
class watch_handlers {
 public:
  struct parts {
    telemetry& watch;
    answer_cache& cache;
    hasten::session_pool& sessions;
    hasten::worker_pool& workers;
    hasten::query_monitor& queries;
    log_levels& levels;
    std::function<const request_timer&()> timing;
    std::function<const server&()> http;
    std::vector<std::pair<std::string, std::string>> settings;  // masked already
  };

  explicit watch_handlers(parts given) : parts_(std::move(given)) {}

  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes);

 private:
  void add_probes(std::vector<route>& routes);
  void add_alert_routes(std::vector<route>& routes);

  [[nodiscard]] answer probe(hasten::health_group group) const;
  [[nodiscard]] answer health(std::string_view accept) const;
  [[nodiscard]] answer short_health() const;
  [[nodiscard]] answer performance() const;
  [[nodiscard]] answer requests(std::string_view query) const;
  [[nodiscard]] answer slow_requests() const;
  [[nodiscard]] answer under_way(hasten::steady_time deadline) const;
  [[nodiscard]] answer alerts() const;
  [[nodiscard]] answer rules() const;
  [[nodiscard]] answer silences() const;
  [[nodiscard]] answer add_silence(std::string_view body) const;
  [[nodiscard]] answer remove_silence(std::string_view id) const;
  [[nodiscard]] answer chart(std::string_view query) const;
  [[nodiscard]] answer metrics_page(std::string_view accept) const;
  [[nodiscard]] answer info() const;
  [[nodiscard]] answer settings() const;
  [[nodiscard]] answer loggers() const;
  [[nodiscard]] answer set_logger(std::string_view id, std::string_view body) const;
  [[nodiscard]] answer reset_logger(std::string_view id) const;

  parts parts_;
};

/// Lets each route of `routes` that the documents of others call by another address answer there as well.
void add_legacy_paths(std::vector<route>& routes);

}  // namespace claims_app

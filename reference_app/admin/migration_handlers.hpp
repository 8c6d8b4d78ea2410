// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/endpoint.hpp"

#include <hasten/soci/session_pool.hpp>

#include <vector>

namespace claims_app {

/// What an operator sees of the schema's history, and the way to apply what is pending while the server runs. Going
/// back is left to the command line, where a copy is made first. Thread safety: thread-safe.
class migration_handlers {
 public:
  explicit migration_handlers(hasten::session_pool& sessions) : sessions_(sessions) {}

  /// Appends this slice's routes, under /api/v1/admin and /api/monitoring.
  void add_routes(std::vector<route>& routes);

 private:
  [[nodiscard]] plan list(const request& what) const;
  [[nodiscard]] plan run(const request& what) const;

  hasten::session_pool& sessions_;
};

}  // namespace claims_app

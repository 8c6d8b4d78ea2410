// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/data_version.hpp"
#include "shared/endpoint.hpp"
#include "shared/keyed_hash.hpp"

#include <hasten/soci/session_pool.hpp>

#include <vector>

namespace claims_app {

/// GET /api/v1/denials/metrics. Thread safety: thread-safe; it outlives the handlers it gives out.
class denial_handlers {
 public:
  struct parts {
    hasten::session_pool& sessions;
    data_version& version;
    keyed_hash key_hash;
  };

  explicit denial_handlers(parts given) : parts_(std::move(given)) {}

  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes);

 private:
  plan metrics(const request& what);

  parts parts_;
};

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/cursor.hpp"
#include "shared/endpoint.hpp"
#include "shared/keyed_hash.hpp"

#include <hasten/soci/session_pool.hpp>

#include <vector>

namespace claims_app {

/// GET /api/v1/payers and /api/v1/providers: where a client finds the ids that claims are filtered by.
/// Thread safety: thread-safe; it outlives the handlers it gives out.
class directory_handlers {
 public:
  struct parts {
    hasten::session_pool& sessions;
    keyed_hash key_hash;
    cursor_codec cursors;
  };

  explicit directory_handlers(parts given) : parts_(std::move(given)) {}

  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes);

 private:
  enum class list { payers, providers };
  plan read(list which, const request& what);

  parts parts_;
};

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "claims/new_claim.hpp"
#include "shared/answer_cache.hpp"
#include "shared/cursor.hpp"
#include "shared/data_version.hpp"
#include "shared/endpoint.hpp"
#include "shared/idempotency.hpp"
#include "shared/keyed_hash.hpp"
#include "shared/public_id.hpp"

#include <hasten/soci/session_pool.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace claims_app {

/// The routes under /api/v1/claims. Thread safety: thread-safe; it outlives the handlers it gives out.
class claim_handlers {
 public:
  struct parts {
    hasten::session_pool& sessions;
    answer_cache& cache;
    data_version& version;
    keyed_hash key_hash;  // turns filters into cache keys
    cursor_codec cursors;
    idempotency_keys keys;
  };

  explicit claim_handlers(parts given) : parts_(std::move(given)) {}

  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes);

 private:
  plan list(const request& what);
  plan item(const request& what);
  plan create(const request& what);
  plan change(const request& what);

  struct made_claim {
    std::string id;
    bool is_replayed = false;  // an earlier request with the same key made it
  };
  made_claim make(hasten::monitored_session& session, const new_claim& given,
                  const std::optional<idempotency_keys::asked>& key);

  parts parts_;
  public_id_generator ids_;
};

}  // namespace claims_app

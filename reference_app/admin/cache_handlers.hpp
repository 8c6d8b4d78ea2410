// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/answer_cache.hpp"
#include "shared/endpoint.hpp"

#include <vector>

namespace claims_app {

/// What the operator may know of the cache of answers, and begin to count anew: GET /api/v1/admin/cache/stats and
/// POST /api/v1/admin/cache/stats/reset, both with or without ?key=. Keys are ids and keyed hashes of ours.
/// Thread safety: thread-safe.
class cache_handlers {
 public:
  explicit cache_handlers(answer_cache& cache) : cache_(cache) {}

  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes);

 private:
  [[nodiscard]] answer stats(const request& what) const;
  [[nodiscard]] answer all() const;
  [[nodiscard]] answer reset(const request& what);

  answer_cache& cache_;
};

}  // namespace claims_app

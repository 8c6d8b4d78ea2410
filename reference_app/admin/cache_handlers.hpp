// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/answer_cache.hpp"
#include "shared/endpoint.hpp"

#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace claims_app {

/// What the operator may know of the cache of answers, and take out of it: GET and DELETE /api/v1/admin/cache, and
/// GET /api/v1/admin/cache/stats and POST /api/v1/admin/cache/stats/reset, both with or without ?key=. Keys are ids and keyed
/// hashes of ours; what is kept under them is never shown. Thread safety: thread-safe.
class cache_handlers {
 public:
  /// Told of each eviction: how the entries were chosen ("key", "prefix" or "all"), and how many there were.
  using eviction_log = std::function<void(std::string_view, std::size_t)>;

  /// `log` must be thread-safe and must not throw.
  cache_handlers(answer_cache& cache, eviction_log log) : cache_(cache), log_(std::move(log)) {}

  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes);

 private:
  [[nodiscard]] plan list(const request& what) const;
  [[nodiscard]] plan evict(const request& what) const;
  [[nodiscard]] answer stats(const request& what) const;
  [[nodiscard]] answer all() const;
  [[nodiscard]] answer reset(const request& what);

  answer_cache& cache_;
  const eviction_log log_;
};

}  // namespace claims_app

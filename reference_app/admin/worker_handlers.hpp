// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/endpoint.hpp"

#include <hasten/workers/worker_pool.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {

/// GET /api/v1/admin/workers/stats and POST /api/v1/admin/workers/{name}/pause and /resume. All answer on the I/O thread:
/// an operator must see and resume a pool that is full or paused. A paused pool takes work and starts none, so requests
/// that need it end with 503 after their time; what the cache has is answered all the same.
/// Thread safety: thread-safe once the pools are added; it outlives the handlers it gives out.
class worker_handlers {
 public:
  /// The pool must outlive the handlers.
  void add(std::string name, hasten::worker_pool& pool) { pools_.push_back({std::move(name), &pool}); }

  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes);

 private:
  struct named_pool {
    std::string name;
    hasten::worker_pool* pool;
  };

  [[nodiscard]] answer stats() const;
  [[nodiscard]] plan change(const request& what, void (hasten::worker_pool::*how)() noexcept) const;
  [[nodiscard]] const named_pool& find(std::string_view name) const;

  std::vector<named_pool> pools_;
};

}  // namespace claims_app

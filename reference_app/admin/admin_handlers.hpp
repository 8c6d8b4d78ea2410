// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/answer_cache.hpp"
#include "shared/endpoint.hpp"

#include <vector>

namespace claims_app {

/// The index, and what the cache has done. Both only read counters and are answered on the I/O thread, so that a server
/// with a full queue still tells its operator so. Thread safety: thread-safe.
class admin_handlers {
 public:
  struct parts {
    answer_cache& cache;
  };

  explicit admin_handlers(parts given) : parts_(given) {}

  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes);

 private:
  [[nodiscard]] answer index() const;
  [[nodiscard]] answer cache_stats() const;

  parts parts_;
};

}  // namespace claims_app

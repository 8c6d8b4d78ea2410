// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/endpoint.hpp"

#include <vector>

namespace claims_app {

/// The index: where everything else is. Thread safety: immutable.
class admin_handlers {
 public:
  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes) const;

 private:
  [[nodiscard]] static answer index();
};

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace claims_app {

/// Bounds of one request on the wire. Thread safety: immutable.
struct wire_limits {
  std::size_t head_bytes = 16 * 1024;    // request line and fields together; more is 431
  std::size_t target_bytes = 8 * 1024;   // more is 414
  std::size_t fields = 100;              // more is 431
  std::size_t body_bytes = 1024 * 1024;  // more is 413
};

}  // namespace claims_app

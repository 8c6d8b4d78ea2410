// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>

namespace claims_app {

/// Returns: unix milliseconds as RFC 3339 writes an instant, "2026-01-31T09:30:00.250Z".
[[nodiscard]] std::string to_rfc3339(std::int64_t unix_milliseconds);

}  // namespace claims_app

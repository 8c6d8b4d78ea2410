// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>

namespace claims_app {

/// Compresses in the gzip format (RFC 1952), with no name and no time in its header: equal texts become equal bytes.
/// Throws: std::runtime_error if zlib has no memory. Complexity: linear.
[[nodiscard]] std::string gzip(std::string_view text);

}  // namespace claims_app

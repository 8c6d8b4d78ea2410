// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {

/// Writes bytes in the alphabet that URLs and headers take as they are, without padding.
[[nodiscard]] std::string to_base64url(std::span<const std::byte> bytes);

/// Returns: the bytes; nothing unless `text` is exactly what to_base64url would write.
[[nodiscard]] std::optional<std::vector<std::byte>> from_base64url(std::string_view text);

}  // namespace claims_app

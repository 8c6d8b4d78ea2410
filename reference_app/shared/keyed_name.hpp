// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/base64url.hpp"
#include "shared/keyed_hash.hpp"

#include <span>
#include <string>
#include <string_view>

namespace claims_app {

/// Returns: 22 characters that stand for `text` in a cache key and say nothing about it.
[[nodiscard]] inline std::string keyed_name(const keyed_hash& hash, std::string_view text) {
  const keyed_hash::digest digest = hash(text);
  return to_base64url(std::span(digest).first(16));
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/cursor.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// What GET /api/v1/claims may be asked.
struct claim_filters {
  std::optional<std::string> status;
  std::optional<std::string> payer_id;     // public id
  std::optional<std::string> provider_id;  // public id
  std::optional<std::string> from;         // date of service, inclusive
  std::optional<std::string> to;           // date of service, inclusive
  std::optional<page_position> after;
  long long limit = 50;
  bool wants_total = false;

  /// Returns: the filters alone, in one spelling: what a cursor is bound to.
  [[nodiscard]] std::string canonical() const;

  /// Returns: everything that the answer depends on, in one spelling: what the cache keys by, hashed.
  [[nodiscard]] std::string canonical_with_page() const;
};

/// Throws: problem_error (400) that lists every parameter which is not acceptable.
[[nodiscard]] claim_filters read_claim_filters(std::string_view query, const cursor_codec& cursors);

}  // namespace claims_app

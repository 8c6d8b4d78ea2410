// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "claims/claim.hpp"
#include "shared/problem.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// What PATCH /api/v1/claims/{id} takes: what a payer decides, as a merge patch (RFC 7396). What is left out stays.
struct claim_change {
  struct reason {
    std::string carc;
    std::optional<std::string> text;
  };

  std::optional<std::string> status;
  std::optional<std::int64_t> allowed_cents;
  bool drops_allowed = false;  // allowedCents is null
  std::optional<std::int64_t> paid_cents;
  std::optional<std::int64_t> patient_resp_cents;
  std::optional<reason> denial_reason;
  bool drops_reason = false;  // denialReason is null

  /// Returns: whether it leaves everything as it is.
  [[nodiscard]] bool is_empty() const noexcept;
};

/// Throws: problem_error: 400 with the position for a body that is no JSON; 422 with a JSON pointer and a reason for
/// everything that is wrong with it. Neither repeats a byte of the body.
[[nodiscard]] claim_change read_claim_change(std::string_view body);

/// Returns: the claim as the change leaves it; its version and its instants are for who stores it.
/// Throws: problem_error: 409 where a claim that is decided would be pending again; 422 where it would be denied without a
/// reason, or have one without being denied.
[[nodiscard]] claim changed(claim before, const claim_change& change);

}  // namespace claims_app

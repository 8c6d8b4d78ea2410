// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "claims/claim.hpp"
#include "shared/problem.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {

/// What POST /api/v1/claims takes, checked as far as that is possible without the database.
struct new_claim {
  std::string provider_id;
  std::string payer_id;
  std::string patient_id;
  std::string claim_type;
  std::optional<std::int64_t> billed_cents;  // left out: the sum of the lines, where every line has one
  std::string date_of_service;
  std::optional<std::string> source_id;
  std::vector<claim_line> lines;
};

inline constexpr std::size_t claim_lines_max = 100;
inline constexpr std::int64_t claim_cents_max = 99'999'999'999;  // just below a thousand million dollars

/// Throws: problem_error: 400 with the position for a body that is no JSON; 422 with a JSON pointer and a
/// reason for everything that is wrong with it. Neither repeats a byte of the body.
[[nodiscard]] new_claim read_new_claim(std::string_view body, std::chrono::year_month_day today);

/// Returns: the 422 for what is wrong with a claim.
[[nodiscard]] problem invalid_claim(std::vector<problem_item> items);

}  // namespace claims_app

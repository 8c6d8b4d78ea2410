// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "claims/claim.hpp"
#include "claims/claim_change.hpp"
#include "claims/claim_filters.hpp"
#include "claims/new_claim.hpp"
#include "shared/public_id.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/soci/monitored_session.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

/// All SQL about claims.
namespace claims_app {

/// The conditions of a request, as sent; empty where there is none.
struct tag_conditions {
  std::string if_match;
  std::string if_none_match;
};

/// Returns: up to `limit + 1` claims in the order of the list, newest first; the one too many says that there is
/// another page, without counting anything.
[[nodiscard]] std::vector<claim> read_claims(hasten::monitored_session& session,
                                             const claim_filters& filters);

/// Returns: how many claims the filters let through, on all pages together.
[[nodiscard]] std::int64_t count_claims(hasten::monitored_session& session, const claim_filters& filters);

[[nodiscard]] std::optional<claim> find_claim(hasten::monitored_session& session, std::string_view public_id);

[[nodiscard]] std::vector<claim_line> read_lines(hasten::monitored_session& session, std::int64_t claim_row);

/// Stores a claim with its lines, as pending, in the transaction that is open.
/// Returns: the public id.
/// Throws: problem_error (422) if an id is not known or the patient belongs to another practice than the provider,
/// (409) if the source's id is taken.
[[nodiscard]] std::string insert_claim(hasten::monitored_session& session, const new_claim& what,
                                       public_id_generator& ids, hasten::wall_time now);

/// Stores a claim as the change leaves it, if what is stored now meets the conditions; its version rises by one, unless there
/// is nothing to change.
/// Returns: the claim as it is stored then.
/// Throws: problem_error: 404 for an id that is not known, 412 for tags that are not the claim's, and what changed() throws.
[[nodiscard]] claim update_claim(hasten::monitored_session& session, std::string_view public_id,
                                 const claim_change& change, const tag_conditions& wanted,
                                 hasten::wall_time now);

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/api_description.hpp"

namespace claims_app {

/// What the routes under /api/v1/claims take and answer.
void describe_claims(api_description& out);

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/api_description.hpp"

namespace claims_app {

/// What the routes of the risk answer.
void describe_risk(api_description& out);

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/api_description.hpp"

namespace claims_app {

/// What the routes of the denials answer.
void describe_denials(api_description& out);

}  // namespace claims_app

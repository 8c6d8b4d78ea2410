// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/api_description.hpp"

namespace claims_app {

/// What the lists of payers and providers answer.
void describe_directory(api_description& out);

}  // namespace claims_app

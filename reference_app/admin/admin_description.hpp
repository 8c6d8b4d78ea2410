// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/api_description.hpp"

namespace claims_app {

/// What the index, the probes and the operator's routes take and answer; the jobs' apart.
void describe_admin(api_description& out);

}  // namespace claims_app

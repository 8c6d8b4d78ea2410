// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/api_description.hpp"

namespace claims_app {

/// What the routes of the jobs take and answer.
void describe_jobs(api_description& out);

}  // namespace claims_app

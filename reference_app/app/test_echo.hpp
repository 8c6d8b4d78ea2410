// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/endpoint.hpp"

#include <vector>

namespace claims_app {

/// Lets POST /echo answer the body that it was sent, and / take every method, as suites that test servers from outside want it.
/// For tests alone: what it answers is the caller's own text, as bytes that no browser shows.
void add_test_echo(std::vector<route>& routes);

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <CLI/App.hpp>

namespace claims_app {

/// Adds `seed`: fills a database with invented claims. Sets `exit_status` to 0 when they are there.
void add_seed_command(CLI::App& app, int& exit_status);

}  // namespace claims_app

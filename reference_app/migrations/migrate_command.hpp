// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <CLI/App.hpp>

namespace claims_app {

/// Adds `migrate`, with the verbs up, status, down, to, baseline and repair; without one it is up. Sets `exit_status`
/// to 0 when what was asked for is done.
void add_migrate_command(CLI::App& app, int& exit_status);

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <CLI/App.hpp>

namespace claims_app {

/// Adds `migrate`: brings a database to the newest schema. Sets `exit_status` to 0
/// when the schema is the newest afterwards.
void add_migrate_command(CLI::App& app, int& exit_status);

}  // namespace claims_app

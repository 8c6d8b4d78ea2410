// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <CLI/App.hpp>

namespace claims_app {

/// Adds `backup` and `restore`: a copy of the database and of its key, made while a server writes, and the way back.
/// Sets `exit_status` to 0 when the copy is whole and in its place.
void add_backup_commands(CLI::App& app, int& exit_status);

}  // namespace claims_app

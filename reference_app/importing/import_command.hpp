// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <CLI/App.hpp>

namespace claims_app {

/// What `import` returns when it read everything but refused some rows. 1 is a failure.
inline constexpr int exit_rows_rejected = 3;

/// Adds `import`: brings DE-SynPUF or Synthea files into a database. Sets `exit_status` to 0 when every row
/// is in the database, to exit_rows_rejected when some were refused.
void add_import_command(CLI::App& app, int& exit_status);

}  // namespace claims_app

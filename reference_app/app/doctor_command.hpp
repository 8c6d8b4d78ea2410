// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace CLI {
class App;
}

namespace claims_app {

/// Adds `doctor`: checks all that `serve` would need with the same flags and changes nothing. Sets `exit_status` to 0, also
/// with warnings, or to 3 if something has to be mended first. `--json` for programs.
void add_doctor_command(CLI::App& app, int& exit_status);

}  // namespace claims_app

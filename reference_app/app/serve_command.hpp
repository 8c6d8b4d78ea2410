// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace CLI {
class App;
}

namespace claims_app {

/// Adds `serve`: migrate, seed an empty database, listen, read the configuration again on SIGHUP, and stop on SIGINT or
/// SIGTERM. Sets `exit_status` to 0 after a
/// stop, also one that had to cut somebody off at its deadline; to 1 if the server could not start; to 2 for settings that
/// are not acceptable. A second signal ends the process at once, by that signal.
void add_serve_command(CLI::App& app, int& exit_status);

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace CLI {
class App;
}

namespace claims_app {

/// Adds `config`: `check` tells whether `serve` would accept what it is given (0, else 2 and every error), `show` tells each
/// value that holds and where it comes from, secrets masked, `options` prints the table of all options. None of them opens
/// the database or listens.
void add_config_command(CLI::App& app, int& exit_status);

}  // namespace claims_app

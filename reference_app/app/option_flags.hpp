// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "app/serve_config.hpp"

#include <memory>

namespace CLI {
class App;
}

namespace claims_app {

/// Gives a command the flags of all options, and --config.
/// Returns: where the flags go as they are parsed, and HASTEN_CONFIG and the environment with them.
[[nodiscard]] std::shared_ptr<settings_sources> add_option_flags(CLI::App& command);

/// Prints warnings and errors on stderr, one a line. Returns: whether there was no error.
[[nodiscard]] bool print_complaints(const checked_config& checked);

}  // namespace claims_app

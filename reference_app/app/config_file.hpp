// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "app/serve_config.hpp"

#include <string>
#include <vector>

namespace claims_app {

/// Reads a configuration file: one JSON object whose members are options, with comments and trailing commas allowed.
/// What is wrong with it goes to `errors`, each naming the file and the member or the line; what is right is returned all
/// the same, so that it is checked as well. A secret in a file that everybody may read is an error.
[[nodiscard]] given_settings read_config_file(const std::string& path, std::vector<std::string>& errors);

/// Returns: the first line of a file that holds a secret.
/// Throws: std::invalid_argument saying what is wrong: it cannot be read, is no regular file, is empty, or may be read by
/// everybody or written by the group.
[[nodiscard]] std::string read_secret_file(const std::string& path);

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace claims_app {

// What the program returns; docs/guide/running.md has the table.
inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;  // it could not do what it was told
inline constexpr int exit_unacceptable =
    2;                                  // it did not begin: the command line or the configuration is wrong
inline constexpr int exit_wanting = 3;  // it looked, and what it looked at is not as it should be

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "app/doctor.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace claims_app {

/// Looks at a database file as an operator would: whether it can be read, is sound, keeps a write-ahead log and has the
/// schema of this program. Opens it for reading only; a server may have it open. `patience` bounds the check of the whole.
[[nodiscard]] std::vector<finding> examine_database(const std::string& path,
                                                    std::chrono::nanoseconds patience);

}  // namespace claims_app

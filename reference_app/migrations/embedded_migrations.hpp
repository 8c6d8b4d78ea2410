// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/migration_plan.hpp>

#include <span>

namespace claims_app {

/// Returns: the schema's history for SQLite, as the files in migrations/sqlite/ had it when this program was
/// built, in order; each with SHA-256 of its text, line endings aside. Lives as long as the program.
[[nodiscard]] std::span<const hasten::migration> sqlite_migrations();

}  // namespace claims_app

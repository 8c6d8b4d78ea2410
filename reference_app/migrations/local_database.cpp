// SPDX-License-Identifier: BSL-1.0
#include "migrations/local_database.hpp"

#include "migrations/embedded_migrations.hpp"

#include <hasten/core/clock.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>

namespace claims_app {
namespace {

hasten::session_pool::options options_for(const std::filesystem::path& path) {
  // A tool has nobody waiting for it: it would rather wait for a busy server than fail.
  return {.path = path.string(), .readers = 1, .tuning = {.busy_timeout = std::chrono::seconds(30)}};
}

secret_key key_of(const std::filesystem::path& database, hasten::monitored_session& session) {
  static constexpr hasten::statement any_patient{"patients.any", "SELECT EXISTS(SELECT 1 FROM patients)"};
  const std::filesystem::path key = key_path(database);
  if (!std::filesystem::exists(key) && session.scalar<std::int64_t>(any_patient) != 0)
    throw std::runtime_error(
        "key file " + key.string() +
        ": is missing, and the database holds patients whom only that key can find again");
  return load_or_create_key(key);
}

}  // namespace

local_database::local_database(const std::filesystem::path& path)
    : pool_(options_for(path), monitor_),
      session_(pool_.write(hasten::steady_clock_source::now() + std::chrono::seconds(30))),
      migrated_(hasten::migrator(*session_).apply(sqlite_migrations())),
      members_(member_index(key_of(path, *session_))) {}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/keyed_hash.hpp"

#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/migrator.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/session_pool.hpp>

#include <filesystem>

namespace claims_app {

/// The claims database as a command line tool uses it: opened, brought to the newest schema, with its key at
/// hand and one session that writes. A server may have it open at the same time.
///
/// The wrong tool for a server, which needs readers beside the writer. Thread safety: single-owner.
class local_database {
 public:
  /// Makes the file, its schema and its key where they are missing.
  /// Throws: hasten::error if the file cannot be opened or migrated; std::runtime_error if the key file
  /// cannot be read, or is missing although the database holds patients whom only that key can find again.
  explicit local_database(const std::filesystem::path& path);

  [[nodiscard]] hasten::monitored_session& session() noexcept { return *session_; }
  [[nodiscard]] const keyed_hash& members() const noexcept { return members_; }
  [[nodiscard]] const hasten::migration_report& migrated() const noexcept { return migrated_; }

 private:
  hasten::query_monitor monitor_;
  hasten::session_pool pool_;
  hasten::session_lease session_;  // the writer, for as long as this object lives
  hasten::migration_report migrated_;
  keyed_hash members_;
};

}  // namespace claims_app

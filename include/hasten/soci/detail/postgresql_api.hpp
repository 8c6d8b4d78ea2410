// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <soci/postgresql/soci-postgresql.h>
#include <soci/session.h>

#include <libpq-fe.h>

namespace hasten::detail {

/// Returns: SOCI's own connection to PostgreSQL; null for another database and for a session that is not open. SOCI 4.0
/// hides the type information of its backends, which the checked cast of a sanitizer would ask for.
[[nodiscard]] __attribute__((no_sanitize("vptr"))) inline PGconn* postgresql_handle_of(
    ::soci::session& session) {
  if (session.get_backend() == nullptr || session.get_backend_name() != "postgresql") return nullptr;
  return static_cast<::soci::postgresql_session_backend*>(session.get_backend())->conn_;
}

}  // namespace hasten::detail

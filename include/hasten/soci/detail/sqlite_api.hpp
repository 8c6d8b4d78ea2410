// SPDX-License-Identifier: BSL-1.0
#pragma once

// SOCI 4.0 includes <sqlite3.h> inside its namespace sqlite_api, and a translation unit can see that header
// only once. So the real one comes first, in the global namespace, and SOCI gets the few names it needs.
// Where somebody included SOCI's header before this one, SQLite lives in sqlite_api and is made visible from
// there. From 4.1 on SOCI only declares the types, as its own, and the handle is cast.
#include <soci/version.h>

#if SOCI_VERSION >= 400100
#include <soci/sqlite3/soci-sqlite3.h>
#include <sqlite3.h>
#elif defined(SOCI_SQLITE3_H_INCLUDED)
namespace hasten {
using namespace ::sqlite_api;  // NOLINT(google-build-using-namespace): the adapter's headers need the names
}
#else
#include <sqlite3.h>
namespace sqlite_api {
using ::sqlite3;
using ::sqlite3_destructor_type;
using ::sqlite3_int64;
using ::sqlite3_stmt;
}  // namespace sqlite_api
#include <soci/sqlite3/soci-sqlite3.h>
#endif

#include <soci/session.h>

#include <string>
#include <string_view>

namespace hasten::detail {

/// Returns: whether SOCI talks to the SQLite that this program is linked with. From 4.1 on it may carry one of its own,
/// and then its handle must not be given to ours.
[[nodiscard]] inline bool one_sqlite() noexcept {
#if SOCI_VERSION >= 400101
  return std::string_view(::soci::sqlite3_session_backend::libversion()) == sqlite3_libversion();
#else
  return true;
#endif
}

/// Keeps SOCI from recording each parameter as text, which 4.1 does from the start: it costs time, and the values would
/// stand in its exceptions.
inline void forget_values([[maybe_unused]] ::soci::session& session) {
#if SOCI_VERSION >= 400100
  session.set_query_context_logging_mode(::soci::log_context::never);
#endif
}

/// Returns: SOCI's own SQLite connection; null for another database, a session that is not open, or a SOCI that carries
/// an SQLite of its own. SOCI 4.0 hides the type information of its backends, which the checked cast of a sanitizer
/// would ask for.
[[nodiscard]] __attribute__((no_sanitize("vptr"))) inline sqlite3* sqlite_handle_of(
    ::soci::session& session) {
  if (session.get_backend() == nullptr || session.get_backend_name() != "sqlite3" || !one_sqlite())
    return nullptr;
  auto* const backend = static_cast<::soci::sqlite3_session_backend*>(session.get_backend());
  return reinterpret_cast<sqlite3*>(backend->conn_);
}

}  // namespace hasten::detail

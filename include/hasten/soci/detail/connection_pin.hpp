// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/sqlite_api.hpp>

#include <soci/session.h>

#include <string>
#include <string_view>

namespace hasten::detail {

/// Makes it harmless that somebody closes or reconnects SOCI's session under the statements prepared on it.
///
/// SQLite does not close a connection that has statements, and SOCI does not look whether it did: the connection would be
/// lost, with its descriptors and locks. One statement more, which is never run, makes that certain, so that the
/// connection can be used and closed here when the others are gone.
/// Thread safety: single-owner.
class connection_pin {
 public:
  /// Holds nothing yet. A null `handle` is never lost. The session outlives this.
  connection_pin(::soci::session& session, sqlite3* handle) noexcept : session_(session), handle_(handle) {}
  connection_pin(const connection_pin&) = delete;
  connection_pin& operator=(const connection_pin&) = delete;

  /// All other statements must be gone.
  ~connection_pin() {
    if (raw_ == nullptr) return;
    const bool lost = is_lost();
    sqlite3_finalize(raw_);
    if (lost) sqlite3_close(handle_);
  }

  /// To be called before anybody gets at the session. Without memory for it, the connection is not held.
  void hold() noexcept {
    if (raw_ == nullptr && handle_ != nullptr) sqlite3_prepare_v2(handle_, "SELECT 1", -1, &raw_, nullptr);
  }

  /// Returns: whether the session has another connection by now, or none.
  [[nodiscard]] bool is_lost() const noexcept {
    return raw_ != nullptr &&
           sqlite_handle_of(session_) != handle_;  // that of the held one cannot be given again
  }

  /// Throws: query_error of kind connection_lost if it is.
  void require(std::string_view name) const {
    if (is_lost())
      throw query_error(query_error_kind::connection_lost,
                        std::string(name) + ": the session was closed or reconnected");
  }

 private:
  ::soci::session& session_;
  sqlite3* handle_;
  sqlite3_stmt* raw_ = nullptr;
};

}  // namespace hasten::detail

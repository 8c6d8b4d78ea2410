// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/detail/sqlite_api.hpp>

namespace hasten::detail {

/// While it lives, the connection refuses to compile BEGIN, COMMIT, ROLLBACK and SAVEPOINT, with SQLITE_AUTH.
/// A script that ended the transaction around it would leave half of itself behind.
/// Thread safety: single-owner.
class no_transaction_control {
 public:
  explicit no_transaction_control(sqlite3* handle) noexcept : handle_(handle) {
    sqlite3_set_authorizer(handle_, &decide, nullptr);
  }
  no_transaction_control(const no_transaction_control&) = delete;
  no_transaction_control& operator=(const no_transaction_control&) = delete;
  ~no_transaction_control() { sqlite3_set_authorizer(handle_, nullptr, nullptr); }

 private:
  // NOLINTNEXTLINE(readability-function-size): the signature is SQLite's
  static int decide(void*, int action, const char*, const char*, const char*, const char*) noexcept {
    return action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT ? SQLITE_DENY : SQLITE_OK;
  }

  sqlite3* handle_;
};

}  // namespace hasten::detail

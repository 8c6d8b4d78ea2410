// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace hasten {

/// Why the environment failed, in terms a caller can act on.
enum class errc {
  timeout = 1,        ///< the deadline passed before the work was done
  closed,             ///< the object is shutting down and takes no more work
  overloaded,         ///< a bound was reached: a full queue, no free session
  recursive_load,     ///< a loader asked for the key that it is loading
  database_down,      ///< no connection could be made or kept
  busy,               ///< the database is locked by another writer
  constraint,         ///< a uniqueness, foreign-key, check or not-null rule refused the data
  bad_statement,      ///< the SQL text or its parameters do not fit the database
  bad_row,            ///< a column does not fit the type that it is read into
  query_failed,       ///< any other failure the database reported
  migration_refused,  ///< the migrations at hand and those applied do not agree
  bad_format,         ///< bytes that were stored are not what their type was written as
};

namespace detail {

class hasten_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "hasten"; }
  [[nodiscard]] std::string message(int code) const override {
    switch (static_cast<errc>(code)) {
      case errc::timeout:
        return "the deadline passed";
      case errc::closed:
        return "closed";
      case errc::overloaded:
        return "overloaded";
      case errc::recursive_load:
        return "a loader asked for the key that it is loading";
      case errc::database_down:
        return "the database cannot be reached";
      case errc::busy:
        return "the database is locked by another writer";
      case errc::constraint:
        return "a constraint refused the data";
      case errc::bad_statement:
        return "the statement does not fit the database";
      case errc::bad_row:
        return "a column does not fit its type";
      case errc::query_failed:
        return "the query failed";
      case errc::migration_refused:
        return "the migrations do not agree with the database";
      case errc::bad_format:
        return "the bytes do not fit their type";
    }
    return "unknown";
  }
};

}  // namespace detail

[[nodiscard]] inline const std::error_category& error_category() noexcept {
  static const detail::hasten_category category;
  return category;
}

[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

/// A failure of the environment: a deadline passed, a database gone, a queue full.
///
/// `what()` is our own text and safe to log: it names the operation, never a value. What a server said is
/// kept apart in `server_text()`, because it may quote the data; show it to nobody but a developer's own
/// terminal.
/// Thread safety: immutable.
class error : public std::system_error {
 public:
  /// `operation` says in our own words what was attempted ("waiting for a session"); never a value.
  error(errc code, const std::string& operation, std::string server_text = {})
      : std::system_error(make_error_code(code), operation),
        server_text_(std::make_shared<const std::string>(std::move(server_text))) {}

  /// Returns: what the server said, perhaps empty. May contain data: never log it.
  [[nodiscard]] const std::string& server_text() const noexcept { return *server_text_; }

 private:
  std::shared_ptr<const std::string> server_text_;  // shared: copying an exception must not throw; never null
};

}  // namespace hasten

template <>
struct std::is_error_code_enum<hasten::errc> : std::true_type {};

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string_view>

namespace hasten {

/// How a response ended: by the class of its status, or not at all.
enum class status_class : unsigned char {
  informational,
  success,
  redirection,
  client_error,
  server_error,
  aborted,  ///< never answered: an exception, a client that went away, a timeout
};

/// How many values status_class has.
inline constexpr std::size_t status_classes = 6;

/// Returns: the class of an HTTP status; one outside 100..599 is a server's error, as clients have to treat
/// it.
[[nodiscard]] constexpr status_class status_class_of(unsigned status) noexcept {
  return status >= 100 && status <= 599 ? static_cast<status_class>(status / 100 - 1)
                                        : status_class::server_error;
}

/// Returns: "1xx" to "5xx", or "aborted".
[[nodiscard]] constexpr std::string_view to_string(status_class result) noexcept {
  constexpr std::string_view names[status_classes] = {"1xx", "2xx", "3xx", "4xx", "5xx", "aborted"};
  return names[static_cast<std::size_t>(result)];
}

}  // namespace hasten

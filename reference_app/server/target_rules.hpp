// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>

/// Grammar checks on parts of a request that Beast leaves to the application.
namespace claims_app {

/// Returns: whether `text` is one or more decimal digits.
[[nodiscard]] bool is_digits(std::string_view text) noexcept;

/// Returns: whether `text` is host[:port]: a name, an IPv4 address or a bracketed IPv6 address.
[[nodiscard]] bool is_host(std::string_view text) noexcept;

/// Returns: whether `target` holds only bytes that a target may hold, with whole percent triplets and
/// without an encoded NUL.
[[nodiscard]] bool is_clean_target(std::string_view target) noexcept;

/// Returns: whether `text` is what may stand behind a chunk's size: nothing, or ";name", ";name=token" and
/// ";name=\"quoted\"", with blanks around the signs.
[[nodiscard]] bool is_chunk_extensions(std::string_view text) noexcept;

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>

/// What a client may say about the representation it wants: pure reading of header values, which are never
/// repeated. An empty value stands for a header that was not sent. (RFC 9110, sections 12.5 and 13.1.)
namespace claims_app {

/// Returns: whether `accept` takes media of this type, for example "application/json". A range with q=0 takes nothing;
/// a more exact range decides over a wider one. A value that is malformed is one that refuses nothing.
[[nodiscard]] bool accepts_type(std::string_view accept, std::string_view type) noexcept;

/// Returns: whether `accept_encoding` names gzip, or "*", with a weight above 0.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding) noexcept;

/// Returns: whether a body so described is JSON in UTF-8, as far as its Content-Type says.
[[nodiscard]] bool is_json_body(std::string_view content_type) noexcept;

/// The same for a change of something there is, where it is a merge patch (RFC 7396) or plain JSON.
[[nodiscard]] bool is_patch_body(std::string_view content_type) noexcept;

}  // namespace claims_app

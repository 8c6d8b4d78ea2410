// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Entity tags, with their quotation marks, and the lists of them that clients send. (RFC 9110, sections 8.8.3 and 13.1.)
namespace claims_app {

/// Returns: the strong tag of a row that counts its changes. The instant of the last one is part of it: a file that was put back
/// from a copy may count the same number again, for other contents.
[[nodiscard]] std::string version_tag(std::int64_t version, std::int64_t changed_at);

/// Returns: the tag of the same thing when it is sent compressed: other bytes, so another strong tag.
[[nodiscard]] std::string gzip_tag(std::string_view etag);

/// Returns: whether the list of an If-None-Match has the tag, by the weak comparison, or is "*". An empty tag is in none.
[[nodiscard]] bool names_etag(std::string_view if_none_match, std::string_view etag) noexcept;

/// Returns: whether the list of an If-Match has the tag, by the strong comparison, or is "*". An empty tag is in no list.
[[nodiscard]] bool allows_etag(std::string_view if_match, std::string_view etag) noexcept;

}  // namespace claims_app

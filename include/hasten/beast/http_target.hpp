// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hasten {

/// Where a message goes, taken apart once. No user or password, which would end up in logs, and no query or fragment, which
/// nobody needs here.
///
/// Thread safety: thread-compatible.
///
///     auto target = hasten::http_target::parse("http://127.0.0.1:9093/api/v2/alerts");
struct http_target {
  std::string host;        ///< a name or an address, IPv6 without brackets
  std::string port;        ///< "80", or with TLS "443", if none was given
  std::string path;        ///< "/" if none was given
  std::string authority;   ///< for the header Host
  bool is_secure = false;  ///< whether the scheme is https

  /// Throws: std::invalid_argument for anything else, without a word of what was given: it may hold a secret.
  [[nodiscard]] static http_target parse(std::string_view url) {
    const auto refuse = [](const char* rule) {
      throw std::invalid_argument(std::string("http_target: the url ") + rule);
    };
    http_target found;
    found.is_secure = url.starts_with("https://");
    if (!found.is_secure && !url.starts_with("http://")) refuse("must begin with http:// or https://");
    url.remove_prefix(url.find("//") + 2);
    if (!std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; }))
      refuse("must be visible ASCII without blanks");
    const std::size_t slash = std::min(url.find('/'), url.size());
    found.authority = url.substr(0, slash);
    found.path = slash == url.size() ? "/" : url.substr(slash);
    if (found.authority.find('@') != std::string::npos) refuse("must not name a user");
    if (url.find_first_of("?#") != std::string_view::npos) refuse("must have no query and no fragment");
    std::string_view rest = found.authority;
    if (rest.starts_with('[')) {
      const std::size_t end = rest.find(']');
      if (end == std::string_view::npos) refuse("has a bracket that is not closed");
      found.host = rest.substr(1, end - 1);
      rest.remove_prefix(end + 1);
    } else {
      const std::size_t colon = std::min(rest.find(':'), rest.size());
      found.host = rest.substr(0, colon);
      rest.remove_prefix(colon);
    }
    if (found.host.empty()) refuse("needs a host");
    found.port = rest.empty() ? (found.is_secure ? "443" : "80") : std::string(rest.substr(1));
    const bool is_number =
        !found.port.empty() && found.port.size() <= 5 &&
        std::all_of(found.port.begin(), found.port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if ((!rest.empty() && !rest.starts_with(':')) || !is_number || std::stoul(found.port) < 1 ||
        std::stoul(found.port) > 65535)
      refuse("must have a port of 1..65535, if any");
    return found;
  }
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#include "shared/entity_tag.hpp"

#include <algorithm>

namespace claims_app {

namespace {

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Our tags have no comma in them, so that a tag which has one is none of ours.
std::string_view take_tag(std::string_view& list) noexcept {
  const std::size_t end = std::min(list.find(','), list.size());
  const std::string_view tag = trimmed(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  return tag;
}

}  // namespace

std::string version_tag(std::int64_t version, std::int64_t changed_at) {
  std::string out = "\"";
  out += std::to_string(version);
  out += '.';
  out += std::to_string(changed_at);
  out += '"';
  return out;
}

std::string gzip_tag(std::string_view etag) {
  std::string out(etag.substr(0, etag.size() - std::min<std::size_t>(1, etag.size())));
  out += "-gzip\"";
  return out;
}

bool names_etag(std::string_view if_none_match, std::string_view etag) noexcept {
  if (etag.empty()) return false;
  if (trimmed(if_none_match) == "*") return true;
  while (!if_none_match.empty()) {
    std::string_view each = take_tag(if_none_match);
    if (each.starts_with("W/")) each.remove_prefix(2);
    if (each == etag) return true;
  }
  return false;
}

bool allows_etag(std::string_view if_match, std::string_view etag) noexcept {
  if (trimmed(if_match) == "*") return true;
  if (etag.empty()) return false;
  while (!if_match.empty())
    if (take_tag(if_match) == etag) return true;
  return false;
}

}  // namespace claims_app

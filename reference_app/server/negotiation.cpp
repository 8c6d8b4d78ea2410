// SPDX-License-Identifier: BSL-1.0
#include "server/negotiation.hpp"

#include <algorithm>

namespace claims_app {

namespace {

constexpr std::string_view blanks = " \t";

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

char lower(char byte) noexcept {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

bool same(std::string_view left, std::string_view right) noexcept {
  return std::ranges::equal(left, right, {}, lower, lower);
}

// Takes the part before `mark` off the front of `rest`, trimmed.
std::string_view take(std::string_view& rest, char mark) noexcept {
  const std::size_t end = std::min(rest.find(mark), rest.size());
  const std::string_view part = trimmed(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

// A weight is 0 if all its digits are zeros: "0", "0.", "0.000".
bool is_zero(std::string_view weight) noexcept {
  return !weight.empty() && weight.find_first_not_of("0.") == std::string_view::npos;
}

struct element {
  std::string_view name;  // of the media range or coding
  bool is_wanted = true;
};

// Reads one element of a list of names with weights.
element take_element(std::string_view& rest) noexcept {
  std::string_view whole = take(rest, ',');
  element out{.name = take(whole, ';')};
  while (!whole.empty()) {
    std::string_view parameter = take(whole, ';');
    const std::string_view name = take(parameter, '=');
    if (same(name, "q")) out.is_wanted = !is_zero(trimmed(parameter));
  }
  return out;
}

}  // namespace

bool accepts_type(std::string_view accept, std::string_view type) noexcept {
  if (trimmed(accept).empty()) return true;
  const std::string_view family = type.substr(0, type.find('/') + 1);  // "application/"
  int best = 0;                                                        // 1: */*, 2: family/*, 3: the type
  bool is_wanted = false;
  while (!accept.empty()) {
    const element range = take_element(accept);
    int exactness = 0;
    if (same(range.name, type))
      exactness = 3;
    else if (range.name == "*/*")
      exactness = 1;
    else if (range.name.ends_with("/*") && same(range.name.substr(0, range.name.size() - 1), family))
      exactness = 2;
    else if (range.name.find('/') == std::string_view::npos && !range.name.empty())
      return true;  // no media range: nothing can be concluded
    if (exactness > best || (exactness == best && range.is_wanted)) {
      best = exactness;
      if (exactness > 0) is_wanted = range.is_wanted;
    }
  }
  return is_wanted;
}

bool accepts_gzip(std::string_view accept_encoding) noexcept {
  bool any = false;
  while (!accept_encoding.empty()) {
    const element coding = take_element(accept_encoding);
    if (same(coding.name, "gzip") || same(coding.name, "x-gzip")) return coding.is_wanted;
    if (coding.name == "*") any = coding.is_wanted;
  }
  return any;
}

namespace {

// Whether what follows the type names no charset, or UTF-8.
bool is_utf8(std::string_view content_type) noexcept {
  while (!content_type.empty()) {
    std::string_view parameter = take(content_type, ';');
    if (!same(take(parameter, '='), "charset")) continue;
    std::string_view charset = trimmed(parameter);
    if (charset.size() >= 2 && charset.starts_with('"') && charset.ends_with('"'))
      charset = charset.substr(1, charset.size() - 2);
    if (!same(charset, "utf-8")) return false;
  }
  return true;
}

}  // namespace

bool is_json_body(std::string_view content_type) noexcept {
  return same(take(content_type, ';'), "application/json") && is_utf8(content_type);
}

bool is_patch_body(std::string_view content_type) noexcept {
  const std::string_view type = take(content_type, ';');
  return (same(type, "application/merge-patch+json") || same(type, "application/json")) &&
         is_utf8(content_type);
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "server/target_rules.hpp"

#include <algorithm>
#include <cstddef>

namespace claims_app {

namespace {

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }
bool is_hex(char byte) {
  return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}
bool is_letter(char byte) { return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z'); }

bool is_name_byte(char byte) {
  return is_digit(byte) || is_letter(byte) ||
         std::string_view("-._~!$&'()*+,;=%").find(byte) != std::string_view::npos;
}

bool is_token_byte(char byte) {
  return is_digit(byte) || is_letter(byte) ||
         std::string_view("!#$%&'*+-.^_`|~").find(byte) != std::string_view::npos;
}

// These take what they are named for from the front of `text`, and say whether it was there.
void take_blanks(std::string_view& text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
}

bool take(char sign, std::string_view& text) {
  std::string_view behind = text;
  take_blanks(behind);
  if (!behind.starts_with(sign)) return false;
  behind.remove_prefix(1);
  take_blanks(behind);
  text = behind;
  return true;
}

bool take_token(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_token_byte);
  const bool is_there = end != text.begin();
  text.remove_prefix(static_cast<std::size_t>(end - text.begin()));
  return is_there;
}

bool take_quoted(std::string_view& text) {
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') {
      text.remove_prefix(at + 1);
      return true;
    }
    if (text[at] == '\\') ++at;
    if (at == text.size() || text[at] < ' ' || text[at] > '~') return false;
  }
  return false;
}

}  // namespace

bool is_chunk_extensions(std::string_view text) noexcept {
  while (!text.empty()) {
    if (!take(';', text) || !take_token(text)) return false;
    if (take('=', text) && !(text.starts_with('"') ? take_quoted(text) : take_token(text))) return false;
  }
  return true;
}

bool is_digits(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

bool is_host(std::string_view text) noexcept {
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    const std::string_view address = text.substr(1, close - 1);
    const bool shaped =
        address.find(':') != std::string_view::npos &&
        std::ranges::all_of(address, [](char byte) { return is_hex(byte) || byte == ':' || byte == '.'; });
    if (!shaped) return false;
    text.remove_prefix(close + 1);
    return text.empty() || (text[0] == ':' && (text.size() == 1 || is_digits(text.substr(1))));
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  if (!std::ranges::all_of(text.substr(0, colon), is_name_byte)) return false;
  if (colon == 0) return text.empty();  // an empty Host is allowed, a port without a host is not
  return colon >= text.size() || colon + 1 == text.size() || is_digits(text.substr(colon + 1));
}

bool is_clean_target(std::string_view target) noexcept {
  for (std::size_t at = 0; at < target.size(); ++at) {
    const auto byte = static_cast<unsigned char>(target[at]);
    if (byte <= 0x20 || byte >= 0x7f || byte == '#' || byte == '\\') return false;
    if (byte != '%') continue;
    if (at + 2 >= target.size() || !is_hex(target[at + 1]) || !is_hex(target[at + 2])) return false;
    if (target[at + 1] == '0' && target[at + 2] == '0') return false;
  }
  return true;
}

}  // namespace claims_app

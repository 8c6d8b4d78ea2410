// SPDX-License-Identifier: BSL-1.0
#include "shared/cursor.hpp"

#include "shared/base64url.hpp"
#include "shared/iso_date.hpp"

#include <algorithm>
#include <charconv>
#include <span>

namespace claims_app {

namespace {

constexpr std::size_t signature_size = 16;  // of 32: enough against guessing, and the text stays short
constexpr std::size_t text_max = 128;

std::string payload_of(const page_position& at) { return at.date + "|" + std::to_string(at.row); }

std::optional<page_position> position_of(std::string_view payload) {
  const std::size_t bar = payload.find('|');
  if (bar == std::string_view::npos) return std::nullopt;
  page_position at{.date = std::string(payload.substr(0, bar)), .row = 0};
  const std::string_view digits = payload.substr(bar + 1);
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), at.row);
  if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (!at.date.empty() && !parse_iso_date(at.date)) return std::nullopt;
  return at;
}

}  // namespace

keyed_hash::digest cursor_codec::sign(std::string_view payload, std::string_view filters) const {
  // The length goes first, so that no other split of the same bytes has the same signature.
  std::string message = std::to_string(payload.size());
  message += ':';
  message += payload;
  message += filters;
  return signature_(message);
}

std::string cursor_codec::encode(const page_position& at, std::string_view filters) const {
  const std::string payload = payload_of(at);
  const keyed_hash::digest signature = sign(payload, filters);
  std::vector<std::byte> bytes(signature.begin(), signature.begin() + signature_size);
  for (const char byte : payload) bytes.push_back(static_cast<std::byte>(byte));
  return to_base64url(bytes);
}

std::optional<page_position> cursor_codec::decode(std::string_view text, std::string_view filters) const {
  if (text.size() > text_max) return std::nullopt;
  const auto bytes = from_base64url(text);
  if (!bytes || bytes->size() <= signature_size) return std::nullopt;
  const std::string payload(reinterpret_cast<const char*>(bytes->data()) + signature_size,
                            bytes->size() - signature_size);
  const keyed_hash::digest expected = sign(payload, filters);
  if (!equal_in_constant_time(std::span(*bytes).first(signature_size),
                              std::span(expected).first(signature_size)))
    return std::nullopt;
  return position_of(payload);
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/detail/postgresql_api.hpp>

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace hasten::detail {

/// The numbers of PostgreSQL's own types (pg_type.dat); they are part of its protocol and never change.
namespace oid {
inline constexpr Oid boolean = 16, bytea = 17, letter = 18, name = 19, int8 = 20, int2 = 21, int4 = 23,
                     text = 25, number = 26, json = 114, float4 = 700, float8 = 701, unknown = 705,
                     bpchar = 1042, varchar = 1043, date = 1082, timestamp = 1114, timestamptz = 1184,
                     numeric = 1700, nothing = 2278, uuid = 2950, jsonb = 3802;
}  // namespace oid

/// Returns: whether the binary form is the text itself.
[[nodiscard]] constexpr bool is_text_type(Oid type) noexcept {
  return type == oid::text || type == oid::varchar || type == oid::bpchar || type == oid::name ||
         type == oid::json || type == oid::unknown || type == oid::letter;
}

/// Returns: whether the binary form is read here. Anything else comes as text.
[[nodiscard]] constexpr bool is_known_binary(Oid type) noexcept {
  switch (type) {
    case oid::boolean:
    case oid::bytea:
    case oid::int8:
    case oid::int4:
    case oid::int2:
    case oid::number:
    case oid::float8:
    case oid::float4:
    case oid::date:
    case oid::timestamp:
    case oid::timestamptz:
    case oid::numeric:
    case oid::nothing:
    case oid::uuid:
    case oid::jsonb:
      return true;
    default:
      return is_text_type(type);
  }
}

/// Reads a number of the wire, most significant byte first.
template <class Unsigned>
[[nodiscard]] inline Unsigned from_wire(const char* at) noexcept {
  Unsigned number = 0;
  std::memcpy(&number, at, sizeof number);
  if constexpr (std::endian::native == std::endian::little) {
    if constexpr (sizeof number == 8) number = __builtin_bswap64(number);
    if constexpr (sizeof number == 4) number = __builtin_bswap32(number);
    if constexpr (sizeof number == 2) number = __builtin_bswap16(number);
  }
  return number;
}

template <class Unsigned>
inline void to_wire(char* at, Unsigned number) noexcept {
  std::array<char, sizeof number> bytes{};
  std::memcpy(bytes.data(), &number, sizeof number);
  number = from_wire<Unsigned>(bytes.data());  // turning it around twice gives it back
  std::memcpy(at, &number, sizeof number);
}

/// Day zero of PostgreSQL's dates and timestamps.
inline constexpr std::chrono::sys_days wire_epoch{std::chrono::year(2000) / 1 / 1};

/// Writes a numeric as digits, exactly. Returns: an empty text for what is no number of this form.
[[nodiscard]] inline std::string numeric_text(const char* data, int size) {
  if (size < 8) return {};
  const auto groups = from_wire<std::uint16_t>(data);
  const auto weight = static_cast<std::int16_t>(from_wire<std::uint16_t>(data + 2));
  const auto sign = from_wire<std::uint16_t>(data + 4);
  const auto scale = from_wire<std::uint16_t>(data + 6);
  if (size != 8 + 2 * groups) return {};
  if (sign == 0xC000) return "NaN";
  if (sign == 0xD000) return "Infinity";
  if (sign == 0xF000) return "-Infinity";
  const auto group = [&](int at) {  // four decimal digits; outside what is stored they are zero
    return at >= 0 && at < groups ? from_wire<std::uint16_t>(data + 8 + 2 * at) : std::uint16_t{0};
  };
  std::string text = sign == 0x4000 ? "-" : "";
  const auto put = [&](std::uint16_t digits) {
    for (const int unit : {1000, 100, 10, 1}) text += static_cast<char>('0' + digits / unit % 10);
  };
  if (weight < 0) {
    text += '0';
  } else {
    text += std::to_string(group(0));
    for (int at = 1; at <= weight; ++at) put(group(at));
  }
  if (scale == 0) return text;
  text += '.';
  const std::size_t end = text.size() + scale;
  for (int at = weight + 1; text.size() < end; ++at) put(group(at));
  text.resize(end);
  return text;
}

/// Writes the sixteen bytes of a uuid in its usual form.
[[nodiscard]] inline std::string uuid_text(const char* data) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t at = 0; at < 16; ++at) {
    if (at == 4 || at == 6 || at == 8 || at == 10) text += '-';
    const auto byte = static_cast<unsigned char>(data[at]);
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/detail/postgresql_execution.hpp>
#include <hasten/soci/detail/postgresql_types.hpp>
#include <hasten/soci/detail/sql_time.hpp>
#include <hasten/soci/row_mapping.hpp>

#include <bit>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hasten::detail {

[[nodiscard]] inline bool is_null(const postgresql_execution&, const postgresql_value& value) noexcept {
  return value.data == nullptr;
}

template <class Number>
[[nodiscard]] inline std::optional<Number> number_in(std::string_view text) noexcept {
  Number number{};
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// A numeric is an integer if nothing but zeros stands behind its point.
[[nodiscard]] inline std::optional<std::int64_t> whole_number_in(std::string_view text) noexcept {
  const std::size_t point = text.find('.');
  if (point != std::string_view::npos) {
    if (text.find_first_not_of('0', point + 1) != std::string_view::npos) return std::nullopt;
    text = text.substr(0, point);
  }
  return number_in<std::int64_t>(text);
}

// Returns: an integer of whatever width; nothing for a column of another type.
[[nodiscard]] inline std::optional<std::int64_t> integer_of(const postgresql_value& value) {
  if (!value.binary) {
    const bool is_number = value.type == oid::int8 || value.type == oid::int4 || value.type == oid::int2 ||
                           value.type == oid::number || value.type == oid::numeric;
    return is_number ? whole_number_in(value.text()) : std::nullopt;
  }
  switch (value.type) {
    case oid::int8:
      return static_cast<std::int64_t>(from_wire<std::uint64_t>(value.data));
    case oid::int4:
      return static_cast<std::int32_t>(from_wire<std::uint32_t>(value.data));
    case oid::int2:
      return static_cast<std::int16_t>(from_wire<std::uint16_t>(value.data));
    case oid::number:
      return from_wire<std::uint32_t>(value.data);
    case oid::numeric:
      return whole_number_in(numeric_text(value.data, value.size));
    default:
      return std::nullopt;
  }
}

// The type of a column says how long its value is; a length that says otherwise would be read beyond its end.
[[nodiscard]] inline bool fits(const postgresql_value& value) noexcept {
  if (!value.binary) return true;
  switch (value.type) {
    case oid::int8:
    case oid::float8:
    case oid::timestamp:
    case oid::timestamptz:
      return value.size == 8;
    case oid::int4:
    case oid::number:
    case oid::float4:
    case oid::date:
      return value.size == 4;
    case oid::int2:
      return value.size == 2;
    case oid::uuid:
      return value.size == 16;
    case oid::boolean:
    case oid::jsonb:
      return value.size >= 1;
    default:
      return true;
  }
}

inline void require(const postgresql_execution& run, int column, const postgresql_value& value,
                    const char* wanted) {
  if (value.data == nullptr || !fits(value)) [[unlikely]]
    throw_bad_column(run, column, wanted);
}

inline void read_column(const postgresql_execution& run, int column, const postgresql_value& value,
                        bool& out) {
  require(run, column, value, "a truth value");
  if (value.type == oid::boolean) {
    out = value.binary ? value.data[0] != 0 : value.data[0] == 't';
    return;
  }
  const auto number = integer_of(value);
  if (number != 0 && number != 1) throw_bad_column(run, column, "a truth value, 0 or 1");
  out = number == 1;
}

template <sql_integer T>
inline void read_column(const postgresql_execution& run, int column, const postgresql_value& value, T& out) {
  require(run, column, value, "an integer");
  const std::optional<std::int64_t> number = integer_of(value);
  if (!number.has_value()) [[unlikely]]
    throw_bad_column(run, column, "an integer");
  if (!std::in_range<T>(*number)) [[unlikely]]
    throw_bad_column(run, column, "within the range of its type");
  out = static_cast<T>(*number);
}

inline void read_column(const postgresql_execution& run, int column, const postgresql_value& value,
                        double& out) {
  require(run, column, value, "a number");
  if (value.binary && value.type == oid::float8) {
    out = std::bit_cast<double>(from_wire<std::uint64_t>(value.data));
    return;
  }
  std::optional<double> number;
  if (value.binary && value.type == oid::float4)
    number = std::bit_cast<float>(from_wire<std::uint32_t>(value.data));
  else if (value.binary && value.type == oid::numeric)
    number = number_in<double>(numeric_text(value.data, value.size));
  else if (!value.binary &&
           (value.type == oid::float8 || value.type == oid::float4 || value.type == oid::numeric))
    number = number_in<double>(value.text());
  else if (const auto integer = integer_of(value))
    number = static_cast<double>(*integer);
  if (!number.has_value()) [[unlikely]]
    throw_bad_column(run, column, "a number");
  out = *number;
}

inline void read_column(const postgresql_execution& run, int column, const postgresql_value& value,
                        std::string_view& out) {
  require(run, column, value, "a text");
  if (value.binary && value.type == oid::jsonb)
    out = value.text().substr(1);  // after the version of the format
  else if (is_text_type(value.type) || !value.binary)
    out = value.text();
  else [[unlikely]]
    throw_bad_column(run, column, "a text");
}

inline void read_column(const postgresql_execution& run, int column, const postgresql_value& value,
                        std::chrono::sys_days& out) {
  require(run, column, value, "a date");
  if (value.binary && value.type == oid::date) {
    const auto days = static_cast<std::int32_t>(from_wire<std::uint32_t>(value.data));
    constexpr int limit =
        10'000'000;  // chrono's years end before PostgreSQL's; infinity is the greatest of all
    if (days < -limit || days > limit) throw_bad_column(run, column, "a date within chrono's range");
    out = wire_epoch + std::chrono::days(days);
    return;
  }
  const bool written = is_text_type(value.type) || (!value.binary && value.type == oid::date);
  const auto day = written ? parse_date(value.text()) : std::nullopt;
  if (!day.has_value()) [[unlikely]]
    throw_bad_column(run, column, "a date");
  out = *day;
}

inline void read_column(const postgresql_execution& run, int column, const postgresql_value& value,
                        sql_microseconds& out) {
  require(run, column, value, "an instant");
  const bool is_instant_type = value.type == oid::timestamptz || value.type == oid::timestamp;
  if (value.binary && is_instant_type) {
    const std::chrono::microseconds since(static_cast<std::int64_t>(from_wire<std::uint64_t>(value.data)));
    if (since > std::chrono::days(10'000'000) || since < -std::chrono::days(10'000'000))
      throw_bad_column(run, column, "an instant within chrono's range");
    out = wire_epoch + since;
    return;
  }
  const bool written = is_text_type(value.type) || (!value.binary && is_instant_type);
  const auto instant = written ? parse_instant(value.text()) : std::nullopt;
  if (!instant.has_value()) [[unlikely]]
    throw_bad_column(run, column, "an instant");
  out = *instant;
}

// Types that no plain text stands for in the binary form are written as texts.
[[nodiscard]] inline std::string written_out(const postgresql_execution& run, int column,
                                             const postgresql_value& value) {
  if (value.type == oid::date) {
    std::chrono::sys_days day;
    read_column(run, column, value, day);
    return std::string(time_text(day).view());
  }
  if (value.type == oid::timestamp || value.type == oid::timestamptz) {
    sql_microseconds instant;
    read_column(run, column, value, instant);
    return std::string(time_text(instant).view());
  }
  if (value.binary && value.type == oid::numeric) return numeric_text(value.data, value.size);
  if (value.binary && value.type == oid::uuid) return uuid_text(value.data);
  throw_bad_column(run, column, "a text");
}

inline void read_column(const postgresql_execution& run, int column, const postgresql_value& value,
                        std::string& out) {
  require(run, column, value, "a text");
  if (is_text_type(value.type)) [[likely]] {
    out.assign(value.data, static_cast<std::size_t>(value.size));
    return;
  }
  const bool is_time =
      value.type == oid::date || value.type == oid::timestamp || value.type == oid::timestamptz;
  const bool is_other = value.type == oid::boolean || value.type == oid::bytea || value.type == oid::int8 ||
                        value.type == oid::int4 || value.type == oid::int2 || value.type == oid::number ||
                        value.type == oid::float8 || value.type == oid::float4;
  if (is_other) throw_bad_column(run, column, "a text");
  if (is_time || (value.binary && value.type != oid::jsonb)) {
    out = written_out(run, column, value);
  } else {
    std::string_view text;
    read_column(run, column, value, text);
    out.assign(text);
  }
}

inline void read_column(const postgresql_execution& run, int column, const postgresql_value& value,
                        byte_view& out) {
  require(run, column, value, "a blob");
  if (!value.binary || value.type != oid::bytea) [[unlikely]]
    throw_bad_column(run, column, "a blob");
  out = byte_view(reinterpret_cast<const std::byte*>(value.data), static_cast<std::size_t>(value.size));
}

inline void read_column(const postgresql_execution& run, int column, const postgresql_value& value,
                        byte_vector& out) {
  require(run, column, value, "a blob");
  const std::string_view text = value.text();
  if (value.binary || value.type != oid::bytea || !text.starts_with("\\x")) {
    byte_view bytes;
    read_column(run, column, value, bytes);
    out.assign(bytes.begin(), bytes.end());
    return;
  }
  out.clear();
  for (std::size_t at = 2; at + 1 < text.size(); at += 2) {
    unsigned byte = 0;
    std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
    out.push_back(static_cast<std::byte>(byte));
  }
}

}  // namespace hasten::detail

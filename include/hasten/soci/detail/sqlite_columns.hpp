// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/detail/sql_time.hpp>
#include <hasten/soci/detail/sqlite_api.hpp>
#include <hasten/soci/detail/sqlite_statement.hpp>
#include <hasten/soci/row_mapping.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace hasten::detail {

[[nodiscard]] inline bool is_null(const sqlite_execution&, sqlite3_value* value) noexcept {
  return sqlite3_value_type(value) == SQLITE_NULL;
}

inline void read_column(const sqlite_execution& run, int column, sqlite3_value* value, bool& out) {
  if (sqlite3_value_type(value) != SQLITE_INTEGER) throw_bad_column(run, column, "a truth value");
  const sqlite3_int64 number = sqlite3_value_int64(value);
  if (number != 0 && number != 1) throw_bad_column(run, column, "a truth value, 0 or 1");
  out = number == 1;
}

template <sql_integer T>
inline void read_column(const sqlite_execution& run, int column, sqlite3_value* value, T& out) {
  if (sqlite3_value_type(value) != SQLITE_INTEGER) [[unlikely]]
    throw_bad_column(run, column, "an integer");
  const std::int64_t number = sqlite3_value_int64(value);
  if (!std::in_range<T>(number)) [[unlikely]]
    throw_bad_column(run, column, "within the range of its type");
  out = static_cast<T>(number);
}

inline void read_column(const sqlite_execution& run, int column, sqlite3_value* value, double& out) {
  const int type = sqlite3_value_type(value);
  if (type != SQLITE_FLOAT && type != SQLITE_INTEGER) [[unlikely]]
    throw_bad_column(run, column, "a number");
  out = sqlite3_value_double(value);
}

inline void read_column(const sqlite_execution& run, int column, sqlite3_value* value,
                        std::string_view& out) {
  if (sqlite3_value_type(value) != SQLITE_TEXT) [[unlikely]]
    throw_bad_column(run, column, "a text");
  const auto* const text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) throw std::bad_alloc();
  out = std::string_view(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
}

inline void read_column(const sqlite_execution& run, int column, sqlite3_value* value, std::string& out) {
  std::string_view text;
  read_column(run, column, value, text);
  out.assign(text);
}

inline void read_column(const sqlite_execution& run, int column, sqlite3_value* value, byte_view& out) {
  if (sqlite3_value_type(value) != SQLITE_BLOB) [[unlikely]]
    throw_bad_column(run, column, "a blob");
  const auto* const bytes = static_cast<const std::byte*>(sqlite3_value_blob(value));
  out = byte_view(bytes, static_cast<std::size_t>(sqlite3_value_bytes(value)));
}

inline void read_column(const sqlite_execution& run, int column, sqlite3_value* value,
                        std::chrono::sys_days& out) {
  std::string_view text;
  read_column(run, column, value, text);
  const auto day = parse_date(text);
  if (!day.has_value()) [[unlikely]]
    throw_bad_column(run, column, "a date");
  out = *day;
}

inline void read_column(const sqlite_execution& run, int column, sqlite3_value* value,
                        sql_microseconds& out) {
  std::string_view text;
  read_column(run, column, value, text);
  const auto instant = parse_instant(text);
  if (!instant.has_value()) [[unlikely]]
    throw_bad_column(run, column, "an instant");
  out = *instant;
}

}  // namespace hasten::detail

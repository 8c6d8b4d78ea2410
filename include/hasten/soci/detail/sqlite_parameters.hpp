// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/detail/sql_time.hpp>
#include <hasten/soci/detail/sqlite_api.hpp>
#include <hasten/soci/detail/sqlite_statement.hpp>
#include <hasten/soci/parameters.hpp>
#include <hasten/soci/row_mapping.hpp>

#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten::detail {

inline void check_bound(const sqlite_execution& run, int code) {
  if (code != SQLITE_OK) [[unlikely]]
    throw_sqlite(run.handle(), run.name(), false);
}

inline void bind_text(sqlite_execution& run, int at, std::string_view text, bool copy) {
  if (!copy) run.borrows();
  // An empty view may have a null pointer, which SQLite would take for NULL.
  check_bound(run, sqlite3_bind_text64(run.raw(), at, text.data() == nullptr ? "" : text.data(), text.size(),
                                       copy ? SQLITE_TRANSIENT : nullptr, SQLITE_UTF8));
}

inline void bind_bytes(sqlite_execution& run, int at, byte_view bytes, bool copy) {
  if (!copy) run.borrows();
  if (bytes.empty())
    check_bound(run, sqlite3_bind_zeroblob(run.raw(), at, 0));
  else
    check_bound(run, sqlite3_bind_blob64(run.raw(), at, bytes.data(), bytes.size(),
                                         copy ? SQLITE_TRANSIENT : nullptr));
}

inline const time_text& storable(const sqlite_execution& run, const time_text& text) {
  if (text.view().empty()) throw_bad_parameter(run.name(), "a parameter's year is outside 0..9999");
  return text;
}

template <class T>
inline void bind_value(sqlite_execution& run, int at, const T& value, bool copy = false) {
  if constexpr (has_codec<T>) {
    bind_value(run, at, sql_codec<T>::to_sql(value), true);  // to_sql returns a temporary
  } else if constexpr (is_optional<T>) {
    if (value.has_value())
      bind_value(run, at, *value, copy);
    else
      check_bound(run, sqlite3_bind_null(run.raw(), at));
  } else if constexpr (std::same_as<T, std::nullptr_t> || std::same_as<T, std::nullopt_t>) {
    check_bound(run, sqlite3_bind_null(run.raw(), at));
  } else if constexpr (std::same_as<T, bool>) {
    check_bound(run, sqlite3_bind_int(run.raw(), at, value ? 1 : 0));
  } else if constexpr (sql_integer<T>) {
    if (!std::in_range<std::int64_t>(value)) [[unlikely]]
      throw_bad_parameter(run.name(), "an integer parameter is too large for the database");
    check_bound(run, sqlite3_bind_int64(run.raw(), at, static_cast<std::int64_t>(value)));
  } else if constexpr (std::floating_point<T>) {
    if (std::isnan(value)) [[unlikely]]  // SQLite would store NULL
      throw_bad_parameter(run.name(), "a parameter is not a number");
    check_bound(run, sqlite3_bind_double(run.raw(), at, static_cast<double>(value)));
  } else if constexpr (sql_date<T>) {
    bind_text(run, at, storable(run, time_text(std::chrono::sys_days(value))).view(), true);
  } else if constexpr (sql_instant<T>) {
    bind_text(run, at, storable(run, time_text(std::chrono::floor<std::chrono::microseconds>(value))).view(),
              true);
  } else if constexpr (text_like<T>) {
    bind_text(run, at, value, copy);
  } else if constexpr (bytes_like<T>) {
    bind_bytes(run, at, value, copy);
  } else {
    static_assert(has_codec<T>, "this type cannot be bound; specialise hasten::sql_codec for it");
  }
}

// `guess`: the number it would have if the arguments stood in the order of the text, as they mostly do.
[[nodiscard]] inline int index_of(const sqlite_execution& run, std::string_view name, std::size_t guess) {
  const std::vector<std::string>& names = run.statement().parameter_names();
  if (guess < names.size() && names[guess] == name) return static_cast<int>(guess) + 1;
  for (std::size_t at = 0; at < names.size(); ++at)
    if (names[at] == name) return static_cast<int>(at) + 1;
  throw_bad_parameter(run.name(), "it has no parameter called " + std::string(name));
}

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/sqlite_statement.hpp>
#include <hasten/soci/row_mapping.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten {

/// A value for a named placeholder (`:status`, `@status` or `$status`). Made by param(); borrows the value.
template <class T>
struct named_parameter {
  std::string_view name;
  const T& value;
};

/// Binds `value` to the placeholder called `name`, written without its sign. To be used within the call only:
/// `db.exec(update, param("status", status), param("id", id))`.
template <class T>
[[nodiscard]] named_parameter<T> param(std::string_view name, const T& value) noexcept {
  return {name, value};
}

namespace detail {

template <class T>
inline constexpr bool is_named = false;
template <class T>
inline constexpr bool is_named<named_parameter<T>> = true;

[[noreturn, gnu::noinline, gnu::cold]] inline void throw_bad_parameter(std::string_view statement,
                                                                       std::string_view why) {
  throw query_error(query_error_kind::bad_statement, std::string(statement) + ": " + std::string(why));
}

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

template <class T>
concept text_like = std::convertible_to<const T&, std::string_view> && !std::same_as<T, std::nullptr_t>;
template <class T>
concept bytes_like = std::convertible_to<const T&, byte_view> && !text_like<T>;

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

// Binds every parameter or throws: what is left unbound would silently be NULL, or the value of the call
// before.
template <class... Args>
inline void bind_all(sqlite_execution& run, int expected, const Args&... args) {
  constexpr bool named = sizeof...(Args) > 0 && (is_named<Args> && ...);
  static_assert(named || !(is_named<Args> || ...), "parameters are either all named or all positional");
  if (expected != static_cast<int>(sizeof...(Args))) [[unlikely]]
    throw_bad_parameter(run.name(), "it has " + std::to_string(expected) + " parameters, got " +
                                        std::to_string(sizeof...(Args)));
  if constexpr (named) {
    std::array<int, sizeof...(Args)> used{};
    std::size_t count = 0;
    const auto bind_one = [&](const auto& each) {
      const int at = index_of(run, each.name, count);
      for (std::size_t other = 0; other < count; ++other)
        if (used[other] == at) throw_bad_parameter(run.name(), "a parameter is given twice");
      used[count++] = at;
      bind_value(run, at, each.value);
    };
    (bind_one(args), ...);
  } else {
    int at = 0;
    (bind_value(run, ++at, args), ...);
  }
}

}  // namespace detail
}  // namespace hasten

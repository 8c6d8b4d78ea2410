// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/soci/row_mapping.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

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

template <class T>
concept text_like = std::convertible_to<const T&, std::string_view> && !std::same_as<T, std::nullptr_t>;
template <class T>
concept bytes_like = std::convertible_to<const T&, byte_view> && !text_like<T>;

// Binds every parameter or throws: what is left unbound would silently be NULL, or the value of the call
// before.
template <class Execution, class... Args>
inline void bind_all(Execution& run, int expected, const Args&... args) {
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

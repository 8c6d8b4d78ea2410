// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten {

/// Names the members of a row type in the order of the columns; to be called `fields` inside the type.
///
///     struct order {
///       std::int64_t id = 0;
///       std::string status;
///       std::optional<std::int64_t> paid_cents;   // NULL becomes nullopt
///       static constexpr auto fields = hasten::field_list(&order::id, &order::status, &order::paid_cents);
///     };
template <class Row, class... Members>
[[nodiscard]] constexpr std::tuple<Members Row::*...> field_list(Members Row::*... members) noexcept {
  return {members...};
}

/// The field list of a row type: its member `fields`. Specialise it for a type that you cannot give one, with
/// a static constexpr `value`.
template <class Row>
struct row_fields;
template <class Row>
  requires requires { Row::fields; }
struct row_fields<Row> {
  static constexpr auto value = Row::fields;
};

/// Teaches the mapping a type of yours, such as an enumeration or a date. Specialise it with `stored`, a type
/// that is mapped already, and two functions; `from_sql` throws std::invalid_argument for what it does not
/// know.
///
///     template <>
///     struct hasten::sql_codec<colour> {
///       using stored = std::int64_t;
///       static colour from_sql(std::int64_t number);
///       static std::int64_t to_sql(colour value);
///     };
template <class T>
struct sql_codec;

namespace detail {

template <class T>
concept has_codec = requires { typename sql_codec<T>::stored; };

template <class T>
concept has_fields = requires { row_fields<T>::value; };

template <class T>
using fields_of = std::remove_cvref_t<decltype(row_fields<T>::value)>;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_tuple = false;
template <class... Ts>
inline constexpr bool is_tuple<std::tuple<Ts...>> = true;

template <class T>
concept sql_integer =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

template <class T>
inline constexpr bool is_instant = false;
template <class Duration>
inline constexpr bool is_instant<std::chrono::sys_time<Duration>> = true;
template <>
inline constexpr bool is_instant<std::chrono::sys_days> = false;

template <class T>
concept sql_instant = is_instant<T>;

template <class T>
concept sql_date = std::same_as<T, std::chrono::sys_days> || std::same_as<T, std::chrono::year_month_day>;

using byte_view = std::span<const std::byte>;
using byte_vector = std::vector<std::byte>;

template <class T>
concept plain_column =
    sql_integer<T> || std::same_as<T, bool> || std::same_as<T, double> || std::same_as<T, std::string> ||
    std::same_as<T, std::string_view> || std::same_as<T, byte_vector> || std::same_as<T, byte_view> ||
    sql_date<T> || sql_instant<T>;

template <class T>
struct column_check : std::bool_constant<plain_column<T> || has_codec<T>> {};
template <class T>
struct column_check<std::optional<T>> : column_check<T> {};

// An expression without an alias is its own name, and may hold a literal: only a plain word is shown.
[[nodiscard]] inline std::string column_label(std::string_view word, int column) {
  const std::string number = std::to_string(column + 1);
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  const bool plain =
      !word.empty() && word.size() <= 64 && word.find_first_not_of(letters) == std::string_view::npos;
  return plain ? number + " (" + std::string(word) + ")" : number;
}

template <class Execution>
[[noreturn, gnu::noinline, gnu::cold]] inline void throw_bad_column(const Execution& run, int column,
                                                                    const char* wanted) {
  throw query_error(query_error_kind::bad_row, std::string(run.name()) + ": column " +
                                                   column_label(run.column_name(column), column) +
                                                   " is not " + wanted);
}

// What follows serves every database. Each brings is_null() and read_column() for what it stores: integers, bool, double,
// std::string, std::string_view, byte_view, dates (sys_days) and instants (microseconds).
template <class Execution, class Value>
inline void read_column(const Execution& run, int column, Value value, byte_vector& out) {
  byte_view bytes;
  read_column(run, column, value, bytes);
  out.assign(bytes.begin(), bytes.end());
}

template <class Execution, class Value>
inline void read_column(const Execution& run, int column, Value value, std::chrono::year_month_day& out) {
  std::chrono::sys_days day;
  read_column(run, column, value, day);
  out = day;
}

template <class Execution, class Value, sql_instant T>
  requires(!std::same_as<T, std::chrono::sys_time<std::chrono::microseconds>>)
inline void read_column(const Execution& run, int column, Value value, T& out) {
  std::chrono::sys_time<std::chrono::microseconds> exact;
  read_column(run, column, value, exact);
  out = std::chrono::floor<typename T::duration>(exact);
}

template <class Execution, class Value, has_codec T>
inline void read_column(const Execution& run, int column, Value value, T& out) {
  typename sql_codec<T>::stored stored{};
  read_column(run, column, value, stored);
  try {
    out = sql_codec<T>::from_sql(stored);
  } catch (const std::invalid_argument&) {
    throw_bad_column(run, column,
                     "a value that its type knows");  // the text of the exception may quote the value
  }
}

template <class Execution, class Value, class T>
inline void read_column(const Execution& run, int column, Value value, std::optional<T>& out) {
  if (is_null(run, value)) {
    out.reset();
    return;
  }
  read_column(run, column, value, out.has_value() ? *out : out.emplace());
}

template <class Row, class Fields>
struct members_are_columns;
template <class Row, class... Members>
struct members_are_columns<Row, std::tuple<Members Row::*...>> : std::conjunction<column_check<Members>...> {
};

template <class T>
struct tuple_is_columns;
template <class... Ts>
struct tuple_is_columns<std::tuple<Ts...>> : std::conjunction<column_check<Ts>...> {};

template <class T>
[[nodiscard]] consteval bool is_row() {
  if constexpr (has_fields<T>)
    return members_are_columns<T, fields_of<T>>::value;
  else if constexpr (is_tuple<T>)
    return tuple_is_columns<T>::value;
  else
    return column_check<T>::value;
}

template <class T>
struct borrows_column : std::bool_constant<std::same_as<T, std::string_view> || std::same_as<T, byte_view>> {
};
template <class T>
struct borrows_column<std::optional<T>> : borrows_column<T> {};
template <has_codec T>
struct borrows_column<T> : std::false_type {};  // a codec turns what it read into a value of its own

template <class Row, class Fields>
struct members_borrow;
template <class Row, class... Members>
struct members_borrow<Row, std::tuple<Members Row::*...>> : std::disjunction<borrows_column<Members>...> {};

template <class T>
struct tuple_borrows;
template <class... Ts>
struct tuple_borrows<std::tuple<Ts...>> : std::disjunction<borrows_column<Ts>...> {};

template <class T>
[[nodiscard]] consteval bool is_borrowing() {
  if constexpr (has_fields<T>)
    return members_borrow<T, fields_of<T>>::value;
  else if constexpr (is_tuple<T>)
    return tuple_borrows<T>::value;
  else
    return borrows_column<T>::value;
}

template <class T>
[[nodiscard]] consteval int columns_of() {
  if constexpr (has_fields<T>)
    return static_cast<int>(std::tuple_size_v<fields_of<T>>);
  else if constexpr (is_tuple<T>)
    return static_cast<int>(std::tuple_size_v<T>);
  else
    return 1;
}

}  // namespace detail

/// What a row can be read into: a type with `fields`, a std::tuple of columns, or a single column.
///
/// Columns are integers (the range is checked), bool, double, std::string, std::vector<std::byte>, dates
/// (std::chrono::sys_days, year_month_day) and instants (std::chrono::sys_time, rounded down to its unit), types with a
/// sql_codec, and std::optional of these for columns that may be NULL. std::string_view and
/// std::span<const std::byte> borrow from the database until the next row; only each() takes them.
///
/// In SQLite a bool is 0 or 1, a date the text `2024-05-06` and an instant `2024-05-06T07:08:09.000000Z`. In PostgreSQL
/// numeric is read exactly into a std::string, into a double, or into an integer if it is whole; date, timestamp and
/// timestamptz are read into chrono's types or, in SQLite's form, into a std::string.
template <class T>
concept mapped_row = detail::is_row<T>();

/// A row that owns what it holds.
template <class T>
concept owning_row = mapped_row<T> && !detail::is_borrowing<T>() && std::default_initializable<T>;

namespace detail {

template <mapped_row Row, class Execution>
inline void check_columns(const Execution& run) {
  if (run.columns() != columns_of<Row>()) [[unlikely]]
    throw query_error(query_error_kind::bad_row,
                      std::string(run.name()) + ": the statement has " + std::to_string(run.columns()) +
                          " columns, the row type " + std::to_string(columns_of<Row>()));
}

template <mapped_row Row, class Execution>
inline void read_row(const Execution& run, Row& row) {
  if constexpr (has_fields<Row>) {
    [&]<std::size_t... At>(std::index_sequence<At...>) {
      (read_column(run, static_cast<int>(At), run.value(static_cast<int>(At)),
                   row.*std::get<At>(row_fields<Row>::value)),
       ...);
    }(std::make_index_sequence<static_cast<std::size_t>(columns_of<Row>())>());
  } else if constexpr (is_tuple<Row>) {
    [&]<std::size_t... At>(std::index_sequence<At...>) {
      (read_column(run, static_cast<int>(At), run.value(static_cast<int>(At)), std::get<At>(row)), ...);
    }(std::make_index_sequence<static_cast<std::size_t>(columns_of<Row>())>());
  } else {
    read_column(run, 0, run.value(0), row);
  }
}

}  // namespace detail
}  // namespace hasten

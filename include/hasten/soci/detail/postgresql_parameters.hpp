// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/postgresql_types.hpp>
#include <hasten/soci/detail/sql_time.hpp>
#include <hasten/soci/parameters.hpp>
#include <hasten/soci/row_mapping.hpp>

#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten::detail {

/// The values of one execution as libpq takes them, each in the form that the server's type for it asks for. Texts and
/// bytes are borrowed where their form is that of the wire.
/// Thread safety: single-owner.
class postgresql_arguments {
 public:
  postgresql_arguments(std::string_view name, std::span<const Oid> types,
                       const std::vector<std::string>& names)
      : name_(name), types_(types), names_(&names) {
    if (types.size() <= inline_max) return;
    more_values_.resize(types.size());
    more_lengths_.resize(types.size());
    more_formats_.resize(types.size());
    more_numbers_.resize(types.size());
  }
  postgresql_arguments(const postgresql_arguments&) = delete;
  postgresql_arguments& operator=(const postgresql_arguments&) = delete;

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<std::string>& parameter_names() const noexcept { return *names_; }
  [[nodiscard]] Oid type(int at) const noexcept { return types_[place(at)]; }
  [[nodiscard]] int count() const noexcept { return static_cast<int>(types_.size()); }
  [[nodiscard]] const char* const* values() const noexcept {
    return is_many() ? more_values_.data() : values_.data();
  }
  [[nodiscard]] const int* lengths() const noexcept {
    return is_many() ? more_lengths_.data() : lengths_.data();
  }
  [[nodiscard]] const int* formats() const noexcept {
    return is_many() ? more_formats_.data() : formats_.data();
  }

  void put_null(int at) noexcept { put(at, nullptr, 0, 1); }

  void put_bytes_of(int at, const char* data, std::size_t size) {
    if (size > std::size_t{std::numeric_limits<int>::max()})
      throw_bad_parameter(name_, "a parameter is too long");
    put(at, data == nullptr ? "" : data, static_cast<int>(size), 1);
  }

  /// Sends `text` for the server to read, as it reads a literal of the parameter's type.
  void put_literal(int at, std::string_view text) {
    if (text.find('\0') != std::string_view::npos)  // where the server would stop reading
      throw_bad_parameter(name_, "a text holds a NUL, which PostgreSQL cannot store");
    char* const copy = keep(text.size() + 1);
    text.copy(copy, text.size());
    copy[text.size()] = '\0';
    put(at, copy, 0, 0);
  }

  template <class Unsigned>
  void put_number(int at, Unsigned number) noexcept {
    char* const bytes = (is_many() ? more_numbers_.data() : numbers_.data())[place(at)].data();
    to_wire(bytes, number);
    put(at, bytes, sizeof number, 1);
  }

  /// Memory that lives as long as the arguments.
  [[nodiscard]] char* keep(std::size_t size) {
    kept_.push_back(std::make_unique<char[]>(size));
    return kept_.back().get();
  }

 private:
  static constexpr std::size_t inline_max = 16;

  static std::size_t place(int at) noexcept { return static_cast<std::size_t>(at) - 1; }
  [[nodiscard]] bool is_many() const noexcept { return types_.size() > inline_max; }
  void put(int at, const char* value, int length, int format) noexcept {
    (is_many() ? more_values_.data() : values_.data())[place(at)] = value;
    (is_many() ? more_lengths_.data() : lengths_.data())[place(at)] = length;
    (is_many() ? more_formats_.data() : formats_.data())[place(at)] = format;
  }

  std::string_view name_;
  std::span<const Oid> types_;
  const std::vector<std::string>* names_;
  // Left as they are: all that are sent are written first, and clearing them would cost as much as a point query may.
  std::array<const char*, inline_max> values_;
  std::array<int, inline_max> lengths_;
  std::array<int, inline_max> formats_;
  std::array<std::array<char, 8>, inline_max> numbers_;
  std::vector<const char*> more_values_;
  std::vector<int> more_lengths_;
  std::vector<int> more_formats_;
  std::vector<std::array<char, 8>> more_numbers_;
  std::vector<std::unique_ptr<char[]>> kept_;
};

/// What values can be written to, in the form that the type of each asks for.
template <class T>
concept postgresql_target = requires(T& to, int at, std::string_view text) {
  { to.type(at) } -> std::same_as<Oid>;
  to.put_null(at);
  to.put_literal(at, text);
  to.put_bytes_of(at, text.data(), text.size());
};

[[noreturn, gnu::noinline, gnu::cold]] inline void throw_out_of_range(std::string_view name, int at) {
  throw query_error(query_error_kind::bad_value, std::string(name) + ": parameter " + std::to_string(at) +
                                                     " is outside the range of its type");
}

template <postgresql_target To, class Number>
inline void put_decimal(To& to, int at, Number number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  to.put_literal(at, std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

template <postgresql_target To>
inline void put_integer(To& to, int at, std::int64_t number) {
  switch (to.type(at)) {
    case oid::int8:
      return to.put_number(at, static_cast<std::uint64_t>(number));
    case oid::int4:
      if (!std::in_range<std::int32_t>(number)) [[unlikely]]
        throw_out_of_range(to.name(), at);
      return to.put_number(at, static_cast<std::uint32_t>(number));
    case oid::int2:
      if (!std::in_range<std::int16_t>(number)) [[unlikely]]
        throw_out_of_range(to.name(), at);
      return to.put_number(at, static_cast<std::uint16_t>(number));
    case oid::float8:
      return to.put_number(at, std::bit_cast<std::uint64_t>(static_cast<double>(number)));
    default:
      return put_decimal(to, at, number);  // numeric, a text, a bool: the server reads it or refuses it
  }
}

template <postgresql_target To>
inline void put_double(To& to, int at, double number) {
  if (to.type(at) == oid::float8) return to.put_number(at, std::bit_cast<std::uint64_t>(number));
  put_decimal(to, at, number);
}

template <postgresql_target To>
inline void put_text(To& to, int at, std::string_view text, bool copy) {
  if (!is_text_type(to.type(at))) return to.put_literal(at, text);
  // Said here, because the server would take it for a fault of the encoding.
  if (text.find('\0') != std::string_view::npos)
    throw_bad_parameter(to.name(), "a text holds a NUL, which PostgreSQL cannot store");
  if (copy && !text.empty()) {
    char* const kept = to.keep(text.size());
    text.copy(kept, text.size());
    text = std::string_view(kept, text.size());
  }
  to.put_bytes_of(at, text.data(), text.size());
}

template <postgresql_target To>
inline void put_bytes(To& to, int at, byte_view bytes, bool copy) {
  if (to.type(at) != oid::bytea)
    throw_bad_parameter(to.name(), "a parameter of bytes stands where the server takes none");
  const auto* data = reinterpret_cast<const char*>(bytes.data());
  if (copy && !bytes.empty()) {
    char* const kept = to.keep(bytes.size());
    std::string_view(data, bytes.size()).copy(kept, bytes.size());
    data = kept;
  }
  to.put_bytes_of(at, data, bytes.size());
}

template <postgresql_target To>
inline void put_instant(To& to, int at, sql_microseconds instant) {
  if (to.type(at) == oid::timestamptz || to.type(at) == oid::timestamp)
    return to.put_number(at, static_cast<std::uint64_t>((instant - wire_epoch).count()));
  const time_text text(instant);
  if (text.view().empty()) throw_out_of_range(to.name(), at);
  to.put_literal(at, text.view());
}

template <postgresql_target To>
inline void put_date(To& to, int at, std::chrono::sys_days day) {
  if (to.type(at) == oid::date)
    return to.put_number(at,
                         static_cast<std::uint32_t>(static_cast<std::int32_t>((day - wire_epoch).count())));
  if (to.type(at) == oid::timestamptz || to.type(at) == oid::timestamp) return put_instant(to, at, day);
  const time_text text(day);
  if (text.view().empty()) throw_out_of_range(to.name(), at);
  to.put_literal(at, text.view());
}

template <postgresql_target To>
inline void put_truth(To& to, int at, bool value) {
  if (to.type(at) == oid::boolean) {
    to.put_bytes_of(at, value ? "\1" : "\0", 1);
    return;
  }
  put_integer(to, at, value ? 1 : 0);
}

template <postgresql_target To, class T>
inline void bind_value(To& to, int at, const T& value, bool copy = false) {
  if constexpr (has_codec<T>) {
    bind_value(to, at, sql_codec<T>::to_sql(value), true);  // to_sql returns a temporary
  } else if constexpr (is_optional<T>) {
    if (value.has_value())
      bind_value(to, at, *value, copy);
    else
      to.put_null(at);
  } else if constexpr (std::same_as<T, std::nullptr_t> || std::same_as<T, std::nullopt_t>) {
    to.put_null(at);
  } else if constexpr (std::same_as<T, bool>) {
    put_truth(to, at, value);
  } else if constexpr (sql_integer<T>) {
    if (!std::in_range<std::int64_t>(value)) [[unlikely]]
      throw_bad_parameter(to.name(), "an integer parameter is too large for the database");
    put_integer(to, at, static_cast<std::int64_t>(value));
  } else if constexpr (std::floating_point<T>) {
    if (std::isnan(value)) [[unlikely]]  // refused on every database, as SQLite would store NULL
      throw_bad_parameter(to.name(), "a parameter is not a number");
    put_double(to, at, static_cast<double>(value));
  } else if constexpr (sql_date<T>) {
    put_date(to, at, std::chrono::sys_days(value));
  } else if constexpr (sql_instant<T>) {
    put_instant(to, at, std::chrono::floor<std::chrono::microseconds>(value));
  } else if constexpr (text_like<T>) {
    put_text(to, at, value, copy);
  } else if constexpr (bytes_like<T>) {
    put_bytes(to, at, value, copy);
  } else {
    static_assert(has_codec<T>, "this type cannot be bound; specialise hasten::sql_codec for it");
  }
}

// `guess`: the number it would have if the arguments stood in the order of the text, as they mostly do.
[[nodiscard]] inline int index_of(const postgresql_arguments& to, std::string_view name, std::size_t guess) {
  const std::vector<std::string>& names = to.parameter_names();
  if (guess < names.size() && names[guess] == name) return static_cast<int>(guess) + 1;
  for (std::size_t at = 0; at < names.size(); ++at)
    if (names[at] == name) return static_cast<int>(at) + 1;
  throw_bad_parameter(to.name(), "it has no parameter called " + std::string(name));
}

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/error.hpp>

#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten {

/// Appends values to a row of bytes; what a codec writes with.
/// Thread safety: single-owner.
class byte_writer {
 public:
  /// Seven bits to a byte, least first: small numbers are short.
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<std::byte>(value | 0x80));
    bytes_.push_back(static_cast<std::byte>(value));
  }

  void raw(std::span<const std::byte> data) { bytes_.insert(bytes_.end(), data.begin(), data.end()); }

  /// Returns: what was written; the writer is empty afterwards.
  [[nodiscard]] std::vector<std::byte> take() noexcept { return std::exchange(bytes_, {}); }

 private:
  std::vector<std::byte> bytes_;
};

/// Reads values back in the order in which they were written; what a codec reads with. Believes nothing: whatever
/// the bytes are, it either gives a value or throws error(errc::bad_format), and allocates no more than they justify.
/// Lifetime: borrows the bytes. Thread safety: single-owner.
class byte_reader {
 public:
  explicit byte_reader(std::span<const std::byte> data) noexcept : left_(data) {}

  [[nodiscard]] std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto next = std::to_integer<std::uint64_t>(raw(1)[0]);
      if (shift == 63 && next > 1) break;  // more than 64 bits
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    refuse("a number is too long");
  }

  /// Returns: the next `size` bytes, which live as long as what is read from.
  [[nodiscard]] std::span<const std::byte> raw(std::size_t size) {
    if (size > left_.size()) refuse("the bytes end too early");
    const auto taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }

  [[nodiscard]] std::size_t left() const noexcept { return left_.size(); }

  [[noreturn]] static void refuse(const char* why) {
    throw error(errc::bad_format, std::string("codec: ") + why);
  }

 private:
  std::span<const std::byte> left_;
};

/// How values of a type become bytes and come back. There is one for truth values, integers, enumerations, doubles,
/// texts, byte vectors, durations, time points, and optionals, vectors, pairs and tuples of such, and for any type
/// with a member `fields`, a tuple of pointers to its members (what field_list() makes for SQL rows will do).
///
/// Specialise it for others: two functions as below, and `version` if what is written has changed. A type with
/// `fields` states its version by a member `codec_version`.
template <class T>
struct codec;

template <class T>
concept encodable = requires(byte_writer& out, byte_reader& in, const T& value) {
  codec<T>::write(out, value);
  { codec<T>::read(in) } -> std::same_as<T>;
};

namespace detail {

template <class T>
[[nodiscard]] consteval std::uint64_t codec_version_of() {
  if constexpr (requires { codec<T>::version; })
    return codec<T>::version;
  else if constexpr (requires { T::codec_version; })
    return T::codec_version;
  else
    return 1;
}

}  // namespace detail

/// Returns: the version of `T` and then `value`, as decode() reads it.
template <encodable T>
[[nodiscard]] std::vector<std::byte> encode(const T& value) {
  byte_writer out;
  out.number(detail::codec_version_of<T>());
  codec<T>::write(out, value);
  return out.take();
}

/// Reads what encode() made, on this machine or another one, in this program or an older one. A codec with
/// `read(byte_reader&, std::uint64_t version)` is asked to read older versions too; without one, they are refused.
/// Throws: error(errc::bad_format) for anything else.
template <encodable T>
[[nodiscard]] T decode(std::span<const std::byte> data) {
  byte_reader in(data);
  const std::uint64_t version = in.number();
  const auto finish = [&in](T value) {
    if (in.left() != 0) byte_reader::refuse("there are bytes after the value");
    return value;
  };
  if (version == detail::codec_version_of<T>()) return finish(codec<T>::read(in));
  if constexpr (requires { codec<T>::read(in, version); }) {
    if (version < detail::codec_version_of<T>()) return finish(codec<T>::read(in, version));
  }
  byte_reader::refuse("written by a version of the type that this program does not read");
}

template <>
struct codec<bool> {
  static void write(byte_writer& out, bool value) { out.number(value ? 1 : 0); }
  static bool read(byte_reader& in) {
    const std::uint64_t number = in.number();
    if (number > 1) byte_reader::refuse("a truth value is neither 0 nor 1");
    return number == 1;
  }
};

// Signed numbers take turns with unsigned ones (0, -1, 1, -2, …), so that small negative ones are short too.
template <std::integral T>
struct codec<T> {
  static void write(byte_writer& out, T value) {
    if constexpr (std::signed_integral<T>) {
      const auto bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
      out.number((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0));
    } else {
      out.number(static_cast<std::uint64_t>(value));
    }
  }
  static T read(byte_reader& in) {
    const std::uint64_t bits = in.number();
    if constexpr (std::signed_integral<T>) {
      const auto value = static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
      if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) refuse();
      return static_cast<T>(value);
    } else {
      if (bits > std::numeric_limits<T>::max()) refuse();
      return static_cast<T>(bits);
    }
  }

 private:
  [[noreturn]] static void refuse() { byte_reader::refuse("a number is out of the range of its type"); }
};

template <class T>
  requires std::is_enum_v<T>
struct codec<T> {
  static void write(byte_writer& out, T value) {
    codec<std::underlying_type_t<T>>::write(out, static_cast<std::underlying_type_t<T>>(value));
  }
  static T read(byte_reader& in) { return static_cast<T>(codec<std::underlying_type_t<T>>::read(in)); }
};

template <>
struct codec<double> {
  static void write(byte_writer& out, double value) {
    auto bits = std::bit_cast<std::uint64_t>(value);
    for (int i = 0; i < 8; ++i, bits >>= 8) out.raw({{static_cast<std::byte>(bits)}});
  }
  static double read(byte_reader& in) {
    std::uint64_t bits = 0;
    const auto data = in.raw(8);
    for (std::size_t i = 8; i-- > 0;) bits = bits << 8 | std::to_integer<std::uint64_t>(data[i]);
    return std::bit_cast<double>(bits);
  }
};

template <>
struct codec<std::string> {
  static void write(byte_writer& out, std::string_view value) {
    out.number(value.size());
    out.raw(std::as_bytes(std::span(value)));
  }
  static std::string read(byte_reader& in) {
    const auto data = in.raw(in.number());
    return {reinterpret_cast<const char*>(data.data()), data.size()};
  }
};

template <>
struct codec<std::vector<std::byte>> {
  static void write(byte_writer& out, std::span<const std::byte> value) {
    out.number(value.size());
    out.raw(value);
  }
  static std::vector<std::byte> read(byte_reader& in) {
    const auto data = in.raw(in.number());
    return {data.begin(), data.end()};
  }
};

template <std::integral Rep, class Period>
struct codec<std::chrono::duration<Rep, Period>> {
  static void write(byte_writer& out, std::chrono::duration<Rep, Period> value) {
    codec<Rep>::write(out, value.count());
  }
  static std::chrono::duration<Rep, Period> read(byte_reader& in) {
    return std::chrono::duration<Rep, Period>(codec<Rep>::read(in));
  }
};

// Only of the calendar: an instant of the monotonic clock means nothing elsewhere.
template <class Duration>
struct codec<std::chrono::sys_time<Duration>> {
  static void write(byte_writer& out, std::chrono::sys_time<Duration> value) {
    codec<Duration>::write(out, value.time_since_epoch());
  }
  static std::chrono::sys_time<Duration> read(byte_reader& in) {
    return std::chrono::sys_time<Duration>(codec<Duration>::read(in));
  }
};

template <encodable T>
struct codec<std::optional<T>> {
  static void write(byte_writer& out, const std::optional<T>& value) {
    codec<bool>::write(out, value.has_value());
    if (value) codec<T>::write(out, *value);
  }
  static std::optional<T> read(byte_reader& in) {
    if (!codec<bool>::read(in)) return std::nullopt;
    return codec<T>::read(in);
  }
};

template <encodable T>
struct codec<std::vector<T>> {
  static void write(byte_writer& out, const std::vector<T>& value) {
    out.number(value.size());
    for (const T& each : value) codec<T>::write(out, each);
  }
  static std::vector<T> read(byte_reader& in) {
    const std::uint64_t size = in.number();
    // Every element takes a byte at least, so a forged size cannot make this allocate without bound.
    if (size > in.left()) byte_reader::refuse("a list is longer than its bytes");
    std::vector<T> value;
    for (std::uint64_t i = 0; i < size; ++i) value.push_back(codec<T>::read(in));
    return value;
  }
};

template <encodable... Ts>
  requires(sizeof...(Ts) > 0)
struct codec<std::tuple<Ts...>> {
  static void write(byte_writer& out, const std::tuple<Ts...>& value) {
    std::apply([&out](const Ts&... each) { (codec<Ts>::write(out, each), ...); }, value);
  }
  static std::tuple<Ts...> read(byte_reader& in) {
    return {codec<Ts>::read(in)...};
  }  // braces: left to right
};

template <encodable First, encodable Second>
struct codec<std::pair<First, Second>> {
  static void write(byte_writer& out, const std::pair<First, Second>& value) {
    codec<First>::write(out, value.first);
    codec<Second>::write(out, value.second);
  }
  static std::pair<First, Second> read(byte_reader& in) {
    return {codec<First>::read(in), codec<Second>::read(in)};
  }
};

template <class T>
  requires(std::is_class_v<T> &&
           requires { requires std::tuple_size_v<std::remove_cvref_t<decltype(T::fields)>> != 0; })
struct codec<T> {
  static void write(byte_writer& out, const T& value) {
    std::apply([&](auto... member) { (write_member(out, value.*member), ...); }, T::fields);
  }
  static T read(byte_reader& in) {
    T value{};
    std::apply([&](auto... member) { (read_member(in, value.*member), ...); }, T::fields);
    return value;
  }

 private:
  template <encodable Member>
  static void write_member(byte_writer& out, const Member& member) {
    codec<Member>::write(out, member);
  }
  template <encodable Member>
  static void read_member(byte_reader& in, Member& member) {
    member = codec<Member>::read(in);
  }
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// Writes JSON straight into a string, in the order of the calls: nothing is built in between.
///
/// It places the commas and escapes the texts; that every `begin` meets its `end` is the caller's duty. Until the
/// outermost value is complete the string may lack what was written last: pieces are gathered in a buffer here,
/// because most are shorter than a call of string::append is long.
/// Names are literals of ours and are not escaped. Wrong tool for reading JSON (Boost.JSON does that).
/// Thread safety: single-owner.
///
///     std::string body;
///     json_writer json(body);
///     json.begin_object().member("status", "denied").member("paidCents", 0).end_object();
class json_writer {
 public:
  explicit json_writer(std::string& out) : out_(out) {}
  json_writer(const json_writer&) = delete;
  json_writer& operator=(const json_writer&) = delete;
  ~json_writer() = default;

  json_writer& begin_object() { return open('{'); }
  json_writer& end_object() { return close('}'); }
  json_writer& begin_array() { return open('['); }
  json_writer& end_array() { return close(']'); }

  json_writer& key(std::string_view name) {
    if (char* at = room(name.size() + 4)) {
      char* const from = at;
      if (!first_) *at++ = ',';
      *at++ = '"';
      std::memcpy(at, name.data(), name.size());
      at += name.size();
      *at++ = '"';
      *at++ = ':';
      used_ += static_cast<std::size_t>(at - from);
    } else {
      separate();
      put('"');
      put(name);
      put("\":");
    }
    first_ = true;
    return *this;
  }

  json_writer& value(std::string_view text) {
    separate();
    quote(text);
    return completed();
  }
  json_writer& value(const char* text) { return value(std::string_view(text)); }
  json_writer& value(const std::string& text) { return value(std::string_view(text)); }
  json_writer& value(std::nullptr_t) { return raw("null"); }
  json_writer& value(bool flag) { return raw(flag ? "true" : "false"); }

  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  json_writer& value(Number number) {
    separate();
    char* const digits = room(digits_max);
    used_ += static_cast<std::size_t>(std::to_chars(digits, digits + digits_max, number).ptr - digits);
    return completed();
  }

  /// Writes a finite number in its shortest exact form; what is not finite becomes null, which JSON has.
  json_writer& value(double number) {
    if (!(number - number == 0.0)) return raw("null");
    separate();
    char* const digits = room(digits_max);
    used_ += static_cast<std::size_t>(std::to_chars(digits, digits + digits_max, number).ptr - digits);
    return completed();
  }

  template <class T>
  json_writer& value(const std::optional<T>& perhaps) {
    return perhaps ? value(*perhaps) : value(nullptr);
  }

  template <class T>
  json_writer& member(std::string_view name, const T& what) {
    return key(name).value(what);
  }

  /// The same for a literal, whose length the compiler knows: copying it is then a move or two.
  template <std::size_t Size, class T>
  json_writer& member(const char (&name)[Size], const T& what) {
    char* at = room(Size + 3);
    if (at == nullptr) return key(std::string_view(name, Size - 1)).value(what);
    at[0] = ',';
    at += first_ ? 0 : 1;
    at[0] = '"';
    std::memcpy(at + 1, name, Size - 1);
    at[Size] = '"';
    at[Size + 1] = ':';
    used_ += Size + (first_ ? 2 : 3);
    first_ = true;
    return value(what);
  }

 private:
  json_writer& open(char bracket) {
    separate();
    put(bracket);
    first_ = true;
    ++depth_;
    return *this;
  }

  json_writer& close(char bracket) {
    put(bracket);
    first_ = false;
    --depth_;
    return completed();
  }

  json_writer& raw(std::string_view text) {
    separate();
    put(text);
    return completed();
  }

  void separate() {
    if (!first_) put(',');
    first_ = false;
  }

  json_writer& completed() {
    if (depth_ == 0) flush();
    return *this;
  }

  // Returns: where to write up to `size` bytes, to be added to used_; nothing if the buffer is smaller than that.
  char* room(std::size_t size) {
    if (size > gathered_.size() - used_) {
      flush();
      if (size > gathered_.size()) return nullptr;
    }
    return gathered_.data() + used_;
  }

  void put(char byte) {
    if (used_ == gathered_.size()) flush();
    gathered_[used_++] = byte;
  }

  void put(std::string_view text) {
    if (char* const at = room(text.size())) {
      std::memcpy(at, text.data(), text.size());
      used_ += text.size();
    } else {
      out_ += text;
    }
  }

  void flush() {
    out_.append(gathered_.data(), used_);
    used_ = 0;
  }

  // Whether one of eight bytes is a control, a quotation mark, a backslash or DEL. A byte from 0x80 on, part of a
  // longer UTF-8 sequence, is none of these. The idea of testing bytes within a word: Mycroft, 1987.
  static bool has_special(std::uint64_t eight) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t highs = 0x8080808080808080;
    const auto has_zero = [](std::uint64_t word) { return (word - ones) & ~word & highs; };
    const std::uint64_t controls = (eight - 0x20 * ones) & ~eight & highs;
    return (controls | has_zero(eight ^ ('"' * ones)) | has_zero(eight ^ ('\\' * ones)) |
            has_zero(eight ^ (0x7f * ones))) != 0;
  }

  static bool is_special(unsigned char byte) noexcept {
    return byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f;
  }

  static std::uint64_t eight_of(const char* at) noexcept {
    std::uint64_t eight = 0;
    std::memcpy(&eight, at, 8);
    return eight;
  }

  // Copies a text that can stand between quotation marks as it is. The last eight bytes may overlap those before.
  // Returns: false if it cannot; what was copied means nothing then.
  static bool copy_plain(std::string_view text, char* to) noexcept {
    if (text.size() < 8) {
      for (const char byte : text) {
        if (is_special(static_cast<unsigned char>(byte))) return false;
        *to++ = byte;
      }
      return true;
    }
    const auto copy_eight = [&](std::size_t at) {
      const std::uint64_t eight = eight_of(text.data() + at);
      std::memcpy(to + at, &eight, 8);
      return !has_special(eight);
    };
    for (std::size_t at = 0; at + 8 < text.size(); at += 8)
      if (!copy_eight(at)) return false;
    return copy_eight(text.size() - 8);
  }

  // Returns: where the first byte that needs an escape is, from `at` on; the size if there is none.
  static std::size_t plain_until(std::string_view text, std::size_t at) noexcept {
    while (at < text.size() && !is_special(static_cast<unsigned char>(text[at]))) ++at;
    return at;
  }

  void quote(std::string_view text) {
    char* const whole = room(text.size() + 2);
    if (whole != nullptr && copy_plain(text, whole + 1)) {  // nearly always
      whole[0] = '"';
      whole[text.size() + 1] = '"';
      used_ += text.size() + 2;
      return;
    }
    std::size_t at = plain_until(text, 0);
    put('"');
    put(text.substr(0, at));
    while (at < text.size()) {
      escape(static_cast<unsigned char>(text[at]));
      const std::size_t plain = at + 1;
      at = plain_until(text, plain);
      put(text.substr(plain, at - plain));
    }
    put('"');
  }

  void escape(unsigned char byte) {
    static constexpr char hex[] = "0123456789abcdef";
    put('\\');
    if (byte == '"' || byte == '\\') return put(static_cast<char>(byte));
    put("u00");
    put(hex[byte >> 4]);
    put(hex[byte & 15]);
  }

  static constexpr std::size_t digits_max = 32;  // no number is longer in its shortest form

  std::string& out_;
  std::array<char, 2048> gathered_;
  std::size_t used_ = 0;
  std::size_t depth_ = 0;  // brackets that are open
  bool first_ = true;      // nothing stands before the next value on this level
};

}  // namespace claims_app

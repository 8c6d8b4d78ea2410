// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// Writes JSON straight into a string, in the order of the calls: nothing is built in between.
///
/// It places the commas and escapes the texts; that every `begin` meets its `end` is the caller's duty.
/// Names are literals of ours and are not escaped. Wrong tool for reading JSON (Boost.JSON does that).
/// Thread safety: single-owner.
///
///     std::string body;
///     json_writer json(body);
///     json.begin_object().member("status", "denied").member("paidCents", 0).end_object();
class json_writer {
 public:
  explicit json_writer(std::string& out) : out_(out) {}

  json_writer& begin_object() { return open('{'); }
  json_writer& end_object() { return close('}'); }
  json_writer& begin_array() { return open('['); }
  json_writer& end_array() { return close(']'); }

  json_writer& key(std::string_view name) {
    separate();
    out_ += '"';
    out_ += name;
    out_ += "\":";
    first_ = true;
    return *this;
  }

  json_writer& value(std::string_view text) {
    separate();
    quote(text);
    return *this;
  }
  json_writer& value(const char* text) { return value(std::string_view(text)); }
  json_writer& value(const std::string& text) { return value(std::string_view(text)); }
  json_writer& value(std::nullptr_t) { return raw("null"); }
  json_writer& value(bool flag) { return raw(flag ? "true" : "false"); }

  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  json_writer& value(Number number) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return raw(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }

  /// Writes a finite number in its shortest exact form; what is not finite becomes null, which JSON has.
  json_writer& value(double number) {
    char digits[32];
    if (!(number - number == 0.0)) return raw("null");
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return raw(std::string_view(digits, static_cast<std::size_t>(end - digits)));
  }

  template <class T>
  json_writer& value(const std::optional<T>& perhaps) {
    return perhaps ? value(*perhaps) : value(nullptr);
  }

  template <class T>
  json_writer& member(std::string_view name, const T& what) {
    return key(name).value(what);
  }

 private:
  json_writer& open(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
    return *this;
  }

  json_writer& close(char bracket) {
    out_ += bracket;
    first_ = false;
    return *this;
  }

  json_writer& raw(std::string_view text) {
    separate();
    out_ += text;
    return *this;
  }

  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }

  void quote(std::string_view text) {
    static constexpr char hex[] = "0123456789abcdef";
    out_ += '"';
    std::size_t plain = 0;  // start of the run that needs no escape
    for (std::size_t at = 0; at < text.size(); ++at) {
      const auto byte = static_cast<unsigned char>(text[at]);
      if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f) continue;
      out_.append(text, plain, at - plain);
      plain = at + 1;
      if (byte == '"' || byte == '\\') {
        out_ += '\\';
        out_ += static_cast<char>(byte);
      } else {
        out_ += "\\u00";
        out_ += hex[byte >> 4];
        out_ += hex[byte & 15];
      }
    }
    out_.append(text, plain);
    out_ += '"';
  }

  std::string& out_;
  bool first_ = true;  // nothing stands before the next value on this level
};

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace hasten {

/// Where a request stands in a trace that goes through several services: the header "traceparent" of W3C Trace
/// Context. Ids are random and say nothing about anybody, so they may be logged.
///
/// Thread safety: thread-compatible.
///
///     auto trace = hasten::trace_context::parse(request["traceparent"]);
///     if (!trace) trace = hasten::trace_context::begin(random);       // no header, or a bad one: a trace of our own
///     outgoing.set("traceparent", trace->child(random).header());
class trace_context {
 public:
  /// Parses strictly: version 00, lower-case hexadecimal, ids that are not all zero, nothing before or after.
  /// Returns: nothing for anything else; what was sent is then to be ignored, not repaired.
  [[nodiscard]] static std::optional<trace_context> parse(std::string_view header) noexcept {
    if (header.size() != header_size || !header.starts_with("00-") || header[35] != '-' || header[52] != '-')
      return std::nullopt;
    trace_context parsed;
    std::array<std::uint8_t, 1> flags{};
    if (!bytes_of(header.substr(3, 32), parsed.trace_) || !bytes_of(header.substr(36, 16), parsed.span_) ||
        !bytes_of(header.substr(53, 2), flags) || is_zero(parsed.trace_) || is_zero(parsed.span_))
      return std::nullopt;
    parsed.flags_ = flags[0];
    return parsed;
  }

  /// Returns: a trace that begins here, not sampled, with ids from `random`.
  template <std::uniform_random_bit_generator Random>
  [[nodiscard]] static trace_context begin(Random& random) {
    trace_context made;
    fill(made.trace_, random);
    fill(made.span_, random);
    made.flags_ = random_flag;
    return made;
  }

  /// Returns: the same trace one step further, with a span id from `random`: for what this request calls.
  template <std::uniform_random_bit_generator Random>
  [[nodiscard]] trace_context child(Random& random) const {
    trace_context made = *this;
    fill(made.span_, random);
    return made;
  }

  /// Returns: the value of the header.
  [[nodiscard]] std::string header() const {
    std::string text;
    text.reserve(header_size);
    append_header(text);
    return text;
  }

  /// Appends header() to `text`; the trace's id is the 32 bytes from the fourth on.
  void append_header(std::string& text) const {
    text += "00-";
    append(text, trace_);
    text += '-';
    append(text, span_);
    text += '-';
    append(text, std::array<std::uint8_t, 1>{static_cast<std::uint8_t>(flags_ & known_flags)});
  }

  /// Returns: the trace's id as 32 hexadecimal digits, for logs and error bodies.
  [[nodiscard]] std::string trace_id() const {
    std::string text;
    append(text, trace_);
    return text;
  }

  /// Returns: the span's id as 16 hexadecimal digits.
  [[nodiscard]] std::string span_id() const {
    std::string text;
    append(text, span_);
    return text;
  }

  /// Whether the caller records this trace. It is the caller's wish: cap what follows from it.
  [[nodiscard]] bool sampled() const noexcept { return (flags_ & sampled_flag) != 0; }
  void set_sampled(bool wanted) noexcept {
    flags_ = static_cast<std::uint8_t>(wanted ? flags_ | sampled_flag : flags_ & ~sampled_flag);
  }

 private:
  static constexpr std::size_t header_size = 55;
  static constexpr std::uint8_t sampled_flag = 1;
  static constexpr std::uint8_t random_flag = 2;  // the trace id is random, which samplers may rely on
  static constexpr std::uint8_t known_flags = sampled_flag | random_flag;  // others are not to be passed on

  trace_context() = default;

  template <std::size_t Size>
  static bool bytes_of(std::string_view text, std::array<std::uint8_t, Size>& bytes) noexcept {
    const auto digit = [](char c) -> unsigned {
      if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
      if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
      return 16;
    };
    for (std::size_t i = 0; i < Size; ++i) {
      const unsigned high = digit(text[2 * i]);
      const unsigned low = digit(text[2 * i + 1]);
      if (high > 15 || low > 15) return false;
      bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return true;
  }

  template <std::size_t Size>
  static bool is_zero(const std::array<std::uint8_t, Size>& bytes) noexcept {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
  }

  // All zero is no id; a generator gives that once in 2^64, or always if it is broken.
  template <std::size_t Size, class Random>
  static void fill(std::array<std::uint8_t, Size>& bytes, Random& random) {
    if constexpr (Random::min() == 0 && Random::max() == std::numeric_limits<std::uint64_t>::max()) {
      for (std::size_t i = 0; i < Size; i += 8) {  // eight bytes a call: this is done for every request
        const std::uint64_t drawn = random();
        for (std::size_t k = 0; k < 8 && i + k < Size; ++k)
          bytes[i + k] = static_cast<std::uint8_t>(drawn >> (8 * k));
      }
    } else {
      std::uniform_int_distribution<unsigned> byte(0, std::numeric_limits<std::uint8_t>::max());
      for (auto& each : bytes) each = static_cast<std::uint8_t>(byte(random));
    }
    if (is_zero(bytes)) bytes.back() = 1;
  }

  template <std::size_t Size>
  static void append(std::string& text, const std::array<std::uint8_t, Size>& bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const std::uint8_t byte : bytes) {
      text += digits[byte >> 4];
      text += digits[byte & 15];
    }
  }

  std::array<std::uint8_t, 16> trace_{};  // not all zero
  std::array<std::uint8_t, 8> span_{};    // not all zero
  std::uint8_t flags_ = 0;
};

}  // namespace hasten

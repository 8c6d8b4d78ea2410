// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace hasten {

/// Returns: whether `name` can name a metric of a Server-Timing header: an HTTP token of 1 to 32 bytes.
[[nodiscard]] constexpr bool is_server_timing_name(std::string_view name) noexcept {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

/// Appends one metric to the value of a Server-Timing header: "db;dur=9.800", in milliseconds to the
/// microsecond, after ", " unless it is the first. A negative duration is written as zero.
inline void append_server_timing(std::string& value, std::string_view name,
                                 std::chrono::nanoseconds duration) {
  const std::int64_t microseconds = std::max<std::int64_t>(duration.count(), 0) / 1000;
  std::array<char, 24> digits;
  const auto whole = std::to_chars(digits.data(), digits.data() + digits.size(), microseconds / 1000);
  const auto rest = static_cast<int>(microseconds % 1000);
  if (!value.empty()) value += ", ";
  value += name;
  value += ";dur=";
  value.append(digits.data(), whole.ptr);
  value += '.';
  for (const int unit : {100, 10, 1}) value += static_cast<char>('0' + rest / unit % 10);
}

}  // namespace hasten

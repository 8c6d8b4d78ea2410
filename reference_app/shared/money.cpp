// SPDX-License-Identifier: BSL-1.0
#include "shared/money.hpp"

#include <cstddef>
#include <limits>

namespace claims_app {
namespace {

constexpr std::int64_t cents_max = std::numeric_limits<std::int64_t>::max();

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

// Returns false if the value would pass cents_max. The one value below -cents_max is refused with it: no
// amount of money needs it and its negation does not exist.
bool append_digit(std::int64_t& value, int digit) noexcept {
  if (value > (cents_max - digit) / 10) return false;
  value = value * 10 + digit;
  return true;
}

}  // namespace

std::optional<std::int64_t> cents_from_decimal(std::string_view text) noexcept {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == text.npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() || (point != text.npos && fraction.empty())) return std::nullopt;

  std::int64_t cents = 0;
  for (const char c : whole)
    if (!is_digit(c) || !append_digit(cents, c - '0')) return std::nullopt;
  for (std::size_t i = 0; i < 2; ++i) {
    const char c = i < fraction.size() ? fraction[i] : '0';
    if (!is_digit(c) || !append_digit(cents, c - '0')) return std::nullopt;
  }
  for (std::size_t i = 2; i < fraction.size(); ++i)
    if (fraction[i] != '0') return std::nullopt;
  return negative ? -cents : cents;
}

std::string decimal_from_cents(std::int64_t cents) {
  const bool negative = cents < 0;
  // Negated as unsigned: the lowest value has no positive counterpart.
  const std::uint64_t amount =
      negative ? std::uint64_t{0} - static_cast<std::uint64_t>(cents) : static_cast<std::uint64_t>(cents);
  std::string text = negative ? "-" : "";
  text += std::to_string(amount / 100);
  text += '.';
  text += static_cast<char>('0' + amount / 10 % 10);
  text += static_cast<char>('0' + amount % 10);
  return text;
}

std::optional<std::int64_t> add_cents(std::int64_t left, std::int64_t right) noexcept {
  if (right > 0 ? left > cents_max - right : left < std::numeric_limits<std::int64_t>::min() - right)
    return std::nullopt;
  return left + right;
}

}  // namespace claims_app

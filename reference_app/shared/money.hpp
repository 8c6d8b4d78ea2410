// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// Reads a decimal amount of money exactly, without floating point: "1068", "-12.5", "26000.00".
/// Digits past the cents must be zero. No sign but '-', no blanks, no exponent, no separators.
/// Returns: integer cents; nothing if the text is anything else or does not fit 64 bits.
[[nodiscard]] std::optional<std::int64_t> cents_from_decimal(std::string_view text) noexcept;

/// Returns: the amount with two decimals, "-12.50".
[[nodiscard]] std::string decimal_from_cents(std::int64_t cents);

/// Returns: the sum; nothing if it does not fit 64 bits.
[[nodiscard]] std::optional<std::int64_t> add_cents(std::int64_t left, std::int64_t right) noexcept;

}  // namespace claims_app

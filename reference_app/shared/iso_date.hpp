// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// Reads 'YYYY-MM-DD' and nothing else.
/// Returns: the date; nothing if the text has another shape or names a day the calendar lacks.
[[nodiscard]] std::optional<std::chrono::year_month_day> parse_iso_date(std::string_view text) noexcept;

/// Reads 'YYYYMMDD', as CMS writes dates.
/// Returns: the date; nothing if the text has another shape or names a day the calendar lacks.
[[nodiscard]] std::optional<std::chrono::year_month_day> parse_compact_date(std::string_view text) noexcept;

/// Reads the date of 'YYYY-MM-DDThh:mm:ssZ', as Synthea writes instants, or a date alone.
/// Returns: the date; nothing if the text has another shape or a part is out of range.
[[nodiscard]] std::optional<std::chrono::year_month_day> parse_instant_date(std::string_view text) noexcept;

/// Writes 'YYYY-MM-DD', for years 1 to 9999.
[[nodiscard]] std::string to_iso_date(std::chrono::year_month_day date);

}  // namespace claims_app

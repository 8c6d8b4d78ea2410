// SPDX-License-Identifier: BSL-1.0
#include "shared/instant.hpp"

#include "shared/iso_date.hpp"

#include <chrono>

namespace claims_app {

std::string to_rfc3339(std::int64_t unix_milliseconds) {
  const std::chrono::sys_time<std::chrono::milliseconds> at{std::chrono::milliseconds(unix_milliseconds)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::hh_mm_ss time(at - day);
  const auto two = [](std::int64_t number) {
    return std::string{static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
  };
  const std::int64_t milliseconds = time.subseconds().count();
  std::string out = to_iso_date(std::chrono::year_month_day(day));
  out += 'T';
  out +=
      two(time.hours().count()) + ':' + two(time.minutes().count()) + ':' + two(time.seconds().count()) + '.';
  out += static_cast<char>('0' + milliseconds / 100);
  out += two(milliseconds % 100) + 'Z';
  return out;
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hasten {

/// How a part of the system is, from good to bad: a larger value is worse.
enum class health_status : unsigned char {
  pass,
  warn,  ///< works, but somebody should look
  fail,
};

/// Returns: "pass", "warn" or "fail".
[[nodiscard]] constexpr std::string_view to_string(health_status status) noexcept {
  constexpr std::array<std::string_view, 3> names = {"pass", "warn", "fail"};
  return names[static_cast<std::size_t>(status)];
}

/// Who asks for health, and what they will do about it.
enum class health_group : unsigned char {
  all,      ///< people: every check
  live,     ///< restarts the process if it fails: only what a restart would cure, never a database
  ready,    ///< sends no requests while it fails
  startup,  ///< waits with the two above until it passes once
};

/// What one run of a check found.
struct check_result {
  health_status status = health_status::pass;
  std::string note = {};                ///< why, in our own words; never data
  std::optional<double> observed = {};  ///< the figure the status was judged by
  std::string unit = {};                ///< of `observed`: "ms", "ratio"
};

/// Health at the moment it was asked for: what the checks last found, and how old that is.
///
/// Thread safety: thread-compatible.
struct health_report {
  struct component {
    std::string name = {};
    check_result result = {};         ///< the status after hysteresis; the rest of the latest run
    bool critical = true;             ///< if not, its failure is a warning to the whole
    bool known = false;               ///< whether it ever ran to its end, or was given up
    bool stale = false;               ///< whether the result is older than it may be, or a run hangs
    bool running = false;             ///< whether a run is under way
    std::uint64_t in_a_row = 0;       ///< results of the latest kind without another in between
    std::chrono::nanoseconds age{0};  ///< of the result
    std::chrono::nanoseconds duration{
        0};  ///< of the latest run, or so far of the one under way if it is longer
  };

  health_status status = health_status::pass;
  std::vector<component> components;  ///< in the order the checks were given
};

}  // namespace hasten

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "app/serve_config.hpp"

#include <hasten/core/clock.hpp>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {

enum class finding_state : std::uint8_t { ok, warn, fail };

[[nodiscard]] std::string_view name_of(finding_state state) noexcept;

/// What one check came to. None of the texts holds a secret.
struct finding {
  std::string_view check;  // "port"
  finding_state state = finding_state::ok;
  std::string what;
  std::string cure = {};  // what to do about it, to be typed or written as it stands where that is possible
};

/// What the checks look at besides the configuration; a test brings its own.
struct doctor_view {
  std::uint64_t descriptors = 0;  // what the process may have
  std::uint64_t disk_free = 0;    // bytes where the database is
  hasten::wall_time now{};
  bool clock_is_synchronised = true;
  std::chrono::nanoseconds patience = std::chrono::seconds(20);  // for the check of the whole database

  /// Returns: that of the machine, for this configuration.
  [[nodiscard]] static doctor_view of_machine(const serve_config& config);
};

/// Checks all that `serve` needs with this configuration, and changes nothing: a database that does not exist is not made,
/// one that does is opened for reading only. Never throws for what it finds; that is what a finding is for.
[[nodiscard]] std::vector<finding> examine(const checked_config& checked, const doctor_view& machine);

/// Returns: the worst of all.
[[nodiscard]] finding_state worst_of(std::span<const finding> all) noexcept;

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "app/serve_config.hpp"

#include <string>
#include <vector>

namespace claims_app {

class service;

/// What a new configuration changes in a running server.
struct reload_plan {
  struct change {
    const option_row* row = nullptr;  // never null
    std::string sentence;             // "rate: 0 -> 50 (claims.json: rate)"; secrets masked
  };
  std::vector<change> taken;        // what is reloadable
  std::vector<change> for_restart;  // the others, which hold from the next start on
};

/// Compares what holds with what was read anew; both have one of each row, in their order. Looks at nothing else.
[[nodiscard]] reload_plan plan_reload(const std::vector<effective_setting>& in_force,
                                      const std::vector<effective_setting>& wanted);

/// The configuration of a running server, read anew whenever it is told to. Thread safety: single-owner.
class reloader {
 public:
  /// `in_force` is what the server was started with. Lifetime: the server outlives it.
  reloader(settings_sources sources, checked_config in_force, service& running);

  /// Reads everything again and lets the server take over what is reloadable; or, if anything at all is wrong, nothing.
  /// Every error, every change, and what waits for a restart is logged. Returns: whether it was taken over.
  bool reload();

  /// Returns: the options that hold now.
  [[nodiscard]] const serve_config& config() const noexcept { return in_force_.config; }

 private:
  settings_sources sources_;
  checked_config in_force_;  // of what waits for a restart, still the old values
  service& running_;
};

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <chrono>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace claims_app {

/// The level of the process's log, which an operator may change for a while: it goes back by itself, because a level of
/// debug that was forgotten fills a disk. Thread safety: thread-safe.
class log_levels {
 public:
  /// Takes the level of now for the one to go back to.
  log_levels();

  struct state {
    std::string level;
    std::string usual;
    std::optional<std::chrono::seconds> left;  // until it goes back
  };
  [[nodiscard]] state current(hasten::steady_time now) const;

  /// Sets the level until `until`. `level` is one of names().
  void set(std::string_view level, hasten::steady_time until);
  void revert();
  /// Sets the level to go back to, and goes by it at once unless another is set for a while.
  void set_usual(std::string_view level);
  /// Goes back if the time is over.
  void tick(hasten::steady_time now);

  [[nodiscard]] static std::span<const std::string_view> names() noexcept;

 private:
  mutable std::mutex mutex_;  // guards the next two
  std::string usual_;
  std::optional<hasten::steady_time> until_;
};

}  // namespace claims_app

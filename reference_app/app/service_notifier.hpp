// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// Tells systemd how the process stands, by its own protocol: lines of text in one datagram to the socket that NOTIFY_SOCKET
/// names (sd_notify(3)). Where nobody listens, nothing happens and nothing fails: a server must not depend on being watched.
/// Thread safety: thread-safe.
///
///     service_notifier notifier(variable);
///     notifier.tell("READY=1\nSTATUS=serving");
class service_notifier {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID through `variable`. A watchdog that is meant for another process
  /// is none.
  explicit service_notifier(const std::function<std::optional<std::string>(std::string_view)>& variable);
  ~service_notifier();
  service_notifier(const service_notifier&) = delete;
  service_notifier& operator=(const service_notifier&) = delete;

  /// Sends some lines, such as "READY=1".
  /// Returns: whether they were taken. Blocks on: the receiver, at most for a second.
  bool tell(std::string_view lines) const noexcept;

  // What a server says in its life. A start or a stop that takes longer than the unit allows asks for more time.
  void starting(std::string_view what) const {
    tell("STATUS=" + std::string(what) + "\nEXTEND_TIMEOUT_USEC=120000000");
  }
  void ready() const { tell("READY=1\nSTATUS=serving"); }
  void reloading(hasten::steady_time now) const;
  void stopping(std::chrono::seconds at_most) const;
  void alive() const { tell("WATCHDOG=1"); }

  [[nodiscard]] bool is_listened_to() const noexcept { return socket_ >= 0; }

  /// Returns: within what time alive() has to be said again and again, if at all.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_time() const noexcept {
    return watchdog_time_;
  }

 private:
  int socket_ = -1;  // connected; -1: nobody listens
  std::optional<std::chrono::microseconds> watchdog_time_;
};

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "app/service_notifier.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace claims_app {

namespace {

std::optional<std::int64_t> number(const std::optional<std::string>& text) {
  std::int64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (failure != std::errc{} || end != text->data() + text->size() || value <= 0) return std::nullopt;
  return value;
}

// A name that begins with @ is one of the abstract namespace, whose first byte is zero.
int connected(const std::string& name) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  if (name.size() < 2 || name.size() >= sizeof where.sun_path || (name[0] != '/' && name[0] != '@'))
    return -1;
  std::memcpy(where.sun_path, name.data(), name.size());
  if (name[0] == '@') where.sun_path[0] = '\0';
  const int out = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (out < 0) return -1;
  const timeval second{.tv_sec = 1, .tv_usec = 0};
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (::setsockopt(out, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second) == 0 &&
      ::connect(out, reinterpret_cast<const sockaddr*>(&where), size) == 0)
    return out;
  ::close(out);
  return -1;
}

}  // namespace

service_notifier::service_notifier(
    const std::function<std::optional<std::string>(std::string_view)>& variable) {
  const auto name = variable("NOTIFY_SOCKET");
  if (!name) return;
  socket_ = connected(*name);
  const auto process = variable("WATCHDOG_PID");
  const auto time = number(variable("WATCHDOG_USEC"));
  if (socket_ >= 0 && time && (!process || number(process) == ::getpid())) watchdog_time_.emplace(*time);
}

service_notifier::~service_notifier() {
  if (socket_ >= 0) ::close(socket_);
}

bool service_notifier::tell(std::string_view lines) const noexcept {
  return socket_ >= 0 &&
         ::send(socket_, lines.data(), lines.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(lines.size());
}

void service_notifier::reloading(hasten::steady_time now) const {
  const auto since_start = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(since_start.count()) +
       "\nSTATUS=reading the configuration");
}

void service_notifier::stopping(std::chrono::seconds at_most) const {
  // What a drain does after its deadline, closing the database above all, takes time as well.
  const std::chrono::microseconds patience = at_most + std::chrono::seconds(30);
  tell("STOPPING=1\nSTATUS=finishing requests under way\nEXTEND_TIMEOUT_USEC=" +
       std::to_string(patience.count()));
}

}  // namespace claims_app

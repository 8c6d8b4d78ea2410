// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

/// What systemd holds at the other end of NOTIFY_SOCKET. Thread safety: single-owner.
class notify_socket {
 public:
  /// A path, or a name of the abstract namespace after "@". Throws: std::system_error.
  explicit notify_socket(std::string name) : name_(std::move(name)) {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    if (name_.size() >= sizeof where.sun_path)
      throw std::invalid_argument("notify_socket: the name is too long");
    std::memcpy(where.sun_path, name_.data(), name_.size());
    if (name_[0] == '@') where.sun_path[0] = '\0';
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    if (socket_ < 0 || ::bind(socket_, reinterpret_cast<const sockaddr*>(&where), size) != 0 ||
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
      throw std::system_error(errno, std::generic_category(), "notify_socket");
  }
  notify_socket(const notify_socket&) = delete;
  notify_socket& operator=(const notify_socket&) = delete;
  ~notify_socket() {
    ::close(socket_);
    if (name_[0] != '@') ::unlink(name_.c_str());
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// Returns: the next datagram; empty if none comes within a minute.
  [[nodiscard]] std::string next() const {
    std::array<char, 4096> buffer{};
    const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), 0);
    return count < 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(count));
  }

 private:
  std::string name_;
  int socket_ = -1;
};

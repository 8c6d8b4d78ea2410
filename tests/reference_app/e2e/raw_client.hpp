// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace e2e {

/// One response as it came over the wire.
struct raw_response {
  int status = 0;
  std::string head;
  std::string body;
};

/// A client that sends what it is told, byte for byte, and reads with a deadline that only guards against hanging.
class raw_client {
 public:
  explicit raw_client(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<std::uint16_t>(port));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval deadline{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
      throw std::system_error(errno, std::generic_category(), "connect");
  }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;
  virtual ~raw_client() { close(); }

  virtual void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the server closed: what it said is still to be read
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  virtual void finish_sending() { ::shutdown(socket_, SHUT_WR); }

  /// Closes with a reset, as a client does that crashes.
  void vanish() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

  /// Reads one response; status 0 if the server closes first. `has_body` false: as the answer to HEAD.
  raw_response read(bool has_body = true) {
    raw_response out;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!fill()) return out;
    out.head = buffer_.substr(0, end + 4);
    buffer_.erase(0, end + 4);
    out.status = std::atoi(out.head.c_str() + 9);
    const std::size_t at = out.head.find("Content-Length: ");
    const std::size_t length =
        at == std::string::npos || !has_body ? 0 : std::stoul(out.head.substr(at + 16));
    while (buffer_.size() < length)
      if (!fill()) break;
    out.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return out;
  }

  /// Takes a few thousand bytes from the kernel, for a later read(). Returns: whether any came.
  bool take_some() { return fill(); }

  /// Takes all that arrived, at least something. Returns: it; nothing if the server closed.
  std::string take_all() {
    if (buffer_.empty() && !fill()) return {};
    return std::exchange(buffer_, {});
  }

  /// Returns: whether the connection is broken, without reading what arrived.
  bool is_reset() const {
    int failure = 0;
    socklen_t size = sizeof failure;
    ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &failure, &size);
    return failure != 0 || (::send(socket_, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN);
  }

  /// Returns: whether the server has closed its side and sent nothing more.
  bool is_closed() { return buffer_.empty() && !fill() && buffer_.empty(); }

 protected:
  /// Waits for bytes. Returns: how many came; 0 if none will.
  virtual std::size_t receive(char* into, std::size_t size) {
    const ssize_t got = ::recv(socket_, into, size, 0);
    return got <= 0 ? 0 : static_cast<std::size_t>(got);
  }

 private:
  bool fill() {
    char chunk[4096];
    const std::size_t got = receive(chunk, sizeof chunk);
    buffer_.append(chunk, got);
    return got > 0;
  }

  int socket_;
  std::string buffer_;
};

}  // namespace e2e

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/detail/postgresql_api.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace hasten::detail {

/// Waits until a socket can do one of `events`. Returns: false if it could not for that long.
[[nodiscard]] inline bool wait_for_socket(int socket, short events, std::chrono::milliseconds longest) {
  pollfd watched{.fd = socket, .events = events, .revents = 0};
  const int count = ::poll(&watched, 1, static_cast<int>(longest.count()));
  return count > 0 ||
         (count < 0 && errno == EINTR);  // interrupted: the caller looks again, and at the time too
}

class open_socket {
 public:
  explicit open_socket(int family) : id_(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  open_socket(const open_socket&) = delete;
  open_socket& operator=(const open_socket&) = delete;
  ~open_socket() {
    if (id_ >= 0) ::close(id_);
  }
  [[nodiscard]] int id() const noexcept { return id_; }

 private:
  int id_;
};

template <class Address>
[[nodiscard]] inline bool connect_to(int socket, const Address& address) noexcept {
  return ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EINPROGRESS;
}

/// Starts connecting to where `connection` is connected. Returns: whether it could be started.
[[nodiscard]] inline bool start_connecting(const PGconn* connection, int family, int socket) {
  const std::string_view port = PQport(connection);
  const int number = std::atoi(port.data());
  if (family == AF_UNIX) {
    const std::string path = std::string(PQhost(connection)) + "/.s.PGSQL." + std::string(port);
    sockaddr_un address{};
    if (path.size() >= sizeof address.sun_path) return false;
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    return connect_to(socket, address);
  }
  if (family == AF_INET6) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<std::uint16_t>(number));
    return ::inet_pton(AF_INET6, PQhostaddr(connection), &address.sin6_addr) == 1 &&
           connect_to(socket, address);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(number));
  return ::inet_pton(AF_INET, PQhostaddr(connection), &address.sin_addr) == 1 && connect_to(socket, address);
}

/// Asks on a new connection whether the server speaks TLS, which every one answers with one letter.
/// Returns: whether an answer came within `longest`, for each of three steps.
[[nodiscard]] inline bool server_answers(const PGconn* connection, std::chrono::milliseconds longest) {
  const char* const host = PQhost(connection);
  const char* const address = PQhostaddr(connection);
  const bool is_local = host != nullptr && host[0] == '/';
  if (!is_local && (address == nullptr || address[0] == '\0')) return false;
  const int family = is_local ? AF_UNIX : std::strchr(address, ':') != nullptr ? AF_INET6 : AF_INET;
  const open_socket probe(family);
  if (probe.id() < 0 || !start_connecting(connection, family, probe.id())) return false;
  if (!wait_for_socket(probe.id(), POLLOUT, longest)) return false;
  constexpr std::array<unsigned char, 8> question{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f};
  if (::send(probe.id(), question.data(), question.size(), MSG_NOSIGNAL) != std::ssize(question))
    return false;
  if (!wait_for_socket(probe.id(), POLLIN, longest)) return false;
  char answer = 0;
  return ::recv(probe.id(), &answer, 1, 0) == 1;
}

/// Asks the server to stop what `connection` runs. libpq's own request waits for the server without an end, so the server
/// is first asked for a sign of life. Returns: whether it was asked.
[[nodiscard]] inline bool request_cancel(PGconn* connection, std::chrono::milliseconds longest) {
  if (!server_answers(connection, longest)) return false;
  PGcancel* const request = PQgetCancel(connection);
  if (request == nullptr) return false;
  std::array<char, 256> why{};
  const bool asked = PQcancel(request, why.data(), static_cast<int>(why.size())) == 1;
  PQfreeCancel(request);
  return asked;
}

}  // namespace hasten::detail

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

/// Stands between a client and a server on the loopback interface and forwards what either says, until it is told to be a
/// black hole: from then on it still takes connections and bytes, and nothing comes out.
/// Thread safety: thread-safe.
class tcp_proxy {
 public:
  explicit tcp_proxy(int server_port)
      : server_port_(server_port), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::system_error(errno, std::generic_category(), "tcp_proxy");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  tcp_proxy(const tcp_proxy&) = delete;
  tcp_proxy& operator=(const tcp_proxy&) = delete;
  ~tcp_proxy() {
    stopped_.store(true);
    thread_.join();
    for (const connection& each : connections_) close_both(each);
    ::close(listener_);
  }

  [[nodiscard]] int port() const noexcept { return port_; }
  /// Swallows everything from now on, or forwards again; what was swallowed is gone.
  void set_black_hole(bool wanted) { black_hole_.store(wanted); }
  /// Swallows only what the server says: a request arrives, and its answer is lost.
  void set_mute(bool wanted) { mute_.store(wanted); }
  /// Lets everything wait, new connections too, and then go on where it stood.
  void set_hold(bool wanted) { hold_.store(wanted); }
  /// Closes all connections that there are, soon.
  void cut() { cut_.store(true); }
  /// Returns: how many connections were taken so far.
  [[nodiscard]] int accepted() const noexcept { return accepted_.load(); }

 private:
  struct connection {
    int client = -1;
    int server = -1;
  };

  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static void close_both(const connection& gone) {
    ::close(gone.client);
    ::close(gone.server);
  }

  void run() {
    while (!stopped_.load()) {
      if (cut_.exchange(false)) {
        for (const connection& each : connections_) close_both(each);
        connections_.clear();
      }
      if (hold_.load()) {
        ::poll(nullptr, 0, 5);
        continue;
      }
      std::vector<pollfd> watched{{.fd = listener_, .events = POLLIN, .revents = 0}};
      for (const connection& each : connections_)
        for (const int socket : {each.client, each.server})
          watched.push_back({.fd = socket, .events = POLLIN, .revents = 0});
      if (::poll(watched.data(), watched.size(), 5) <= 0) continue;
      const std::size_t known = connections_.size();
      if (watched[0].revents != 0) accept_one();
      for (std::size_t at = known; at-- > 0;) {
        const connection each = connections_[at];
        const bool to_server = watched[2 * at + 1].revents == 0 || forward(each.client, each.server, false);
        const bool to_client = watched[2 * at + 2].revents == 0 || forward(each.server, each.client, true);
        if (to_server && to_client) continue;
        close_both(each);
        connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
  }

  void accept_one() {
    const int client = ::accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    const int server = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in address = loopback(server_port_);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      close_both({.client = client, .server = server});
      return;
    }
    accepted_.fetch_add(1);
    connections_.push_back({.client = client, .server = server});
  }

  bool forward(int from, int to, bool answer) const {
    std::array<char, 16384> buffer{};
    const ssize_t size = ::recv(from, buffer.data(), buffer.size(), 0);
    if (black_hole_.load() || (answer && mute_.load())) return size > 0;
    return size > 0 && ::send(to, buffer.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
  }

  int server_port_;
  int listener_;
  int port_ = 0;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> black_hole_{false};
  std::atomic<bool> mute_{false};
  std::atomic<bool> hold_{false};
  std::atomic<bool> cut_{false};
  std::atomic<int> accepted_{0};
  std::vector<connection> connections_;  // of the thread alone
  std::thread thread_;
};

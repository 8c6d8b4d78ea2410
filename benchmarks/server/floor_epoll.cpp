// SPDX-License-Identifier: BSL-1.0
// The floor: the least work that answers a request over a kept-alive connection. One thread, epoll, a fixed answer
// read from a file at start. A request is taken to end at an empty line; nothing of it is looked at.
// usage: bench_server_floor PORT FILE, where FILE holds the whole answer, head and body
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct client {
  std::string in;  // the beginning of a request whose end has not come
};

int listening_socket(std::uint16_t port) {
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(made, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0 || listen(made, 1024) != 0) {
    std::perror("bench_server_floor");
    std::exit(1);
  }
  return made;
}

void watch(int poll, int socket) {
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.fd = socket;
  epoll_ctl(poll, EPOLL_CTL_ADD, socket, &wanted);
}

void accept_all(int poll, int listener, std::vector<client>& clients) {
  for (;;) {
    const int peer = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (peer < 0) return;
    const int on = 1;
    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (clients.size() <= static_cast<std::size_t>(peer)) clients.resize(static_cast<std::size_t>(peer) + 1);
    clients[static_cast<std::size_t>(peer)].in.clear();
    watch(poll, peer);
  }
}

// Returns: false when the client is gone.
bool serve(int peer, client& state, const std::string& answer, std::string& out) {
  std::array<char, 4096> buffer;
  const ssize_t size = recv(peer, buffer.data(), buffer.size(), 0);
  if (size <= 0) return size < 0 && errno == EAGAIN;
  std::string_view rest(buffer.data(), static_cast<std::size_t>(size));
  if (!state.in.empty()) {
    state.in.append(rest);
    rest = state.in;
  }
  out.clear();
  for (;;) {
    const std::size_t end = rest.find("\r\n\r\n");
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 4);
    out += answer;
  }
  if (rest.empty())
    state.in.clear();
  else
    state.in = std::string(rest);
  // The clients of the benchmark always read, so that the kernel takes everything at once.
  return out.empty() || send(peer, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: bench_server_floor PORT FILE\n");
    return 2;
  }
  std::ifstream file(arguments[2], std::ios::binary);
  const std::string answer{std::istreambuf_iterator<char>(file), {}};
  const int listener = listening_socket(static_cast<std::uint16_t>(std::atoi(arguments[1])));
  const int poll = epoll_create1(0);
  watch(poll, listener);
  std::vector<client> clients;
  std::array<epoll_event, 128> events;
  std::string out;
  for (;;) {
    const int ready = epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
    for (int at = 0; at < ready; ++at) {
      const int socket = events[static_cast<std::size_t>(at)].data.fd;
      if (socket == listener)
        accept_all(poll, listener, clients);
      else if (!serve(socket, clients[static_cast<std::size_t>(socket)], answer, out))
        close(socket);
    }
  }
}

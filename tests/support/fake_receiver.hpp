// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

/// A receiver of HTTP messages that answers whatever a test wants, or nothing at all; one connection at a time, one message
/// for each. Thread safety: thread-safe.
class fake_receiver {
 public:
  /// What to answer to the message of that number, from 0; an empty text hangs until the receiver ends.
  using answers = std::function<std::string(std::size_t)>;

  explicit fake_receiver(answers answer)
      : answer_(std::move(answer)), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&where), size) != 0 || ::listen(socket_, 16) != 0 ||
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&where), &size) != 0)
      std::abort();
    port_ = ntohs(where.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  fake_receiver(const fake_receiver&) = delete;
  fake_receiver& operator=(const fake_receiver&) = delete;
  ~fake_receiver() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_all();
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }

  [[nodiscard]] std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

  /// Waits for that many messages. Returns: all so far, head and body.
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return got_.size() >= count; });
    return got_;
  }

  static std::string status(int code, const std::string& more = "", const std::string& body = "") {
    return "HTTP/1.1 " + std::to_string(code) + " X\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + more + "\r\n" + body;
  }

 private:
  void serve() {
    for (;;) {
      const int peer = ::accept(socket_, nullptr, nullptr);
      if (peer < 0) return;
      take(peer);
      ::close(peer);
    }
  }

  void take(int peer) {
    std::string got;
    char chunk[4096];
    for (;;) {
      const std::size_t head = got.find("\r\n\r\n");
      if (head != std::string::npos) {
        const std::size_t at = got.find("Content-Length: ");
        const std::size_t length = at < head ? std::strtoul(got.c_str() + at + 16, nullptr, 10) : 0;
        if (got.size() >= head + 4 + length) break;
      }
      const ssize_t size = ::recv(peer, chunk, sizeof chunk, 0);
      if (size <= 0) return;
      got.append(chunk, static_cast<std::size_t>(size));
    }
    std::unique_lock lock(mutex_);
    const std::string reply = answer_(got_.size());
    got_.push_back(std::move(got));
    changed_.notify_all();
    if (reply.empty()) changed_.wait(lock, [this] { return done_; });
    lock.unlock();
    static_cast<void>(::send(peer, reply.data(), reply.size(), MSG_NOSIGNAL));
  }

  answers answer_;
  int socket_;
  int port_ = 0;
  std::mutex mutex_;  // guards the next two
  std::condition_variable changed_;
  std::vector<std::string> got_;
  bool done_ = false;
  std::jthread thread_;
};

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/soci/detail/postgresql_api.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace hasten::detail {

/// Waits for a notification of the server on one channel, on a connection of its own, or to be woken. A connection that
/// is lost is made again by the next wait; meanwhile waits end at their deadline, so who relies on them polls.
/// Thread safety: wake() is for any thread; the rest is single-owner.
class postgresql_listener {
 public:
  /// Connects with the first wait. `channel` is a plain name.
  postgresql_listener(std::string connection, std::string channel)
      : connection_(std::move(connection)),
        channel_(std::move(channel)),
        woken_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (woken_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  postgresql_listener(const postgresql_listener&) = delete;
  postgresql_listener& operator=(const postgresql_listener&) = delete;
  ~postgresql_listener() { ::close(woken_); }

  void wake() noexcept {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(woken_, &one, sizeof one));  // it fails only when it is woken already
  }

  /// Blocks on: a notification, wake(), or the deadline; and connecting, as long as the connection's own settings let it.
  void wait_until(steady_time deadline) {
    if (server_ == nullptr) {
      listen();
      if (server_ != nullptr) return;  // what came while nobody listened was not told
    }
    std::array<pollfd, 2> events{
        {{.fd = woken_, .events = POLLIN, .revents = 0},
         {.fd = server_ == nullptr ? -1 : PQsocket(server_.get()), .events = POLLIN, .revents = 0}}};
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock_source::now()).count();
    ::poll(events.data(), events.size(), static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
    std::uint64_t times = 0;
    static_cast<void>(!::read(woken_, &times, sizeof times));
    if (server_ != nullptr && events[1].revents != 0) hear();
  }

 private:
  struct closing {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
  };

  void listen() {
    std::unique_ptr<PGconn, closing> made(PQconnectdb(connection_.c_str()));
    if (made == nullptr || PQstatus(made.get()) != CONNECTION_OK) return;
    PGresult* const answer = PQexec(made.get(), ("LISTEN " + channel_).c_str());
    const bool is_good = PQresultStatus(answer) == PGRES_COMMAND_OK;
    PQclear(answer);
    if (is_good) server_ = std::move(made);
  }

  void hear() {
    if (PQconsumeInput(server_.get()) != 1) {
      server_.reset();
      return;
    }
    while (PGnotify* const told = PQnotifies(server_.get())) PQfreemem(told);
  }

  std::string connection_;
  std::string channel_;
  int woken_;
  std::unique_ptr<PGconn, closing> server_;  // null while there is none
};

}  // namespace hasten::detail

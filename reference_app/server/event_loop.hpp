// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/loop_watchdog.hpp"
#include "server/server.hpp"
#include "server/tls_certificate.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace claims_app {

class connection;

/// One thread's share of the server: an io_context with its acceptor, its connections and the one timer that
/// watches all their deadlines. Concrete executor types, because Asio's type-erased ones cost an allocation
/// per operation. Thread safety: single-owner (the thread in run()), but for post_stop and io().
class event_loop {
 public:
  using executor = boost::asio::io_context::executor_type;
  using socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, executor>;
  using acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, executor>;
  using timer =
      boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                        boost::asio::wait_traits<std::chrono::steady_clock>, executor>;

  struct parts {
    const server::options& options;
    const dispatcher& requests;
    const router& routes;
    request_timer& timing;
    client_limits& clients;
    std::uint32_t process_tag;           // random per start, so that ids of two runs differ
    const tls_certificate* certificate;  // null where nothing is encrypted
    std::string_view strict_transport;   // the header that goes with what is encrypted; maybe empty
  };

  event_loop(const parts& given, unsigned index);
  ~event_loop();
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  /// Binds one more acceptor, before run(); every loop has one on the same port and the kernel shares connections out.
  /// Returns: the port, which the system chose if none was given.
  std::uint16_t listen(const boost::asio::ip::tcp::endpoint& where, bool is_encrypted);

  /// Serves until stopped and the last connection is gone, or until `cut`.
  void run();

  /// From any thread: no more connections, and those there are end with their request.
  void post_stop();
  /// From any thread: closes what is left. The number closed is counted in cut_count(), once run() returned.
  void post_cut();
  [[nodiscard]] std::size_t cut_count() const noexcept { return cut_; }

  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  [[nodiscard]] const parts& given() const noexcept { return parts_; }
  [[nodiscard]] bool is_stopping() const noexcept { return stopping_; }
  [[nodiscard]] std::string_view date() const noexcept { return date_; }

  /// A handler of that row of the timing ran on this loop for `took`, until `now`.
  void judge(std::size_t row, std::chrono::nanoseconds took, hasten::steady_time now);
  [[nodiscard]] const loop_watchdog& watchdog() const noexcept { return watchdog_; }

  /// From any thread. Returns: how often a client could not be taken, for want of descriptors most likely.
  [[nodiscard]] std::uint64_t accept_failures() const noexcept { return accept_failures_; }

  /// Where bytes go that nobody will look at; shared by all connections of the loop.
  [[nodiscard]] std::span<char> waste() noexcept { return waste_; }

  /// Returns: the requests of this loop that are not answered yet.
  [[nodiscard]] std::vector<request_under_way> under_way() const;

  /// Draws the ids of traces and spans, which have to be unique and need not be secret.
  [[nodiscard]] std::mt19937_64& random() noexcept { return random_; }

  /// Returns: a request id of 21 characters, of this process, loop and request.
  [[nodiscard]] std::string next_request_id();

  void forget(const std::shared_ptr<connection>& closed);

 private:
  // One way in.
  struct entrance {
    entrance(boost::asio::io_context& io, bool encrypted)
        : accepting(io), retry_timer(io), is_encrypted(encrypted) {}
    acceptor accepting;
    timer retry_timer;  // after a failed accept
    bool is_encrypted;
  };

  void accept(entrance& through);
  void accepted(entrance& through, const boost::system::error_code& failure, socket peer);
  void sweep();
  void refresh_date();
  void finish_if_done();

  parts parts_;
  unsigned index_;
  std::uint64_t requests_ = 0;
  std::mt19937_64 random_;
  boost::asio::io_context io_;
  std::list<entrance> entrances_;
  timer sweep_timer_;
  std::unordered_set<std::shared_ptr<connection>> connections_;
  std::string date_;
  std::vector<char> waste_;
  loop_watchdog watchdog_;
  std::atomic<std::uint64_t> accept_failures_{0};
  bool stopping_ = false;
  std::size_t cut_ = 0;
};

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/tls_session.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstddef>
#include <optional>
#include <utility>

namespace claims_app {

/// The bytes of one client, as they are or through TLS: the connection above reads and writes what is meant, and all that
/// plain bytes pay for the choice is one branch. Thread safety: single-owner.
class client_stream {
 public:
  using socket =
      boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

  /// `context` is null for plain bytes.
  client_stream(socket peer, const tls_context* context) : socket_(std::move(peer)) {
    if (context != nullptr) tls_.emplace(*context, socket_.native_handle());
  }
  client_stream(const client_stream&) = delete;
  client_stream& operator=(const client_stream&) = delete;

  [[nodiscard]] bool is_encrypted() const noexcept { return tls_.has_value(); }

  /// To be called before anything else. What fails here shows at the first read.
  void open() {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  }

  /// Shakes hands, if the stream is encrypted; `done` is told how that ended: done(failure).
  template <class Handler>
  void async_handshake(Handler done) {
    boost::system::error_code failure;
    if (tls_) tls_->shake_hands(failure);
    if (failure != boost::asio::error::would_block) return done(failure);
    wait_for_tls([this, done = std::move(done)](const boost::system::error_code& broken) mutable {
      if (broken) return done(broken);
      async_handshake(std::move(done));
    });
  }

  /// Reads what is there, or waits for it: done(failure, size). Lifetime: the stream and `into` outlive that.
  template <class Handler>
  void async_read_some(boost::asio::mutable_buffer into, Handler done) {
    if (!tls_) return socket_.async_read_some(into, std::move(done));
    auto take = [this, into, done = std::move(done)](const boost::system::error_code& broken) mutable {
      take_decrypted(into, std::move(done), broken);
    };
    if (tls_->has_pending()) {
      boost::asio::post(socket_.get_executor(), [take = std::move(take)]() mutable { take({}); });
    } else {
      socket_.async_wait(socket::wait_read, std::move(take));
    }
  }

  /// Reads what nobody will look at, as it came: nothing is deciphered any more.
  template <class Handler>
  void async_discard_some(boost::asio::mutable_buffer into, Handler done) {
    socket_.async_read_some(into, std::move(done));
  }

  /// Returns: what the kernel took at once; would_block if it took nothing.
  std::size_t write_some(boost::asio::const_buffer from, boost::system::error_code& failure) {
    if (tls_) return tls_->write_some(from.data(), from.size(), failure);
    return socket_.write_some(from, failure);
  }

  /// Waits until the write that would have blocked is worth another try: done(failure).
  template <class Handler>
  void async_wait_write(Handler done) {
    if (tls_) return wait_for_tls(std::move(done));
    socket_.async_wait(socket::wait_write, std::move(done));
  }

  /// Says that nothing more comes. Returns: false if there is no room for saying it yet: wait for a write, and try again.
  bool finish_sending() {
    if (tls_ && !tls_->say_goodbye()) return false;
    boost::system::error_code ignored;  // the client may be gone, which the next read shows
    socket_.shutdown(socket::shutdown_send, ignored);
    return true;
  }

  /// Returns: about how many bytes have come that no read has seen; zero only if there are none.
  std::size_t available(boost::system::error_code& failure) {
    const std::size_t in_kernel = socket_.available(failure);
    return tls_ && tls_->has_pending() ? in_kernel + 1 : in_kernel;
  }

  /// What the kernel knows of the other side: `silent` has said that it sends nothing more, and may or may not listen.
  enum class peer_state { there, silent, gone };
  [[nodiscard]] peer_state peer() {
    tcp_info known{};
    socklen_t size = sizeof known;
    if (::getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &known, &size) != 0)
      return peer_state::there;
    if (known.tcpi_state == TCP_CLOSE) return peer_state::gone;
    return known.tcpi_state == TCP_CLOSE_WAIT ? peer_state::silent : peer_state::there;
  }

  /// Says goodbye if that takes no waiting, and closes.
  void close() {
    if (tls_ && socket_.is_open()) {
      tls_->say_goodbye();
      tls_->detach();
    }
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  template <class Handler>
  void wait_for_tls(Handler done) {
    socket_.async_wait(tls_->waits_for_room() ? socket::wait_write : socket::wait_read, std::move(done));
  }

  // A record may have come in part, or hold nothing for us: then there is more to wait for.
  template <class Handler>
  void take_decrypted(boost::asio::mutable_buffer into, Handler done,
                      const boost::system::error_code& broken) {
    if (broken) return done(broken, 0);
    boost::system::error_code failure;
    const std::size_t size = tls_->read_some(into.data(), into.size(), failure);
    if (failure != boost::asio::error::would_block) return done(failure, size);
    wait_for_tls([this, into, done = std::move(done)](const boost::system::error_code& later) mutable {
      take_decrypted(into, std::move(done), later);
    });
  }

  socket socket_;
  std::optional<tls_session> tls_;
};

}  // namespace claims_app

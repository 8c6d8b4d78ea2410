// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace hasten {

/// One connection on which one message is sent and answered: plain, or through TLS (tls_channel.hpp). What http_poster
/// sends through, so that who needs no TLS needs no OpenSSL. The wrong tool for anything but that.
///
/// Each function begins an operation and calls `then` once in the strand, perhaps before it returns. Whoever waits keeps
/// the channel, and what it reads from and into, until then; closing lowest() ends every operation with an error.
///
/// Thread safety: single-owner (its strand).
class http_channel {
 public:
  using strand = boost::asio::strand<boost::asio::io_context::executor_type>;
  using socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, strand>;
  using request = boost::beast::http::request<boost::beast::http::string_body>;
  using parser = boost::beast::http::response_parser<boost::beast::http::string_body>;
  using done = std::function<void(const boost::system::error_code&)>;

  http_channel() = default;
  http_channel(const http_channel&) = delete;
  http_channel& operator=(const http_channel&) = delete;
  virtual ~http_channel() = default;

  /// Returns: the socket, to connect and to close.
  [[nodiscard]] virtual socket& lowest() noexcept = 0;
  /// Makes the connection ready to write: for TLS, the handshake.
  virtual void open(done then) = 0;
  virtual void write(const request& what, done then) = 0;
  virtual void read(boost::beast::flat_buffer& buffer, parser& into, done then) = 0;
};

/// Makes a channel to a host, for one message.
using http_channel_maker =
    std::function<std::shared_ptr<http_channel>(const http_channel::strand&, const std::string& host)>;

namespace detail {

/// What all channels have in common. Thread safety: single-owner.
template <class Stream>
class stream_channel : public http_channel {
 public:
  template <class... Arguments>
  explicit stream_channel(Arguments&&... arguments) : stream_(std::forward<Arguments>(arguments)...) {}

  void write(const request& what, done then) override {
    boost::beast::http::async_write(
        stream_, what,
        [then = std::move(then)](const boost::system::error_code& failure, std::size_t) { then(failure); });
  }
  void read(boost::beast::flat_buffer& buffer, parser& into, done then) override {
    boost::beast::http::async_read(
        stream_, buffer, into,
        [then = std::move(then)](const boost::system::error_code& failure, std::size_t) { then(failure); });
  }

 protected:
  Stream stream_;
};

}  // namespace detail

/// A connection without encryption.
/// Thread safety: single-owner.
class plain_channel final : public detail::stream_channel<http_channel::socket> {
 public:
  explicit plain_channel(const strand& runs_in) : stream_channel(runs_in) {}

  [[nodiscard]] socket& lowest() noexcept override { return stream_; }
  void open(done then) override { then({}); }
};

}  // namespace hasten

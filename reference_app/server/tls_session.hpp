// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/tls_context.hpp"

#include <boost/system/error_code.hpp>
#include <openssl/types.h>

#include <cstddef>
#include <memory>

namespace claims_app {

/// TLS on one non-blocking socket, without waiting: whatever would block says so, and waits_for_room() says for what. Asio's
/// own ssl::stream loses what it could not write at once on such a socket, and holds 34 KB of buffers for each.
/// Thread safety: single-owner.
class tls_session {
 public:
  /// The server's side. Lifetime: the socket stays open until detach().
  tls_session(const tls_context& context, int socket);

  /// Goes on with the handshake. `failure` is would_block as long as the client has to be waited for.
  void shake_hands(boost::system::error_code& failure);

  /// Returns: how much was read; with a failure, nothing: would_block, eof after a proper goodbye, or that it is over.
  std::size_t read_some(void* into, std::size_t size, boost::system::error_code& failure);

  /// Returns: how much was written. What could not be written must be tried again, with at least as many bytes.
  std::size_t write_some(const void* from, std::size_t size, boost::system::error_code& failure);

  /// Says that nothing more comes. Returns: false if there is no room for that now.
  bool say_goodbye();

  /// Whether bytes have left the socket that no read has seen: then waiting for the socket may last for ever.
  [[nodiscard]] bool has_pending() const;

  /// Whether what would have blocked last waits until it can write, and not until something arrives.
  [[nodiscard]] bool waits_for_room() const noexcept { return waits_for_room_; }

  /// The socket is closed; from now on everything fails.
  void detach();

 private:
  struct free_session {
    void operator()(SSL* session) const noexcept;
  };

  void judge(int outcome, boost::system::error_code& failure);

  std::unique_ptr<SSL, free_session> session_;
  bool waits_for_room_ = false;
  bool is_shaken_ = false;
  bool has_said_goodbye_ = false;
  bool is_broken_ = false;  // after that OpenSSL may not be asked for anything
};

}  // namespace claims_app

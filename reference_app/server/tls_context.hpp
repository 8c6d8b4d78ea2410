// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>

namespace claims_app {

/// What TLS connections are made with: one certificate, its key, and the rules of the handshake. TLS 1.2 and 1.3 with
/// ephemeral keys and AEAD ciphers only; no compression, no renegotiation, no resumption (a ticket's key would be worth as
/// much as all the sessions it opens, and whoever keeps a connection needs none); ALPN knows "http/1.1".
/// Thread safety: immutable.
class tls_context {
 public:
  struct options {
    std::string certificate;  // PEM file: the server's own first, then those between it and a root
    std::string key;          // PEM file, without a passphrase
  };

  /// Reads both files.
  /// Throws: std::runtime_error, in a sentence, if one cannot be read, if they do not belong together, if the key is too
  /// weak, or if a certificate of the chain does not count at `now`.
  tls_context(const options& files, hasten::wall_time now);

  /// Returns: when the first certificate of the chain expires.
  [[nodiscard]] hasten::wall_time expires() const noexcept { return expires_; }

  [[nodiscard]] SSL_CTX* native() const noexcept { return context_.get(); }

 private:
  struct free_context {
    void operator()(SSL_CTX* context) const noexcept;
  };

  void set_rules();
  void read_chain(const std::string& file, hasten::wall_time now);
  void read_key(const options& files);

  std::unique_ptr<SSL_CTX, free_context> context_;
  hasten::wall_time expires_;
};

}  // namespace claims_app

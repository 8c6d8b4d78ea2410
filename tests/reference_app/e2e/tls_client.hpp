// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "e2e/raw_client.hpp"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace e2e {

/// A raw_client whose bytes go through TLS. It trusts anybody.
class tls_client : public raw_client {
 public:
  struct options {
    int version_least = TLS1_2_VERSION;
    int version_most = TLS1_3_VERSION;
    std::string ciphers = {};    // of TLS 1.2
    std::string protocols = {};  // for ALPN, in wire form
    std::size_t step = 0;        // most bytes to put on the wire at once; 0: all
  };

  explicit tls_client(int port) : tls_client(port, options()) {}
  tls_client(int port, options chosen)
      : raw_client(port),
        chosen_(std::move(chosen)),
        context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_security_level(context_.get(), 0);  // so that what is obsolete is offered at all
    SSL_CTX_set_min_proto_version(context_.get(), chosen_.version_least);
    SSL_CTX_set_max_proto_version(context_.get(), chosen_.version_most);
    if (!chosen_.ciphers.empty()) SSL_CTX_set_cipher_list(context_.get(), chosen_.ciphers.c_str());
    session_.reset(SSL_new(context_.get()));
    if (!chosen_.protocols.empty())
      SSL_set_alpn_protos(session_.get(), reinterpret_cast<const unsigned char*>(chosen_.protocols.data()),
                          static_cast<unsigned>(chosen_.protocols.size()));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(session_.get(), in_, out_);
    SSL_set_connect_state(session_.get());
  }

  /// Returns: whether the server agreed.
  [[nodiscard]] bool shake_hands() {
    return drive([this] { return SSL_do_handshake(session_.get()); });
  }

  /// Returns: what the client would say first.
  [[nodiscard]] std::string first_flight() {
    SSL_do_handshake(session_.get());
    return take_outgoing();
  }

  void send(std::string_view bytes) override {
    drive([&] { return SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size())); });
  }

  /// Closes as one should; what the server still sends can be read.
  void finish_sending() override {
    SSL_shutdown(session_.get());
    put(take_outgoing());
  }

  /// Asks for a new handshake on the connection. Returns: whether the server took part.
  [[nodiscard]] bool renegotiate() {
    return SSL_renegotiate(session_.get()) == 1 && drive([this] { return SSL_do_handshake(session_.get()); });
  }

  /// Has both sides take new keys (TLS 1.3).
  void update_keys() { SSL_key_update(session_.get(), SSL_KEY_UPDATE_REQUESTED); }

  /// Whether the server said goodbye before it closed.
  [[nodiscard]] bool was_told_goodbye() const {
    return (SSL_get_shutdown(session_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }

  [[nodiscard]] std::string version() const { return SSL_get_version(session_.get()); }
  /// Whether the server gave something to resume the session by.
  [[nodiscard]] bool has_ticket() const {
    const SSL_SESSION* const session = SSL_get0_session(session_.get());
    return SSL_SESSION_has_ticket(session) == 1 || SSL_SESSION_is_resumable(session) == 1;
  }
  [[nodiscard]] std::string protocol() const {
    const unsigned char* text = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(session_.get(), &text, &size);
    return text == nullptr ? "" : std::string(reinterpret_cast<const char*>(text), size);
  }
  /// Returns: the serial number of the certificate that the server showed.
  [[nodiscard]] long serial() const {
    const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(session_.get()),
                                                            X509_free);
    return shown ? ASN1_INTEGER_get(X509_get0_serialNumber(shown.get())) : 0;
  }

 protected:
  std::size_t receive(char* into, std::size_t size) override {
    int got = 0;
    drive([&] { return got = SSL_read(session_.get(), into, static_cast<int>(size)); });
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }

 private:
  // Repeats `step`, carrying bytes both ways, until it succeeds or cannot. Returns: whether it did.
  template <class Step>
  bool drive(Step step) {
    for (;;) {
      const int outcome = step();
      put(take_outgoing());
      if (outcome > 0) return true;
      if (SSL_get_error(session_.get(), outcome) != SSL_ERROR_WANT_READ) return false;
      char chunk[4096];
      const std::size_t got = raw_client::receive(chunk, sizeof chunk);
      if (got == 0) return false;
      BIO_write(in_, chunk, static_cast<int>(got));
    }
  }

  std::string take_outgoing() {
    std::string bytes(BIO_ctrl_pending(out_), '\0');
    if (!bytes.empty()) BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }

  void put(std::string_view bytes) {
    const std::size_t step = chosen_.step == 0 ? bytes.size() : chosen_.step;
    while (!bytes.empty()) {
      raw_client::send(bytes.substr(0, step));
      bytes.remove_prefix(std::min(step, bytes.size()));
    }
  }

  options chosen_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  struct free_session {
    void operator()(SSL* session) const { SSL_free(session); }
  };
  std::unique_ptr<SSL, free_session> session_;
  BIO* in_ = nullptr;  // these two belong to the session
  BIO* out_ = nullptr;
};

}  // namespace e2e

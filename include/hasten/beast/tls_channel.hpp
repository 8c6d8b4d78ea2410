// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/beast/http_channel.hpp>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <openssl/ssl.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace hasten {

/// Whom tls_channels() trusts.
struct tls_trust {
  /// A file of certificates in PEM; empty: the system's, or those that SSL_CERT_FILE and SSL_CERT_DIR name.
  std::string authorities_file = {};
};

/// A connection through TLS 1.2 or later to a host that has proved its name: there is no way to switch that off.
///
/// Thread safety: single-owner.
///
///     hasten::http_poster poster(io, {.url = "https://collector.example/v1/metrics", .secure = hasten::tls_channels()});
class tls_channel final : public detail::stream_channel<boost::asio::ssl::stream<http_channel::socket>> {
 public:
  /// `context` was made by tls_channels().
  tls_channel(const strand& runs_in, std::shared_ptr<boost::asio::ssl::context> context, std::string host)
      : stream_channel(socket(runs_in), *context), context_(std::move(context)), host_(std::move(host)) {}

  [[nodiscard]] socket& lowest() noexcept override { return stream_.next_layer(); }

  void open(done then) override {
    boost::system::error_code failure;
    boost::asio::ip::make_address(host_, failure);
    const bool is_name = static_cast<bool>(failure);  // an address is no server name, by the protocol
    if (is_name && SSL_set_tlsext_host_name(stream_.native_handle(), host_.c_str()) != 1)
      return then(boost::asio::error::invalid_argument);
    stream_.set_verify_callback(boost::asio::ssl::host_name_verification(host_), failure);
    if (failure) return then(failure);
    stream_.async_handshake(boost::asio::ssl::stream_base::client, std::move(then));
  }

 private:
  const std::shared_ptr<boost::asio::ssl::context> context_;
  const std::string host_;
};

/// Returns: what makes the channels of one http_poster, or of many. Throws: std::invalid_argument if the certificates cannot
/// be read; boost::system::system_error if OpenSSL has no memory.
[[nodiscard]] inline http_channel_maker tls_channels(const tls_trust& trust = {}) {
  namespace ssl = boost::asio::ssl;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  if (SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION) != 1)
    throw std::invalid_argument("tls_channels: this OpenSSL has no TLS 1.2");
  boost::system::error_code failure;
  if (trust.authorities_file.empty())
    context->set_default_verify_paths(failure);
  else
    context->load_verify_file(trust.authorities_file, failure);
  if (failure) throw std::invalid_argument("tls_channels: the file of certificates cannot be read");
  context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  return [context](const http_channel::strand& runs_in,
                   const std::string& host) -> std::shared_ptr<http_channel> {
    return std::make_shared<tls_channel>(runs_in, context, host);
  };
}

}  // namespace hasten

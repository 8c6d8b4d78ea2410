// SPDX-License-Identifier: BSL-1.0
#include "server/tls_context.hpp"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <new>
#include <stdexcept>
#include <string_view>

namespace claims_app {

namespace {

using namespace std::string_view_literals;

// In this order where the client leaves the choice to us. The suites of TLS 1.3 are all of this kind by themselves.
constexpr const char* ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:@SECLEVEL=2";
constexpr const char* groups = "X25519:P-256:P-384";
constexpr std::string_view protocol = "http/1.1";

struct free_key {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
struct free_file {
  void operator()(BIO* file) const noexcept { BIO_free(file); }
};

// What OpenSSL thought last, in its words, which name no path and no key.
std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return text == nullptr ? "no reason was given" : text;
}

[[noreturn]] void fail(std::string sentence) { throw std::runtime_error(std::move(sentence)); }

void require(long done, const char* what) {
  if (done != 1) fail(std::string("TLS: ") + what + " cannot be set: " + reason());
}

// A key that wants a passphrase is refused: nobody sits at the terminal that OpenSSL would ask.
int no_passphrase(char*, int, int, void*) { return 0; }

// A client that offers protocols, and not ours among them, is told so instead of being answered in one it cannot read.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned int size, void*) {
  for (unsigned int at = 0; at < size; at += 1U + offered[at]) {
    const unsigned int length = offered[at];
    if (at + 1 + length > size) break;
    if (std::string_view(reinterpret_cast<const char*>(offered) + at + 1, length) != protocol) continue;
    *out = offered + at + 1;
    *out_size = static_cast<unsigned char>(length);
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

hasten::wall_time time_of(const ASN1_TIME* text) {
  std::tm broken{};
  if (ASN1_TIME_to_tm(text, &broken) != 1) fail("a certificate's time cannot be read");
  return std::chrono::time_point_cast<hasten::wall_time::duration>(
      std::chrono::system_clock::from_time_t(timegm(&broken)));
}

}  // namespace

void tls_context::free_context::operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }

tls_context::tls_context(const options& files, hasten::wall_time now)
    : context_(SSL_CTX_new(TLS_server_method())) {
  if (!context_) throw std::bad_alloc();
  ERR_clear_error();
  set_rules();
  read_chain(files.certificate, now);
  read_key(files);
}

void tls_context::set_rules() {
  SSL_CTX* const context = context_.get();
  require(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION), "the least version");
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  require(SSL_CTX_set_num_tickets(context, 0), "the number of tickets");
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  require(SSL_CTX_set_cipher_list(context, ciphers), "the ciphers");
  require(SSL_CTX_set1_groups_list(context, groups), "the groups");
  // A connection keeps what it writes elsewhere, where it may move, and takes less than it asked for; one that is idle
  // gives its buffers back; what has arrived is read at once and not record by record.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
}

void tls_context::read_chain(const std::string& file, hasten::wall_time now) {
  if (SSL_CTX_use_certificate_chain_file(context_.get(), file.c_str()) != 1)
    fail("the certificate " + file + " cannot be used: " + reason());
  STACK_OF(X509)* between = nullptr;
  SSL_CTX_get0_chain_certs(context_.get(), &between);
  expires_ = hasten::wall_time::max();
  const auto look_at = [&](const X509* each) {
    const auto until = time_of(X509_get0_notAfter(each));
    if (until <= now) fail("the certificate " + file + " has expired");
    if (time_of(X509_get0_notBefore(each)) > now) fail("the certificate " + file + " does not count yet");
    expires_ = std::min(expires_, until);
  };
  look_at(SSL_CTX_get0_certificate(context_.get()));
  for (int at = 0; between != nullptr && at < sk_X509_num(between); ++at) look_at(sk_X509_value(between, at));
}

void tls_context::read_key(const options& files) {
  const std::unique_ptr<BIO, free_file> file(BIO_new_file(files.key.c_str(), "r"));
  if (!file) fail("the key " + files.key + " cannot be read: " + reason());
  const std::unique_ptr<EVP_PKEY, free_key> key(
      PEM_read_bio_PrivateKey(file.get(), nullptr, no_passphrase, nullptr));
  if (!key) fail("the key " + files.key + " is none in PEM without a passphrase: " + reason());
  if (X509_check_private_key(SSL_CTX_get0_certificate(context_.get()), key.get()) != 1) {
    ERR_clear_error();
    fail("the key " + files.key + " does not belong to the certificate " + files.certificate);
  }
  if (SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1)
    fail("the key " + files.key + " cannot be used: " + reason());
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include <hasten/beast/tls_channel.hpp>
// and what sends through it
#include "support/temporary_folder.hpp"

#include <hasten/beast/http_poster.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch_test_macros.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using hasten::http_poster;
namespace ssl = boost::asio::ssl;

namespace {

// A certificate that vouches for itself, with its key, as files: for `names`, such as "DNS:localhost".
struct identity {
  identity(const temporary_folder& folder, const char* names)
      : certificate_file((folder.path() / "certificate.pem").string()),
        key_file((folder.path() / "key.pem").string()) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_set_pubkey(made.get(), key.get());
    X509_NAME* const name = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1,
                               -1, 0);
    X509_set_issuer_name(made.get(), name);
    for (const auto& [kind, value] :
         {std::pair{NID_subject_alt_name, names}, std::pair{NID_basic_constraints, "critical,CA:TRUE"}}) {
      X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
      REQUIRE(extension != nullptr);
      X509_add_ext(made.get(), extension, -1);
      X509_EXTENSION_free(extension);
    }
    REQUIRE(X509_sign(made.get(), key.get(), EVP_sha256()) != 0);
    write(certificate_file, [&](std::FILE* file) { return PEM_write_X509(file, made.get()); });
    write(key_file, [&](std::FILE* file) {
      return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

  template <class Fill>
  static void write(const std::string& path, Fill fill) {
    const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(std::fopen(path.c_str(), "w"), std::fclose);
    REQUIRE(file);
    REQUIRE(fill(file.get()) == 1);
  }

  std::string certificate_file;
  std::string key_file;
};

// Takes one connection after the other, and one message on each; a client that refuses it is passed over.
class tls_receiver {
 public:
  explicit tls_receiver(const identity& who) {
    context_.use_certificate_chain_file(who.certificate_file);
    context_.use_private_key_file(who.key_file, ssl::context::pem);
    thread_ = std::jthread([this] { serve(); });
  }
  tls_receiver(const tls_receiver&) = delete;
  tls_receiver& operator=(const tls_receiver&) = delete;
  ~tls_receiver() {
    done_ = true;
    boost::system::error_code ignored;  // wakes the accept; nobody listens if it has ended
    tcp::socket(io_).connect(acceptor_.local_endpoint(), ignored);
  }

  [[nodiscard]] std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(acceptor_.local_endpoint().port()) + "/in";
  }
  [[nodiscard]] int received() const { return received_; }
  [[nodiscard]] int refused() const { return refused_; }

 private:
  void serve() {
    while (!done_) {
      ssl::stream<tcp::socket> peer(acceptor_.accept(), context_);
      if (done_) return;
      boost::system::error_code failure;
      peer.handshake(ssl::stream_base::server, failure);
      boost::beast::flat_buffer buffer;
      hasten::http_channel::request got;
      if (!failure) boost::beast::http::read(peer, buffer, got, failure);
      if (failure) {
        ++refused_;
        continue;
      }
      ++received_;
      boost::asio::write(
          peer, boost::asio::buffer(std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")), failure);
    }
  }

  boost::asio::io_context io_;
  ssl::context context_{ssl::context::tls_server};
  tcp::acceptor acceptor_{io_, {boost::asio::ip::make_address("127.0.0.1"), 0}};
  std::atomic<bool> done_{false};
  std::atomic<int> received_{0}, refused_{0};
  std::jthread thread_;
};

// Sends one message. Returns: what became of it.
hasten::http_poster_stats send(const std::string& url, hasten::http_channel_maker secure) {
  boost::asio::io_context io;
  auto work = boost::asio::make_work_guard(io);
  const std::jthread thread([&] { io.run(); });
  http_poster poster(io, {.url = url, .secure = std::move(secure), .attempts_max = 1});
  poster.post("a message");
  poster.stop(hasten::steady_clock_source::now() + 30s);
  const auto stats = poster.stats();
  work.reset();
  io.stop();
  return stats;
}

}  // namespace

TEST_CASE("a message reaches a host that proves its name, by a name or by an address") {
  const temporary_folder folder;
  const identity who(folder, "DNS:localhost,IP:127.0.0.1");
  tls_receiver receiver(who);
  for (const char* host : {"localhost", "127.0.0.1"}) {
    INFO(host);
    const auto stats =
        send(receiver.url(host), hasten::tls_channels({.authorities_file = who.certificate_file}));
    CHECK(stats.sent == 1);
  }
  CHECK(receiver.received() == 2);
}

TEST_CASE("a host that nobody vouches for gets nothing") {
  const temporary_folder folder;
  const identity who(folder, "DNS:localhost");
  tls_receiver receiver(who);
  const auto stats = send(receiver.url("localhost"), hasten::tls_channels());
  CHECK(stats.sent == 0);
  CHECK(stats.given_up == 1);
  CHECK(receiver.received() == 0);
}

TEST_CASE("a host with a certificate of another name gets nothing") {
  const temporary_folder folder;
  const identity who(folder, "DNS:elsewhere.example");
  tls_receiver receiver(who);
  const auto stats =
      send(receiver.url("localhost"), hasten::tls_channels({.authorities_file = who.certificate_file}));
  CHECK(stats.given_up == 1);
  CHECK(receiver.received() == 0);
}

TEST_CASE("a host that does not speak TLS is a failure like any") {
  boost::asio::io_context io;
  tcp::acceptor plain(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
  std::jthread thread([&] {
    tcp::socket peer = plain.accept();
    boost::system::error_code ignored;  // the client may be gone already
    boost::asio::write(peer, boost::asio::buffer(std::string("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")),
                       ignored);
  });
  const auto stats = send("https://localhost:" + std::to_string(plain.local_endpoint().port()) + "/",
                          hasten::tls_channels());
  CHECK(stats.given_up == 1);
}

TEST_CASE("certificates that cannot be read are refused at once, and so is https without TLS") {
  CHECK_THROWS_AS(hasten::tls_channels({.authorities_file = "/nowhere/at/all.pem"}), std::invalid_argument);
  boost::asio::io_context io;
  CHECK_THROWS_AS(http_poster(io, {.url = "https://localhost/"}), std::invalid_argument);
}

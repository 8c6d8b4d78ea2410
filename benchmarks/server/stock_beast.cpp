// SPDX-License-Identifier: BSL-1.0
// A server as Beast's examples teach it: tcp_stream with a timer for each read, a strand, string bodies, a
// response message and its serialiser per request. The answer's body is read from a file at start; besides it the
// server looks at the method, the target and the Authorization header, as any would.
// usage: bench_server_stock PORT FILE, where FILE holds the body
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

class session : public std::enable_shared_from_this<session> {
 public:
  session(tcp::socket peer, const std::string& body) : stream_(std::move(peer)), body_(body) {}

  void start() {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->read(); });
  }

 private:
  void read() {
    request_ = {};
    stream_.expires_after(std::chrono::seconds(30));
    http::async_read(stream_, buffer_, request_,
                     [self = shared_from_this()](const beast::error_code& failure, std::size_t) {
                       if (!failure) self->answer();
                     });
  }

  void answer() {
    const bool known =
        request_.method() == http::verb::get && request_.target().starts_with("/api/v1/claims/");
    auto made = std::make_shared<http::response<http::string_body>>(
        known ? http::status::ok : http::status::not_found, request_.version());
    made->set(http::field::server, "stock");
    made->set(http::field::content_type, "application/json");
    made->set(http::field::cache_control, "private, no-store");
    made->keep_alive(request_.keep_alive());
    if (known) made->body() = body_;
    made->prepare_payload();
    http::async_write(stream_, *made,
                      [self = shared_from_this(), made](const beast::error_code& failure, std::size_t) {
                        if (!failure && made->keep_alive()) self->read();
                      });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  const std::string& body_;
};

class listener : public std::enable_shared_from_this<listener> {
 public:
  listener(asio::io_context& io, std::uint16_t port, const std::string& body)
      : io_(io), acceptor_(io, {asio::ip::address_v4::loopback(), port}), body_(body) {}

  void accept() {
    acceptor_.async_accept(asio::make_strand(io_),
                           [self = shared_from_this()](const beast::error_code& failure, tcp::socket peer) {
                             if (!failure) std::make_shared<session>(std::move(peer), self->body_)->start();
                             self->accept();
                           });
  }

 private:
  asio::io_context& io_;
  tcp::acceptor acceptor_;
  const std::string& body_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: bench_server_stock PORT FILE\n");
    return 2;
  }
  std::ifstream file(arguments[2], std::ios::binary);
  const std::string body{std::istreambuf_iterator<char>(file), {}};
  asio::io_context io{1};
  std::make_shared<listener>(io, static_cast<std::uint16_t>(std::atoi(arguments[1])), body)->accept();
  io.run();
}

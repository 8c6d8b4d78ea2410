// SPDX-License-Identifier: BSL-1.0
#include <hasten/beast/http_channel.hpp>

#include "support/fake_receiver.hpp"

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>

using hasten::http_channel;

namespace {

http_channel::request message(const std::string& body) {
  http_channel::request made{boost::beast::http::verb::post, "/in", 11};
  made.set(boost::beast::http::field::host, "h");
  made.body() = body;
  made.prepare_payload();
  return made;
}

}  // namespace

TEST_CASE("a plain channel carries one message and its answer") {
  fake_receiver receiver([](std::size_t) { return fake_receiver::status(201, "", "thanks"); });
  boost::asio::io_context io;
  hasten::plain_channel channel(boost::asio::make_strand(io));
  const std::string url = receiver.url("");
  const auto port = static_cast<unsigned short>(std::stoi(url.substr(url.rfind(':') + 1)));
  channel.lowest().connect({boost::asio::ip::make_address("127.0.0.1"), port});
  const auto sent = message("something");
  boost::beast::flat_buffer buffer;
  http_channel::parser parser;
  bool is_done = false;
  channel.open([&](const auto& failure) {
    CHECK_FALSE(failure);
    channel.write(sent, [&](const auto& unsent) {
      CHECK_FALSE(unsent);
      channel.read(buffer, parser, [&](const auto& unread) {
        CHECK_FALSE(unread);
        is_done = true;
      });
    });
  });
  io.run();
  CHECK(is_done);
  CHECK(parser.get().result_int() == 201);
  CHECK(parser.get().body() == "thanks");
  CHECK(receiver.wait_for(1).at(0).ends_with("\r\n\r\nsomething"));
}

TEST_CASE("closing the socket ends what is under way") {
  fake_receiver receiver([](std::size_t) { return std::string(); });
  boost::asio::io_context io;
  hasten::plain_channel channel(boost::asio::make_strand(io));
  const std::string url = receiver.url("");
  const auto port = static_cast<unsigned short>(std::stoi(url.substr(url.rfind(':') + 1)));
  channel.lowest().connect({boost::asio::ip::make_address("127.0.0.1"), port});
  boost::beast::flat_buffer buffer;
  http_channel::parser parser;
  boost::system::error_code ended;
  channel.read(buffer, parser, [&](const auto& failure) { ended = failure; });
  channel.lowest().close();
  io.run();
  CHECK(ended == boost::asio::error::operation_aborted);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/beast/webhook.hpp>

#include "support/fake_receiver.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct noon {
  [[nodiscard]] static hasten::wall_time now() noexcept { return hasten::wall_time(12h); }
};

const std::vector<hasten::alert_notice> notices = {{.fingerprint = 1,
                                                    .name = "Slow",
                                                    .severity = "page",
                                                    .summary = "s",
                                                    .labels = {},
                                                    .firing = true,
                                                    .value = {},
                                                    .at = {}}};

struct running_io {
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  std::jthread thread{[this] { io.run(); }};
  ~running_io() {
    work.reset();
    io.stop();
  }
};

}  // namespace

TEST_CASE("a webhook is told in Alertmanager's shape, signed, and under one key however often") {
  fake_receiver receiver([](std::size_t number) { return fake_receiver::status(number == 0 ? 500 : 200); });
  running_io running;
  hasten::basic_webhook<noon> hook(
      running.io,
      {.to = {.url = receiver.url(), .delays = {.first = 1ms, .most = 1ms}},
       .sender = {.service = "orders"},
       .sign = [](std::string_view text) { return "<" + std::string(text.substr(0, 21)) + ">"; }});
  hook.tell(notices);
  const auto got = receiver.wait_for(2);
  REQUIRE(got.size() == 2);
  CHECK(got[0] == got[1]);
  CHECK(got[0].find("X-Hasten-Signature: t=43200,v1=<43200.{\"version\":\"4\",>\r\n") != std::string::npos);
  CHECK(got[0].find("Idempotency-Key: ") != std::string::npos);
  CHECK(got[0].find("\"service\":\"orders\"") != std::string::npos);
  hook.stop(hasten::steady_clock_source::now() + 30s);
  CHECK(hook.stats().sent == 1);
}

TEST_CASE("an Alertmanager is told only if there is something to tell") {
  fake_receiver receiver([](std::size_t) { return fake_receiver::status(200); });
  running_io running;
  hasten::alertmanager_client manager(running.io, {.to = {.url = receiver.url("/api/v2/alerts")}});
  manager.tell({});
  manager.tell(notices);
  const auto got = receiver.wait_for(1);
  CHECK(got[0].starts_with("POST /api/v2/alerts "));
  CHECK(got[0].find("[{\"labels\":{\"alertname\":\"Slow\"") != std::string::npos);
  manager.stop(hasten::steady_clock_source::now() + 30s);
  CHECK(manager.stats().sent == 1);
}

TEST_CASE("options of an alertmanager_client out of range are refused") {
  boost::asio::io_context io;
  CHECK_THROWS_AS(hasten::alertmanager_client(io, {.to = {.url = "http://h"}, .lasts = 1s}),
                  std::invalid_argument);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/beast/http_poster.hpp>

#include "support/fake_receiver.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using hasten::http_poster;

namespace {

// Runs an io_context in a thread until the end.
struct running_io {
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  std::jthread thread{[this] { io.run(); }};
  ~running_io() {
    work.reset();
    io.stop();
  }
};

hasten::steady_time soon(std::chrono::nanoseconds time) { return hasten::steady_clock_source::now() + time; }

const hasten::backoff::options quick{.first = 1ms, .most = 2ms};

}  // namespace

TEST_CASE("messages are sent in their order, with their headers") {
  fake_receiver receiver([](std::size_t) { return fake_receiver::status(200, "", "thanks"); });
  running_io running;
  std::string answered;
  http_poster poster(running.io, {.url = receiver.url("/in"),
                                  .headers = {{"X-All", "a"}},
                                  .on_success = [&](std::string_view body) { answered = body; }});
  CHECK(poster.post("first", {{"X-Own", "b"}}));
  CHECK(poster.post("second"));
  const auto got = receiver.wait_for(2);
  REQUIRE(got.size() == 2);
  CHECK(got[0].starts_with("POST /in HTTP/1.1\r\n"));
  CHECK(got[0].find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(got[0].find("X-All: a\r\n") != std::string::npos);
  CHECK(got[0].find("X-Own: b\r\n") != std::string::npos);
  CHECK(got[0].ends_with("\r\n\r\nfirst"));
  CHECK(got[1].ends_with("second"));
  poster.stop(soon(30s));
  CHECK(answered == "thanks");
  CHECK(poster.stats().sent == 2);
  CHECK_FALSE(poster.post("too late"));
  CHECK(poster.stats().dropped == 1);
}

TEST_CASE("a busy receiver is asked again, one that refuses is not, and no redirect is followed") {
  fake_receiver receiver([](std::size_t number) {
    if (number < 2) return fake_receiver::status(503, "Retry-After: 0\r\n");
    if (number == 2) return fake_receiver::status(200);
    if (number == 3) return fake_receiver::status(400);
    return fake_receiver::status(307, "Location: http://127.0.0.1:1/elsewhere\r\n");
  });
  running_io running;
  http_poster poster(running.io, {.url = receiver.url(), .delays = quick});
  poster.post("retried");
  poster.post("refused");
  poster.post("sent elsewhere");
  REQUIRE(receiver.wait_for(5).size() == 5);
  poster.stop(soon(30s));
  const auto stats = poster.stats();
  CHECK(stats.sent == 1);
  CHECK(stats.retried == 2);
  CHECK(stats.given_up == 2);
  CHECK(stats.queued == 0);
  CHECK(receiver.wait_for(5).size() == 5);
}

TEST_CASE("a message is given up after its last attempt, and nobody listening is a failure like any") {
  std::string gone;
  {
    const fake_receiver receiver([](std::size_t) { return fake_receiver::status(200); });
    gone = receiver.url();
  }
  running_io running;
  http_poster poster(running.io, {.url = gone, .attempts_max = 3, .delays = quick});
  poster.post("x");
  while (poster.stats().given_up == 0) std::this_thread::yield();
  CHECK(poster.stats().retried == 2);
}

TEST_CASE("garbage in place of an answer is a failure of the network") {
  fake_receiver receiver([](std::size_t) { return std::string("this is no HTTP\r\n\r\n"); });
  running_io running;
  http_poster poster(running.io, {.url = receiver.url(), .attempts_max = 2, .delays = quick});
  poster.post("x");
  REQUIRE(receiver.wait_for(2).size() == 2);
  while (poster.stats().given_up == 0) std::this_thread::yield();
}

TEST_CASE("a receiver that hangs costs an attempt its time, and a stop no more than it is given") {
  fake_receiver receiver([](std::size_t) { return std::string(); });
  running_io running;
  http_poster poster(running.io, {.url = receiver.url(), .timeout = 1min});
  poster.post("x");
  REQUIRE(receiver.wait_for(1).size() == 1);
  const auto began = hasten::steady_clock_source::now();
  poster.stop(soon(50ms));
  CHECK(hasten::steady_clock_source::now() - began < 10s);
  CHECK(poster.stats().dropped == 1);

  http_poster impatient(running.io, {.url = receiver.url(), .timeout = 10ms, .attempts_max = 1});
  impatient.post("x");
  while (impatient.stats().given_up == 0) std::this_thread::yield();
}

TEST_CASE("a full queue loses its oldest, and what is too large is not taken") {
  fake_receiver receiver([](std::size_t) { return std::string(); });
  running_io running;
  http_poster poster(running.io, {.url = receiver.url(), .queue_max = 2, .body_max = 10});
  poster.post("sending");
  REQUIRE(receiver.wait_for(1).size() == 1);
  CHECK(poster.post("oldest"));
  CHECK(poster.post("newest"));
  CHECK(poster.stats().queued == 2);
  CHECK(poster.stats().dropped == 1);
  CHECK_FALSE(poster.post("far too large"));
  CHECK(poster.stats().dropped == 2);
}

TEST_CASE("options of an http_poster out of range are refused") {
  boost::asio::io_context io;
  const auto refused = [&](http_poster::options chosen) {
    if (chosen.url.empty()) chosen.url = "http://h";
    CHECK_THROWS_AS(http_poster(io, std::move(chosen)), std::invalid_argument);
  };
  refused({.url = "https://h"});
  refused({.headers = {{"X", "a\r\nb"}}});
  refused({.timeout = 1ms});
  refused({.queue_max = 0});
  refused({.body_max = 0});
  refused({.attempts_max = 0});
  refused({.retries = {}});
}

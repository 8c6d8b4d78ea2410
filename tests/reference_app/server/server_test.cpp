// SPDX-License-Identifier: BSL-1.0
#include "server/server.hpp"

#include "e2e/raw_client.hpp"
#include "server/toy_server.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace claims_app;
using e2e::raw_client;

TEST_CASE("work that finds no place in the queue is refused at once and told when to come back") {
  toy_server running({}, 1);
  std::vector<std::unique_ptr<raw_client>> busy;
  for (int count = 0; count < 2; ++count) {  // both workers
    busy.push_back(std::make_unique<raw_client>(running.port()));
    busy.back()->send("GET /held" + head);
    running.held.acquire();
  }
  // Of these at most a few find a place; the others are refused.
  std::vector<std::unique_ptr<raw_client>> more;
  for (int count = 0; count < 40; ++count) {
    more.push_back(std::make_unique<raw_client>(running.port()));
    more.back()->send("GET /held" + head);
  }
  raw_client other(running.port());
  other.send("GET /now" + head);
  CHECK(other.read().status == 200);
  // Both loops have looked at all of them before a place becomes free.
  while (running.timing().in_flight(1) + running.timing().route(1).count() < 42) std::this_thread::yield();
  running.gate.release(1000);
  int refused = 0;
  for (const auto& each : more) {
    const auto got = each->read();
    CHECK((got.status == 200 || got.status == 503));
    if (got.status != 503) continue;
    ++refused;
    CHECK(got.head.find("Retry-After: ") != std::string::npos);
    CHECK(got.head.find("application/problem+json") != std::string::npos);
  }
  CHECK(refused >= 30);
  for (const auto& each : busy) CHECK(each->read().body == "held");
}

TEST_CASE("a handler that fails costs its request and nothing more, and its text stays inside") {
  toy_server running;
  raw_client client(running.port());
  client.send("GET /broken" + head + "GET /bug" + head + "GET /now" + head);
  for (int count = 0; count < 2; ++count) {
    const auto failed = client.read();
    CHECK(failed.status == 500);
    CHECK(failed.body.find("canary") == std::string::npos);
  }
  CHECK(client.read().status == 200);
  for (const std::string& line : running.log()) CHECK(line.find("canary") == std::string::npos);
  REQUIRE(running.log().size() == 3);
  CHECK(running.log()[0].starts_with("/broken 500 "));
  CHECK(running.log()[0].find("runtime_error") != std::string::npos);
}

TEST_CASE("a stop lets requests under way finish and takes no more") {
  toy_server running;
  raw_client busy(running.port());
  busy.send("GET /held" + head + "GET /now" + head);
  running.held.acquire();
  raw_client idle(running.port());
  idle.send("GET /now" + head);
  CHECK(idle.read().status == 200);

  auto stopping = std::async(std::launch::async,
                             [&] { return running.http().stop(hasten::steady_clock_source::now() + 30s); });
  CHECK(idle.is_closed());  // so the stop has begun
  CHECK(running.http().is_stopping());
  // Each loop closes its own door, one perhaps a moment after the other.
  bool is_refused = false;
  for (int attempt = 0; attempt < 10'000 && !is_refused; ++attempt) {
    try {
      const raw_client late(running.port());
      std::this_thread::yield();
    } catch (const std::system_error&) {
      is_refused = true;
    }
  }
  CHECK(is_refused);
  running.gate.release();
  const auto last = busy.read();
  CHECK(last.body == "held");
  CHECK(last.head.find("Connection: close") != std::string::npos);
  CHECK(busy.is_closed());
  CHECK(stopping.get() == 0);
}

TEST_CASE("what is not done by the deadline of a stop is cut") {
  toy_server running;
  raw_client busy(running.port());
  busy.send("GET /held" + head);
  running.held.acquire();
  CHECK(running.http().stop(hasten::steady_clock_source::now() + 50ms) == 1);
  CHECK(busy.is_closed());
}

TEST_CASE("a client that does not finish its head or its body is told so and let go") {
  server::options chosen;
  chosen.head_time = 100ms;
  chosen.body_time = 100ms;
  toy_server running(chosen);
  raw_client slow(running.port());
  slow.send("GET /now HTTP/1.1\r\nHost: ");
  const auto told = slow.read();
  CHECK(told.status == 408);
  CHECK(slow.is_closed());
}

TEST_CASE("an idle client is let go without a word, a waiting one with a 503") {
  server::options soon_idle;
  soon_idle.idle_time = 100ms;
  toy_server quiet(soon_idle);
  raw_client idle(quiet.port());
  CHECK(idle.is_closed());

  server::options soon_late;
  soon_late.work_time = 100ms;
  toy_server running(soon_late);
  raw_client waiting(running.port());
  waiting.send("GET /held" + head);
  CHECK(waiting.read().status == 503);
  CHECK(waiting.is_closed());
}

TEST_CASE(
    "an answer larger than the kernel takes at once arrives whole, a client that takes none is let go") {
  {
    toy_server running;
    raw_client client(running.port());
    client.send("GET /big" + head + "GET /now" + head);
    CHECK(client.read().body.size() == 4 * 1024 * 1024);
    CHECK(client.read().body == "now");
  }
  server::options chosen;
  chosen.write_time = 300ms;
  toy_server running(chosen);
  raw_client greedy(running.port());
  std::string many;
  for (int count = 0; count < 20; ++count) many += "GET /big" + head;
  greedy.send(many);
  // A part of them is answered into the kernel's buffers; then the server gives up on a client that takes nothing.
  while (!greedy.is_reset()) std::this_thread::sleep_for(10ms);
  CHECK(running.timing().route(4).count() < 20);
}

TEST_CASE("an answer that comes while earlier ones wait for the client spoils none of them") {
  toy_server running;
  running.held_bytes = 512 * 1024;  // more than the room that is left beside what waits
  const std::string last = "held" + std::string(running.held_bytes, 'x');
  // What the kernel takes at once is not known. With some of these sizes the end of the big answer still waits for the
  // client when a worker has the request behind it.
  for (std::size_t extra = 0; extra < 20; ++extra) {
    running.big_bytes = 5 * 1024 * 1024 + extra * 64 * 1024;
    raw_client client(running.port());
    client.send("GET /big" + head + "GET /held" + head);
    // Each takes 4096 bytes at most, so that this never waits for more than the big answer.
    bool is_held = false;
    for (std::size_t taken = 0; taken < running.big_bytes && !is_held; taken += 4096) {
      REQUIRE(client.take_some());
      is_held = running.held.try_acquire();
    }
    if (!is_held) running.held.acquire();
    running.gate.release();
    while (running.timing().in_flight(1) > 0) std::this_thread::yield();
    CHECK((client.read().body == std::string(running.big_bytes, 'x')));
    CHECK((client.read().body == last));
  }
}

TEST_CASE("the statuses of all requests are counted by route") {
  toy_server running;
  raw_client client(running.port());
  client.send("GET /now" + head + "GET /nowhere" + head + "GET /broken" + head);
  for (int count = 0; count < 3; ++count) CHECK(client.read().status != 0);
  CHECK(running.timing().route(0).count() == 1);
  CHECK(running.timing().route(9).count() == 1);
  CHECK(running.timing().route(2).failed() == 1);
  CHECK(running.timing().in_flight(2) == 0);
}

TEST_CASE("a route takes the methods it has handlers for, and says which") {
  toy_server running;
  raw_client client(running.port());
  const std::string json =
      " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
  client.send("PUT /thing/1" + json + "DELETE /thing/1" + head + "GET /thing/1" + head + "PUT /thing/1" +
              head);
  CHECK(client.read().body == "now");
  const auto gone = client.read();
  CHECK(gone.status == 204);
  CHECK(gone.head.find("Content-Length") == std::string::npos);
  const auto refused = client.read();
  CHECK(refused.status == 405);
  CHECK(refused.head.find("Allow: PUT, DELETE, OPTIONS\r\n") != std::string::npos);
  CHECK(client.read().status == 411);
}

TEST_CASE("work for a client that is gone is asked to stop, and what waits for a worker is never begun") {
  toy_server running;
  std::vector<std::unique_ptr<raw_client>> busy;
  for (int count = 0; count < 2; ++count) {  // both workers
    busy.push_back(std::make_unique<raw_client>(running.port()));
    busy.back()->send("GET /held" + head);
    running.held.acquire();
  }
  raw_client waiting(running.port());
  waiting.send("GET /held" + head);
  while (running.timing().in_flight(1) < 3) std::this_thread::yield();
  waiting.vanish();
  while (running.timing().in_flight(1) > 2) std::this_thread::sleep_for(1ms);
  busy[0]->vanish();
  REQUIRE(running.given_up.try_acquire_for(30s));
  running.gate.release();
  CHECK(busy[1]->read().body == "held");
  raw_client next(running.port());
  next.send("GET /held" + head);
  REQUIRE(running.held.try_acquire_for(30s));
  running.gate.release();
  CHECK(next.read().body == "held");
  CHECK_FALSE(running.held.try_acquire());
  CHECK(running.timing().route(1).of(hasten::status_class::aborted).count() == 2);
}

TEST_CASE("a client that closed without a word is given up on") {
  toy_server running;
  raw_client gone(running.port());
  gone.send("GET /held" + head);
  running.held.acquire();
  gone.close();
  CHECK(running.given_up.try_acquire_for(30s));
}

TEST_CASE("a client that says no more is asked whether it listens, and answered if it does") {
  toy_server running;
  raw_client listens(running.port());
  listens.send("GET /held" + head + "GET /now" + head);
  running.held.acquire();
  listens.finish_sending();
  CHECK(listens.read().status == 100);
  running.gate.release();
  CHECK(listens.read().body == "held");
  CHECK(listens.read().body == "now");
  CHECK(listens.is_closed());
}

TEST_CASE("an answer that others wait for is made though the client that asked first has gone") {
  toy_server running;
  raw_client first(running.port());
  first.send("GET /kept" + head);
  running.held.acquire();
  raw_client second(running.port());
  second.send("GET /kept" + head);
  while (running.timing().in_flight(8) < 2) std::this_thread::yield();
  first.vanish();
  while (running.timing().in_flight(8) > 1) std::this_thread::sleep_for(1ms);
  running.gate.release();
  CHECK(second.read().body == "held");
  CHECK_FALSE(running.given_up.try_acquire());
}

TEST_CASE("a handler that blocks its loop is told with its template, and counted") {
  server::options chosen;
  chosen.blocked_time = 0ms;  // so that every one does
  std::mutex mutex;
  std::vector<std::string> told;
  chosen.on_blocked = [&](const blocked_loop& what) {
    const std::lock_guard lock(mutex);
    told.push_back(std::string(what.route) + (what.duration > 0ns ? " took time" : ""));
  };
  toy_server running(chosen);
  raw_client client(running.port());
  client.send("GET /now" + head + "GET /bug" + head + "GET /nowhere" + head);
  for (int count = 0; count < 3; ++count) CHECK(client.read().status != 0);
  CHECK(running.http().totals().blocked == 2);  // there is no handler of what is nowhere
  const std::lock_guard lock(mutex);
  REQUIRE(told.size() == 1);  // the other one came too soon after it
  CHECK(told[0] == "/now took time");
}

TEST_CASE(
    "without descriptors clients wait, the loops do not spin, and all goes on when there are some again") {
  toy_server running;
  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  std::vector<int> sockets(4);
  for (int& each : sockets) each = ::socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(std::ranges::all_of(sockets, [](int each) { return each >= 0; }));
  const auto began = std::chrono::steady_clock::now();
  const rlimit none{.rlim_cur = 3, .rlim_max = usual.rlim_max};  // what is open stays open
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(running.port()));
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (const int each : sockets)
    CHECK(::connect(each, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  while (running.http().totals().accept_failures < 5) std::this_thread::sleep_for(1ms);
  const auto failures = running.http().totals().accept_failures;
  const auto passed = std::chrono::steady_clock::now() - began;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
  CHECK(failures <= 2 * (1 + static_cast<std::uint64_t>(passed / 50ms)));  // two loops, each with its pause
  for (const int each : sockets) {
    const std::string asks = "GET /now" + head;
    CHECK(::send(each, asks.data(), asks.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(asks.size()));
    std::array<char, 16> status{};
    CHECK(::recv(each, status.data(), status.size(), MSG_WAITALL) == 16);
    CHECK(std::string_view(status.data(), 12) == "HTTP/1.1 200");
    ::close(each);
  }
}

TEST_CASE("requests under way are told with their template, age and phase") {
  toy_server running;
  raw_client busy(running.port());
  busy.send("GET /held" + head);
  running.held.acquire();
  const auto under_way = running.http().under_way(hasten::steady_clock_source::now() + 30s);
  REQUIRE(under_way.size() == 1);
  CHECK(under_way[0].route == "/held");
  CHECK(under_way[0].phase == "working");
  CHECK(under_way[0].age > 0s);
  CHECK(under_way[0].trace_id.size() == 32);
  CHECK(running.http().lag(hasten::steady_clock_source::now() + 30s) < 30s);
}

namespace {

// Reads until `text` came. Returns: all that was read after the head.
std::string read_until(raw_client& client, const std::string& text) {
  std::string all;
  while (all.find(text) == std::string::npos) {
    const std::string more = client.take_all();
    if (more.empty()) break;
    all += more;
  }
  return all;
}

}  // namespace

TEST_CASE("events reach those who listen, and who was cut off goes on where it stopped") {
  toy_server running;
  running.feed->publish("tick", "0");
  raw_client first(running.port());
  first.send("GET /events" + head);
  CHECK(read_until(first, "data: 0\n\n").find("id: 1\nevent: tick\ndata: 0") != std::string::npos);
  for (int event = 1; event <= 20; ++event) running.feed->publish("tick", std::to_string(event));
  CHECK(read_until(first, "data: 20\n\n").find("id: 21\n") != std::string::npos);
  first.vanish();

  raw_client again(running.port());
  again.send("GET /events HTTP/1.1\r\nHost: h\r\nLast-Event-ID: 5\r\n\r\n");
  const std::string resumed = read_until(again, "data: 20\n\n");
  CHECK(resumed.find("id: 5\n") == std::string::npos);
  for (int id = 6; id <= 21; ++id)
    CHECK(resumed.find("id: " + std::to_string(id) + "\n") != std::string::npos);
}

TEST_CASE("as many clients listen as may, and a stop ends their streams") {
  toy_server running;
  running.feed->publish("tick", "0");
  std::vector<std::unique_ptr<raw_client>> listening;
  for (int count = 0; count < 2; ++count) {
    listening.push_back(std::make_unique<raw_client>(running.port()));
    listening.back()->send("GET /events" + head);
    CHECK_FALSE(read_until(*listening.back(), "data: 0").empty());
  }
  raw_client third(running.port());
  third.send("GET /events" + head);
  CHECK(third.read().status == 503);
  raw_client asks(running.port());
  asks.send("HEAD /events" + head);
  CHECK(asks.read(false).status == 503);
  CHECK(running.feed->listeners() == 2);
  CHECK(running.http().stop(hasten::steady_clock_source::now() + 30s) == 0);
  CHECK(running.feed->listeners() == 0);
}

TEST_CASE("a listener that reads slowly is given the latest events and holds nobody up") {
  toy_server running;
  raw_client slow(running.port());
  slow.send("GET /events" + head);
  while (running.feed->listeners() == 0) std::this_thread::yield();
  const std::string large(64 * 1024, 'x');
  for (int event = 0; event < 300; ++event) running.feed->publish("tick", large);
  running.feed->publish("tick", "the last");
  const std::string got = read_until(slow, "the last");
  CHECK(got.ends_with("data: the last\n\n"));
}

TEST_CASE(
    "a client that asks or connects too often is refused, the connection stays, and answers say what is "
    "left") {
  toy_server toys({.per_client = {.connections = 2, .requests_per_second = 0.01, .requests_burst = 2}});
  raw_client client(toys.port());
  const std::string get = "GET /now HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(get + get + get);
  CHECK(client.read().head.find("RateLimit: \"client\";r=1;t=100\r\n") != std::string::npos);
  CHECK(client.read().status == 200);
  const auto refused = client.read();
  CHECK(refused.status == 429);
  CHECK(refused.head.find("Retry-After: ") != std::string::npos);
  raw_client second(toys.port());
  second.send(get);
  CHECK(second.read().status == 429);
  raw_client third(toys.port());
  third.send(get);
  CHECK(third.read().status == 0);
}

TEST_CASE("an address that is taken, and options out of range, are refused") {
  toy_server running;
  const router routes({});
  const access_guard guard({.token = "a-token-for-the-tests"});
  answer_cache cache;
  const answer_ttls ttls;
  hasten::worker_pool workers({.threads = 1});
  request_timer timing({.routes = {"(none)"}});
  const dispatcher requests(
      {.routes = routes, .guard = guard, .cache = cache, .ttls = ttls, .workers = workers, .work_time = 1s});
  server::options chosen;
  chosen.port = static_cast<std::uint16_t>(running.port());
  server second(chosen, requests, routes, timing);
  CHECK_THROWS_AS(second.start(), std::system_error);
  chosen.threads = 0;
  CHECK_THROWS_AS(server(chosen, requests, routes, timing), std::invalid_argument);
}

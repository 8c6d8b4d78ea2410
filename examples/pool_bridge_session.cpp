// SPDX-License-Identifier: BSL-1.0
// A session on an I/O thread that has heavy work done elsewhere. Promise: the I/O thread goes on meanwhile, the result
// comes back to it, work that nobody waits for any more is not done, and a client that goes away stops what runs for it.
#include <hasten/beast/pool_bridge.hpp>
#include <hasten/core/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstdlib>
#include <future>
#include <iostream>
#include <numeric>
#include <stop_token>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

// What a session does for one request: the page is made on the pool, everything else here.
asio::awaitable<void> answer(hasten::worker_pool& pool, std::vector<int> amounts) {
  const auto page = co_await hasten::async_run(
      co_await asio::this_coro::executor, pool, {.deadline = hasten::steady_clock_source::now() + 5s},
      [&amounts] { return std::accumulate(amounts.begin(), amounts.end(), 0L); }, asio::use_awaitable);
  std::cout << "answered: " << page << '\n';
}

}  // namespace

int main() {
  asio::io_context io;
  hasten::worker_pool pool({.threads = 1, .queue_max = 100, .name = "pages"});

  asio::co_spawn(io, answer(pool, {20, 22}), asio::detached);
  io.run();

  // A callback instead of a coroutine, and a client that goes away while its work runs.
  io.restart();
  asio::cancellation_signal client;
  std::promise<void> begun;
  bool was_stopped = false;
  hasten::async_run(
      io.get_executor(), pool, {},
      [&begun](const std::stop_token& stop) {
        begun.set_value();
        while (!stop.stop_requested()) std::this_thread::yield();  // a long search that looks up now and then
        return true;
      },
      asio::bind_cancellation_slot(client.slot(), [&](const std::exception_ptr& failure, bool stopped) {
        was_stopped = !failure && stopped;
      }));
  begun.get_future().wait();
  client.emit(asio::cancellation_type::terminal);
  io.run();
  std::cout << "stopped half-way: " << std::boolalpha << was_stopped << '\n';

  const hasten::drain_report report = pool.drain(hasten::steady_clock_source::now() + 10s);
  return was_stopped && report.left == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

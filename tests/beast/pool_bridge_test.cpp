// SPDX-License-Identifier: BSL-1.0
#include <hasten/beast/pool_bridge.hpp>

#include <hasten/cache/memory_cache.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using hasten::async_run;
using hasten::errc;
using hasten::worker_pool;

namespace {

// What a completion said. Read after the context has run dry, on the same thread.
struct outcome {
  int times = 0;
  errc failure{};
  bool is_other_failure = false;
  int value = 0;
  std::thread::id thread;

  void operator()(const std::exception_ptr& why, int what) {
    ++times;
    value = what;
    thread = std::this_thread::get_id();
    if (!why) return;
    try {
      std::rethrow_exception(why);
    } catch (const hasten::error& known) {
      failure = static_cast<errc>(known.code().value());
    } catch (...) {
      is_other_failure = true;
    }
  }
};

// Keeps the only worker of a pool busy until told to stop, or the end.
class busy_worker {
 public:
  explicit busy_worker(worker_pool& pool) {
    pool.post([shared = shared_] {
      shared->started.count_down();
      shared->released.wait();
    });
    shared_->started.wait();
  }
  ~busy_worker() { release(); }
  void release() {
    if (!std::exchange(is_released_, true)) shared_->released.count_down();
  }

 private:
  struct latches {
    std::latch started{1};
    std::latch released{1};
  };
  std::shared_ptr<latches> shared_ = std::make_shared<latches>();
  bool is_released_ = false;
};

struct fixture {
  explicit fixture(worker_pool::options chosen = {.threads = 1}) : pool(std::move(chosen)) {}
  asio::io_context io;
  worker_pool pool;  // ends first
  asio::cancellation_signal client;
  outcome seen;

  template <class Work>
  void call(Work&& work, const hasten::bridge_options& chosen = {}) {
    async_run(io.get_executor(), pool, chosen, std::forward<Work>(work),
              asio::bind_cancellation_slot(
                  client.slot(), [this](const std::exception_ptr& why, int what) { seen(why, what); }));
  }
};

}  // namespace

TEST_CASE("work runs on the pool and its result arrives on the thread of the context") {
  fixture here;
  std::thread::id worker;
  here.call([&] {
    worker = std::this_thread::get_id();
    return 42;
  });
  CHECK(here.seen.times == 0);
  here.io.run();  // which the call kept from running dry
  CHECK(here.seen.times == 1);
  CHECK(here.seen.value == 42);
  CHECK(here.seen.failure == errc{});
  CHECK(here.seen.thread == std::this_thread::get_id());
  CHECK(worker != std::this_thread::get_id());
}

TEST_CASE("the completion runs on the handler's own executor") {
  fixture here;
  auto strand = asio::make_strand(here.io);
  bool was_inside = false;
  async_run(
      here.io.get_executor(), here.pool, {}, [] {},
      asio::bind_executor(strand,
                          [&](const std::exception_ptr&) { was_inside = strand.running_in_this_thread(); }));
  here.io.run();
  CHECK(was_inside);
}

TEST_CASE("what the work throws arrives as it was thrown") {
  fixture here;
  here.call([]() -> int { throw std::runtime_error("no"); });
  here.io.run();
  CHECK(here.seen.is_other_failure);
}

TEST_CASE("work that has not begun when the client goes away never does, and the call is over at once") {
  fixture here;
  busy_worker busy(here.pool);
  bool ran = false;
  const auto token = std::make_shared<int>(0);
  here.call([&ran, token] {
    ran = true;
    return 1;
  });
  here.client.emit(asio::cancellation_type::terminal);
  here.io.run();  // ends although the worker is still busy
  CHECK(here.seen.failure == errc::closed);
  CHECK(here.seen.times == 1);
  CHECK(token.use_count() == 1);  // its captures are gone as well
  busy.release();
  here.pool.drain(hasten::steady_clock_source::now() + 1min);
  CHECK_FALSE(ran);
  CHECK(here.pool.stats().cancelled == 1);
}

TEST_CASE("work that runs when the client goes away is asked to stop and completes when it has ended") {
  fixture here;
  std::latch begun(1);
  std::atomic<bool> is_over{false};
  here.call([&](const std::stop_token& stop) {
    begun.count_down();
    while (!stop.stop_requested()) std::this_thread::yield();
    is_over = true;
    return 7;
  });
  begun.wait();
  here.client.emit(asio::cancellation_type::total);
  here.io.run();
  CHECK(is_over);
  CHECK(here.seen.times == 1);
  CHECK(here.seen.value == 7);
}

TEST_CASE("a client that goes away when all is done changes nothing") {
  fixture here;
  here.call([] { return 1; });
  here.pool.drain(hasten::steady_clock_source::now() + 1min);
  here.client.emit(asio::cancellation_type::terminal);  // the completion is on its way
  here.io.run();
  CHECK(here.seen.value == 1);
  here.client.emit(asio::cancellation_type::terminal);
  CHECK(here.seen.times == 1);
}

TEST_CASE("work that has not begun by its deadline never does, and the call is over at once") {
  fixture here;
  const busy_worker busy(here.pool);
  here.call([] { return 1; }, {.deadline = hasten::steady_clock_source::now() + 5ms});
  here.io.run();
  CHECK(here.seen.failure == errc::timeout);
}

TEST_CASE("work that runs at its deadline is asked to stop") {
  fixture here;
  here.call(
      [](const std::stop_token& stop) {
        while (!stop.stop_requested()) std::this_thread::yield();
        return 3;
      },
      {.deadline = hasten::steady_clock_source::now() + 5ms});
  here.io.run();
  CHECK(here.seen.value + static_cast<int>(here.seen.failure == errc::timeout) * 3 ==
        3);  // it may not have begun
}

TEST_CASE("a pool without room refuses, and so does a closed one") {
  fixture here({.threads = 1, .queue_max = 1});
  busy_worker busy(here.pool);
  here.pool.post([] {});
  here.call([] { return 1; });
  here.io.run();
  CHECK(here.seen.failure == errc::overloaded);
  busy.release();
  here.pool.drain(hasten::steady_clock_source::now() + 1min);
  here.io.restart();
  here.call([] { return 1; });
  CHECK(here.seen.times == 1);  // never within the call itself
  here.io.run();
  CHECK(here.seen.times == 2);
  CHECK(here.seen.failure == errc::closed);
}

TEST_CASE("a task that the pool drops completes its call") {
  fixture here;
  const busy_worker busy(here.pool);
  here.call([] { return 1; });
  CHECK(here.pool.purge() == 1);
  here.io.run();
  CHECK(here.seen.failure == errc::closed);
}

TEST_CASE("a label and a lane reach the pool") {
  fixture here;
  const auto renders = here.pool.label("render");
  here.call([] { return 1; }, {.lane = hasten::task_lane::high, .label = renders});
  here.io.run();
  here.pool.drain(hasten::steady_clock_source::now() + 1min);
  CHECK(here.pool.stats().labels.at(0).completed == 1);
}

TEST_CASE("a coroutine leaves its thread for the pool and comes back") {
  fixture here;
  std::string page;
  bool is_back = false;
  const auto io_thread = std::this_thread::get_id();
  asio::co_spawn(
      here.io,
      [&]() -> asio::awaitable<void> {
        const auto executor = co_await asio::this_coro::executor;
        page = co_await async_run(
            executor, here.pool, {}, [] { return std::string("rendered"); }, asio::use_awaitable);
        is_back = std::this_thread::get_id() == io_thread;
        co_await async_run(executor, here.pool, {}, [] {}, asio::use_awaitable);
        try {
          co_await async_run(executor, here.pool, {}, []() -> int { throw 5; }, asio::use_awaitable);
        } catch (int thrown) {
          page += std::to_string(thrown);
        }
      },
      asio::detached);
  here.io.run();
  CHECK(page == "rendered5");
  CHECK(is_back);
}

TEST_CASE(
    "a coroutine that is cancelled while it waits for the pool gets an exception, and its frame is safe") {
  for (const bool has_begun : {false, true}) {
    fixture here;
    std::optional<busy_worker> busy;
    if (!has_begun) busy.emplace(here.pool);
    std::latch begun(1);
    errc failure{};
    bool ended_before_return = false;
    asio::co_spawn(
        here.io,
        [&]() -> asio::awaitable<void> {
          bool is_over = false;  // in the frame, which the work writes to
          try {
            co_await async_run(
                co_await asio::this_coro::executor, here.pool, {},
                [&](const std::stop_token& stop) {
                  begun.count_down();
                  while (!stop.stop_requested()) std::this_thread::yield();
                  is_over = true;
                },
                asio::use_awaitable);
          } catch (const hasten::error& known) {
            failure = static_cast<errc>(known.code().value());
          }
          ended_before_return = is_over;
        },
        asio::bind_cancellation_slot(here.client.slot(), asio::detached));
    here.io.poll();
    if (has_begun) begun.wait();
    here.client.emit(asio::cancellation_type::terminal);
    here.io.run();
    CHECK(ended_before_return == has_begun);
    CHECK(failure == (has_begun ? errc{} : errc::closed));
  }
}

TEST_CASE("nothing is lost or doubled when clients go away at any moment") {
  fixture here({.threads = 2});
  int completed = 0;
  constexpr int calls = 500;
  for (int i = 0; i < calls; ++i) {
    asio::cancellation_signal client;
    bool is_over = false;
    async_run(
        here.io.get_executor(), here.pool, {}, [](const std::stop_token&) { return 1; },
        asio::bind_cancellation_slot(client.slot(), [&](const std::exception_ptr&, int) {
          ++completed;
          is_over = true;
        }));
    for (int spin = 0; spin < i % 50; ++spin) std::this_thread::yield();
    client.emit(asio::cancellation_type::terminal);
    while (!is_over) here.io.run_one();
    here.io.restart();
  }
  CHECK(completed == calls);
}

TEST_CASE("a cache loads on an executor of Asio, whichever kind it is") {
  asio::io_context context;
  const auto strand = asio::make_strand(context);
  const asio::any_io_executor any = context.get_executor();
  hasten::memory_cache<int, int> cache;
  std::future<int> plain = cache.get_or_load_async(1, [] { return 10; }, context.get_executor());
  std::future<int> ordered = cache.get_or_load_async(2, [] { return 20; }, strand);
  std::future<int> erased = cache.get_or_load_async(3, [] { return 30; }, any);
  std::future<int> shared = cache.get_or_load_async(3, [] { return 31; }, any);
  CHECK(!cache.get(1));  // nobody runs the context yet
  context.run();
  CHECK(plain.get() == 10);
  CHECK(ordered.get() == 20);
  CHECK(erased.get() == 30);
  CHECK(shared.get() == 30);
  CHECK(cache.stats().loads == 3);
}

TEST_CASE("on an executor that never blocks, a load that is begun by one of its threads waits for its turn") {
  asio::io_context context;
  const auto never_blocks = asio::require(context.get_executor(), asio::execution::blocking.never);
  hasten::memory_cache<int, int> cache;
  std::string steps;
  asio::post(context, [&] {
    cache.get_or_load_async(
        1, [&] { return steps += "load ", 10; }, never_blocks,
        [&](const hasten::load_outcome<int>& outcome) { steps += "got " + std::to_string(*outcome.value); });
    steps += "asked ";
  });
  context.run();
  CHECK(steps == "asked load got 10");
}

TEST_CASE("a load that an executor of Asio drops fails those who wait for it") {
  hasten::memory_cache<int, int> cache;
  std::future<int> waiting;
  {
    asio::io_context context;
    waiting = cache.get_or_load_async(1, [] { return 10; }, context.get_executor());
  }
  CHECK_THROWS_AS(waiting.get(), hasten::error);
}

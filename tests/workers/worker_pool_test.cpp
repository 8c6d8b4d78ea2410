// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/worker_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <array>
#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#ifdef __linux__
#include <pthread.h>
#endif

using namespace std::chrono_literals;
using hasten::errc;
using hasten::worker_pool;

namespace {

// Only a guard against hanging: no test waits this long unless it fails.
hasten::steady_time in_a_minute() { return hasten::steady_clock_source::now() + 60s; }

// Keeps the only worker of a pool busy until told to stop.
class blocker {
 public:
  explicit blocker(worker_pool& pool) {
    pool.post([this] {
      started_.count_down();
      released_.wait();
    });
    started_.wait();
  }
  ~blocker() { release(); }
  void release() {
    if (!std::exchange(is_released_, true)) released_.count_down();
  }

 private:
  std::latch started_{1};
  std::latch released_{1};
  bool is_released_ = false;
};

errc code_of(std::future<int>& future) {
  try {
    future.get();
  } catch (const hasten::error& failure) {
    return static_cast<errc>(failure.code().value());
  }
  return errc{};
}

}  // namespace

TEST_CASE("a submitted task gives its result to the future") {
  worker_pool pool({.threads = 2});
  auto answer = pool.submit([] { return 6 * 7; });
  auto nothing = pool.submit([] {});
  CHECK(answer.get() == 42);
  nothing.get();
}

TEST_CASE("a submitted task gives its exception to the future, and the worker lives on") {
  worker_pool pool({.threads = 1});
  auto failing = pool.submit([]() -> int { throw std::runtime_error("no"); });
  CHECK_THROWS_AS(failing.get(), std::runtime_error);
  auto odd = pool.submit([]() -> int { throw 5; });
  CHECK_THROWS_AS(odd.get(), int);
  CHECK(pool.submit([] { return 1; }).get() == 1);
  pool.drain(in_a_minute());
  CHECK(pool.stats().failed == 2);
  CHECK(pool.stats().completed == 1);
}

TEST_CASE("what a posted task throws reaches on_error and is counted") {
  std::atomic<int> seen{0};
  worker_pool pool({.threads = 1, .on_error = [&seen](std::exception_ptr failure) {
                      try {
                        std::rethrow_exception(failure);
                      } catch (const std::runtime_error&) {
                        ++seen;
                      }
                    }});
  pool.post([] { throw std::runtime_error("no"); });
  pool.post([] {});
  pool.drain(in_a_minute());
  CHECK(seen == 1);
  CHECK(pool.stats().failed == 1);
  CHECK(pool.stats().completed == 1);
}

TEST_CASE("what a posted task throws is counted even if nobody listens") {
  worker_pool pool({.threads = 1});
  pool.post([] { throw 1; });
  pool.drain(in_a_minute());
  CHECK(pool.stats().failed == 1);
}

TEST_CASE("a task may own what cannot be copied") {
  worker_pool pool({.threads = 1});
  auto future = pool.submit([value = std::make_unique<int>(9)] { return std::make_unique<int>(*value + 1); });
  CHECK(*future.get() == 10);
}

TEST_CASE("a single worker runs tasks in the order of arrival") {
  worker_pool pool({.threads = 1});
  std::vector<int> order;
  for (int i = 0; i < 100; ++i) pool.post([&order, i] { order.push_back(i); });
  pool.drain(in_a_minute());
  REQUIRE(order.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a full queue refuses and counts, and takes work again when there is room") {
  worker_pool pool({.threads = 1, .queue_max = 2});
  blocker busy(pool);
  CHECK(pool.try_post([] {}));
  CHECK(pool.try_post([] {}));
  CHECK_FALSE(pool.try_post([] {}));
  CHECK_THROWS_MATCHES(pool.post([] {}), hasten::error,
                       Catch::Matchers::Message("worker_pool: the queue is full: overloaded"));
  CHECK_THROWS_AS(pool.submit([] { return 1; }), hasten::error);
  auto stats = pool.stats();
  CHECK(stats.rejected == 3);
  CHECK(stats.queued == 2);
  CHECK(stats.running == 1);
  busy.release();
  pool.drain(in_a_minute());
  stats = pool.stats();
  CHECK(stats.completed == 3);
  CHECK(stats.queued == 0);
  CHECK(stats.running == 0);
}

TEST_CASE("draining runs what is queued and refuses what comes after") {
  worker_pool pool({.threads = 2});
  std::atomic<int> ran{0};
  blocker busy(pool);
  for (int i = 0; i < 10; ++i) pool.post([&ran] { ++ran; });
  busy.release();
  const auto report = pool.drain(in_a_minute());
  CHECK(ran == 10);
  CHECK(report.finished <= 11);
  CHECK(report.cancelled == 0);
  CHECK(report.left == 0);
  CHECK(pool.is_closed());
  CHECK_FALSE(pool.try_post([] {}));
  try {
    pool.post([] {});
    FAIL("a closed pool took a task");
  } catch (const hasten::error& refusal) {
    CHECK(refusal.code() == errc::closed);
  }
}

TEST_CASE("draining past its deadline cancels what is queued and reports what still runs") {
  worker_pool pool({.threads = 1});
  blocker busy(pool);
  auto first = pool.submit([] { return 1; });
  auto second = pool.submit([] { return 2; });
  const auto report = pool.drain(hasten::steady_clock_source::now());
  CHECK(report.finished == 0);
  CHECK(report.cancelled == 2);
  CHECK(report.left == 1);
  CHECK(code_of(first) == errc::closed);
  CHECK(code_of(second) == errc::closed);
  CHECK(pool.stats().cancelled == 2);
  busy.release();
  const auto again = pool.drain(in_a_minute());
  CHECK(again.left == 0);
  CHECK(again.cancelled == 0);
}

TEST_CASE("destroying a pool cancels what is queued and waits for what is running") {
  std::future<int> queued;
  std::atomic<bool> finished{false};
  {
    std::latch started(1);
    worker_pool pool({.threads = 1});
    pool.post([&] {
      started.count_down();
      while (!pool.is_closed()) std::this_thread::yield();
      finished = true;
    });
    started.wait();
    queued = pool.submit([] { return 1; });
    // The running task ends when the destructor closes the pool; the queued one may still be picked up then.
  }
  CHECK(finished);
  const errc outcome = code_of(queued);
  CHECK((outcome == errc::closed || outcome == errc{}));
}

TEST_CASE("the captures of a task are destroyed before its worker sleeps") {
  worker_pool pool({.threads = 1});
  auto token = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = token;
  pool.post([token = std::move(token)] {});
  while (!watched.expired()) std::this_thread::yield();
  SUCCEED();
}

TEST_CASE("tasks may submit tasks to their own pool") {
  worker_pool pool({.threads = 2});
  std::promise<int> answer;
  pool.post([&] { pool.post([&] { answer.set_value(3); }); });
  CHECK(answer.get_future().get() == 3);
}

TEST_CASE("every worker takes part when every task waits for all the others") {
  constexpr unsigned threads = 4;
  worker_pool pool({.threads = threads});
  for (int round = 0; round < 50; ++round) {
    std::latch all(threads);
    std::vector<std::future<void>> futures;
    for (unsigned i = 0; i < threads; ++i) {
      futures.push_back(pool.submit([&all] { all.arrive_and_wait(); }));
    }
    for (auto& future : futures) future.get();  // hangs if a wake-up is lost
  }
}

TEST_CASE("a pool knows its own threads") {
  worker_pool pool({.threads = 1});
  worker_pool other({.threads = 1});
  CHECK_FALSE(pool.is_worker_thread());
  CHECK(pool.submit([&] { return pool.is_worker_thread(); }).get());
  CHECK_FALSE(pool.submit([&] { return other.is_worker_thread(); }).get());
}

#ifdef __linux__
TEST_CASE("threads carry the name of their pool") {
  worker_pool pool({.threads = 1, .name = "claims"});
  const auto name = pool.submit([] {
                          std::array<char, 16> text{};
                          pthread_getname_np(pthread_self(), text.data(), text.size());
                          return std::string(text.data());
                        })
                        .get();
  CHECK(name == "claims-0");
}
#endif

TEST_CASE("zero threads means the budget of the process") {
  worker_pool pool;
  CHECK(pool.stats().threads == hasten::thread_budget());
}

TEST_CASE("options out of range are refused by name, value and range") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(worker_pool({.threads = 1025}), std::invalid_argument,
                       Message("worker_pool: threads must be 0..1024, got 1025"));
  CHECK_THROWS_MATCHES(worker_pool({.queue_max = 0}), std::invalid_argument,
                       Message("worker_pool: queue_max must be 1..1073741824, got 0"));
  CHECK_THROWS_MATCHES(worker_pool({.name = ""}), std::invalid_argument,
                       Message("worker_pool: name must have 1..10 characters, got \"\""));
  CHECK_THROWS_AS(worker_pool({.name = "eleven_long"}), std::invalid_argument);
}

TEST_CASE("nothing is lost between producers that burst and workers that keep falling asleep") {
  worker_pool pool({.threads = 3, .queue_max = 64});
  std::atomic<int> ran{0};
  std::vector<std::thread> producers;
  constexpr int bursts = 150;
  for (int p = 0; p < 2; ++p) {
    producers.emplace_back([&] {
      for (int burst = 0; burst < bursts; ++burst) {
        std::vector<std::future<void>> futures;
        for (int i = 0; i < 1 + burst % 5; ++i) futures.push_back(pool.submit([&ran] { ++ran; }));
        for (auto& future : futures) future.get();  // the workers fall asleep here, again and again
      }
    });
  }
  for (auto& producer : producers) producer.join();
  CHECK(ran == 2 * bursts * 3);
}

TEST_CASE("producers that race with a drain have every accepted task run or cancelled") {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> accepted{0};
    std::atomic<int> ran{0};
    worker_pool pool({.threads = 2, .queue_max = 16});
    std::latch started(2);
    std::vector<std::thread> producers;
    for (int p = 0; p < 2; ++p) {
      producers.emplace_back([&] {
        started.count_down();
        while (!pool.is_closed()) {
          if (pool.try_post([&ran] { ++ran; })) ++accepted;
        }
      });
    }
    started.wait();
    const auto report = pool.drain(in_a_minute());
    for (auto& producer : producers) producer.join();
    CHECK(report.left == 0);
    CHECK(report.cancelled == 0);
    CHECK(ran == accepted);
  }
}

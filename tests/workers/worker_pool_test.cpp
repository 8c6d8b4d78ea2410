// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/worker_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using hasten::errc;
using hasten::full_policy;
using hasten::task_lane;
using hasten::worker_pool;

namespace {

// Only a guard against hanging: no test waits this long unless it fails.
hasten::steady_time in_a_minute() { return hasten::steady_clock_source::now() + 60s; }

// Keeps the only worker of a pool busy until told to stop.
class blocker {
 public:
  explicit blocker(worker_pool& pool) {
    pool.post([shared = shared_] {
      shared->started.count_down();
      shared->released.wait();
    });
    shared_->started.wait();
  }
  ~blocker() { release(); }
  void release() {
    if (!std::exchange(is_released_, true)) shared_->released.count_down();
  }

 private:
  // Shared, because the task may still be inside wait() when this object is gone.
  struct latches {
    std::latch started{1};
    std::latch released{1};
  };
  std::shared_ptr<latches> shared_ = std::make_shared<latches>();
  bool is_released_ = false;
};

// To be called when the task's thread has let go of the future's state, after a drain: ThreadSanitizer does not see
// the reference count of an exception, which lives inside libstdc++, and would take its end for a race.
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
  auto odd = pool.submit([]() -> int { throw 5; });
  CHECK(pool.submit([] { return 1; }).get() == 1);
  pool.drain(in_a_minute());
  CHECK_THROWS_AS(failing.get(), std::runtime_error);
  CHECK_THROWS_AS(odd.get(), int);
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

TEST_CASE("zero threads means the budget of the process") {
  worker_pool pool;
  CHECK(pool.stats().threads == hasten::thread_budget());
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

TEST_CASE("higher lanes go first") {
  worker_pool pool({.threads = 1});
  blocker busy(pool);
  std::string order;
  pool.post({.lane = task_lane::background}, [&] { order += 'b'; });
  pool.post([&] { order += 'n'; });
  pool.post({.lane = task_lane::high}, [&] { order += 'h'; });
  busy.release();
  pool.drain(in_a_minute());
  CHECK(order == "hnb");
}

TEST_CASE("lower lanes keep their share while the high lane is never empty") {
  worker_pool pool({.threads = 1});
  blocker busy(pool);
  std::string order;
  for (int i = 0; i < 200; ++i) pool.post({.lane = task_lane::high}, [&] { order += 'h'; });
  pool.post({.lane = task_lane::normal}, [&] { order += 'n'; });
  pool.post({.lane = task_lane::background}, [&] { order += 'b'; });
  busy.release();
  pool.drain(in_a_minute());
  CHECK(order.find('n') < 8);
  CHECK(order.find('b') < 64);
}

TEST_CASE("background tasks leave a worker to the others") {
  worker_pool pool({.threads = 2});
  std::latch started(1);
  std::latch release(1);
  std::atomic<int> background{0};
  for (int i = 0; i < 2; ++i) {
    pool.post({.lane = task_lane::background}, [&] {
      if (++background == 1) started.count_down();
      release.wait();
    });
  }
  started.wait();
  CHECK(pool.submit([&] { return background.load(); }).get() == 1);
  CHECK(pool.stats().lanes[static_cast<std::size_t>(task_lane::background)].queued == 1);
  release.count_down();
  pool.drain(in_a_minute());
  CHECK(background == 2);
}

TEST_CASE("a task past its deadline expires instead of running") {
  hasten::manual_clock clock;
  hasten::basic_worker_pool<hasten::manual_clock> pool({.threads = 1}, clock);
  pool.pause();
  bool ran = false;
  auto late = pool.submit({.deadline = clock.now() + 1s}, [&] {
    ran = true;
    return 1;
  });
  auto in_time = pool.submit({.deadline = clock.now() + 1min}, [] { return 2; });
  pool.post({.deadline = clock.now() + 1s}, [&] { ran = true; });
  clock.advance(2s);
  pool.resume();
  pool.drain(in_a_minute());
  CHECK(code_of(late) == errc::timeout);
  CHECK(in_time.get() == 2);
  CHECK_FALSE(ran);
  CHECK(pool.stats().expired == 2);
  CHECK(pool.stats().completed == 1);
}

TEST_CASE("a task whose stop was requested before its turn is cancelled") {
  worker_pool pool({.threads = 1});
  std::stop_source stop;
  blocker busy(pool);
  auto future = pool.submit({.stop = stop.get_token()}, [] { return 1; });
  stop.request_stop();
  busy.release();
  pool.drain(in_a_minute());
  CHECK(code_of(future) == errc::closed);
  CHECK(pool.stats().cancelled == 1);
}

TEST_CASE("a task that takes a stop token gets the one of its options") {
  worker_pool pool({.threads = 1});
  std::stop_source stop;
  std::latch started(1);
  auto future = pool.submit({.stop = stop.get_token()}, [&](const std::stop_token& asked) {
    started.count_down();
    while (!asked.stop_requested()) std::this_thread::yield();
    return 5;
  });
  started.wait();
  stop.request_stop();
  CHECK(future.get() == 5);
  CHECK(pool.submit([](const std::stop_token& none) { return none.stop_possible(); }).get() == false);
}

TEST_CASE("labelled tasks are counted and timed apart") {
  hasten::manual_clock clock;
  hasten::basic_worker_pool<hasten::manual_clock> pool({.threads = 1}, clock);
  const auto exports = pool.label("export");
  const auto scores = pool.label("score");
  pool.pause();
  pool.post({.label = exports}, [&] { clock.advance(5ms); });
  pool.post({.label = exports}, [] { throw 1; });
  pool.post({.deadline = clock.now(), .label = scores}, [] {});
  clock.advance(2ms);
  pool.resume();
  pool.drain(in_a_minute());
  const auto stats = pool.stats();
  REQUIRE(stats.labels.size() == 2);
  CHECK(stats.labels[0].name == "export");
  CHECK(stats.labels[0].completed == 1);
  CHECK(stats.labels[0].failed == 1);
  CHECK(stats.labels[0].wait.count() == 2);
  CHECK(stats.labels[0].wait.max() == 7'000'000);
  CHECK(stats.labels[0].run.max() == 5'000'000);
  CHECK(stats.labels[1].name == "score");
  CHECK(stats.labels[1].expired == 1);
}

TEST_CASE("more labels than allowed are refused") {
  worker_pool pool({.threads = 1, .labels_max = 1});
  CHECK(pool.label("first") != hasten::task_label{});
  CHECK_THROWS_AS(pool.label("second"), std::length_error);
}

TEST_CASE("waiting and running are timed by lane, every task of them if asked") {
  hasten::manual_clock clock;
  hasten::basic_worker_pool<hasten::manual_clock> pool({.threads = 1, .clock_sampling = 1}, clock);
  pool.pause();
  pool.post([&] { clock.advance(3ms); });
  pool.post({.lane = task_lane::high}, [] {});
  clock.advance(1ms);
  pool.resume();
  pool.drain(in_a_minute());
  const auto stats = pool.stats();
  const auto& normal = stats.lanes[static_cast<std::size_t>(task_lane::normal)];
  CHECK(normal.wait.count() == 1);
  CHECK(normal.wait.max() == 1'000'000);
  CHECK(normal.run.max() == 3'000'000);
  CHECK(stats.wait().count() == 2);
  CHECK(stats.run().count() == 2);
}

TEST_CASE("one task in thirty-two is timed unless told otherwise, and none with a sampling of zero") {
  for (const std::size_t sampling : {32U, 0U}) {
    worker_pool pool({.threads = 1, .clock_sampling = sampling});
    for (int i = 0; i < 320; ++i) pool.post([] {});
    pool.drain(in_a_minute());
    CHECK(pool.stats().run().count() == (sampling == 0 ? 0 : 10));
  }
}

TEST_CASE("a paused pool takes tasks and starts none until it is resumed") {
  worker_pool pool({.threads = 2});
  pool.submit([] {}).get();
  pool.pause();
  std::atomic<bool> ran{false};
  auto future = pool.submit([&] { ran = true; });
  CHECK(pool.stats().is_paused);
  CHECK(pool.stats().queued == 1);
  CHECK_FALSE(ran);
  pool.resume();
  future.get();
  CHECK(ran);
}

TEST_CASE("draining a paused pool resumes it") {
  worker_pool pool({.threads = 1});
  pool.pause();
  auto future = pool.submit([] { return 1; });
  CHECK(pool.drain(in_a_minute()).left == 0);
  CHECK(future.get() == 1);
}

TEST_CASE("a purge cancels what waits and leaves what runs") {
  worker_pool pool({.threads = 1});
  blocker busy(pool);
  auto first = pool.submit([] { return 1; });
  auto second = pool.submit({.lane = task_lane::background}, [] { return 2; });
  CHECK(pool.purge() == 2);
  CHECK(code_of(first) == errc::closed);
  CHECK(code_of(second) == errc::closed);
  CHECK(pool.stats().cancelled == 2);
  busy.release();
  CHECK(pool.submit([] { return 3; }).get() == 3);
}

TEST_CASE("a full lane leaves the other lanes open") {
  worker_pool pool({.threads = 1, .queue_max = 1});
  blocker busy(pool);
  CHECK(pool.try_post([] {}));
  CHECK_FALSE(pool.try_post([] {}));
  CHECK(pool.try_post({.lane = task_lane::high}, [] {}));
}

TEST_CASE("when full, the caller runs the task if so chosen") {
  worker_pool pool({.threads = 1, .queue_max = 1, .on_full = full_policy::caller_runs});
  blocker busy(pool);
  pool.post([] {});
  const auto here = std::this_thread::get_id();
  CHECK(pool.submit([] { return std::this_thread::get_id(); }).get() == here);
  CHECK(pool.try_post([] { throw 1; }));
  CHECK(pool.stats().completed == 1);
  CHECK(pool.stats().failed == 1);
  CHECK(pool.stats().rejected == 0);
}

TEST_CASE("when full, the oldest task is displaced if so chosen") {
  worker_pool pool({.threads = 1, .queue_max = 2, .on_full = full_policy::drop_oldest});
  blocker busy(pool);
  auto first = pool.submit([] { return 1; });
  auto second = pool.submit([] { return 2; });
  auto third = pool.submit([] { return 3; });
  CHECK(code_of(first) == errc::overloaded);
  busy.release();
  CHECK(second.get() == 2);
  CHECK(third.get() == 3);
  CHECK(pool.stats().cancelled == 1);
}

TEST_CASE("when full, the caller waits for room if so chosen, and no longer than allowed") {
  worker_pool pool({.threads = 1, .queue_max = 1, .on_full = full_policy::block, .block_max = 0ns});
  blocker busy(pool);
  pool.post([] {});
  CHECK_THROWS_AS(pool.post([] {}), hasten::error);
  CHECK_FALSE(pool.try_post([] {}));
  CHECK(pool.stats().rejected == 2);
}

TEST_CASE("producers that wait for room lose nothing") {
  worker_pool pool({.threads = 2, .queue_max = 1, .on_full = full_policy::block, .block_max = 1min});
  std::atomic<int> ran{0};
  std::vector<std::thread> producers;
  for (int p = 0; p < 3; ++p) {
    producers.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) pool.post([&ran] { ++ran; });
    });
  }
  for (auto& producer : producers) producer.join();
  pool.drain(in_a_minute());
  CHECK(ran == 3'000);
}

TEST_CASE("a drain frees a producer that waits for room") {
  worker_pool pool({.threads = 1, .queue_max = 1, .on_full = full_policy::block, .block_max = 1min});
  blocker busy(pool);
  pool.post([] {});
  bool refused = false;
  std::thread producer([&] {
    try {
      pool.post([] {});
    } catch (const hasten::error&) {
      refused = true;
    }
  });
  pool.drain(hasten::steady_clock_source::now());
  producer.join();
  CHECK(refused);
  CHECK(pool.stats().rejected == 1);
}

TEST_CASE("tasks for a time that has come run in the order of their times") {
  worker_pool pool({.threads = 1});
  pool.pause();
  const auto now = hasten::steady_clock_source::now();
  std::string order;
  std::vector<std::future<void>> futures;
  // The first one is far off, so that the timer sleeps when the others arrive.
  auto never = pool.submit_at(now + 1h, [] { return 1; });
  for (const auto& [ago, letter] : {std::pair{3s, 'a'}, {2s, 'b'}, {1s, 'c'}}) {
    futures.push_back(pool.submit_at(now - ago, [&order, mark = letter] { order += mark; }));
  }
  std::latch posted_ran(1);
  pool.post_at(now, [&] {
    order += 'd';
    posted_ran.count_down();
  });
  CHECK(pool.stats().timed >= 1);
  pool.resume();
  for (auto& future : futures) future.get();
  posted_ran.wait();  // or the drain would cancel it before its hand-over
  CHECK(pool.drain(in_a_minute()).cancelled == 1);
  CHECK(order.substr(0, 3) == "abc");
  CHECK(code_of(never) == errc::closed);
  CHECK(pool.stats().timed == 0);
  CHECK_THROWS_AS(pool.post_at(now, [] {}), hasten::error);
}

TEST_CASE("a task can be given a delay, which counts from the call") {
  worker_pool pool({.threads = 1});
  const auto called = hasten::steady_clock_source::now();
  auto ran = pool.submit_after(2ms, [] { return hasten::steady_clock_source::now(); });
  CHECK(ran.get() - called >= 2ms);
  std::latch posted{1};
  pool.post_after(0ms, [&] { posted.count_down(); }, {.lane = task_lane::high});
  posted.wait();
  auto never = pool.submit_after(std::chrono::nanoseconds::max(), [] { return 1; });
  CHECK(pool.stats().timed == 1);
  CHECK(pool.drain(in_a_minute()).cancelled == 1);
  CHECK(code_of(never) == errc::closed);
}

TEST_CASE("a task does not run before its time") {
  worker_pool pool({.threads = 1});
  const auto due = hasten::steady_clock_source::now() + 2ms;
  CHECK(pool.submit_at(due, [] { return hasten::steady_clock_source::now(); }).get() >= due);
}

TEST_CASE("tasks that wait for their time are bounded, and rejected if their lane is full when it comes") {
  std::future<int> crowded_out;
  {
    worker_pool pool({.threads = 1, .queue_max = 1, .timed_max = 1});
    blocker busy(pool);
    pool.post([] {});
    const auto now = hasten::steady_clock_source::now();
    crowded_out = pool.submit_at(now, [] { return 1; });
    while (pool.stats().rejected == 0) std::this_thread::yield();
    pool.post_at(now + 1h, [] {});
    CHECK_THROWS_MATCHES(pool.post_at(now + 1h, [] {}), hasten::error,
                         Catch::Matchers::Message("worker_pool: the queue is full: overloaded"));
    busy.release();
    pool.drain(in_a_minute());
    CHECK(pool.stats().cancelled == 1);
    CHECK(pool.stats().rejected == 2);
  }
  CHECK(code_of(crowded_out) == errc::overloaded);
}

TEST_CASE("any thread can lend the pool a hand") {
  worker_pool pool({.threads = 1});
  CHECK_FALSE(pool.run_one());
  blocker busy(pool);
  auto here = pool.submit([] { return std::this_thread::get_id(); });
  CHECK(pool.run_one());
  CHECK(here.get() == std::this_thread::get_id());
  CHECK(pool.stats().completed == 1);
}

TEST_CASE("a pool that one of its own tasks destroys or drains aborts instead of waiting for itself") {
  const auto signal_of = [](auto misuse) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::signal(SIGABRT, SIG_DFL);  // not the test runner's handler
      ::close(STDERR_FILENO);
      auto* const pool = new worker_pool({.threads = 1});
      pool->post([pool, misuse] { misuse(pool); });
      for (;;) ::pause();
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  };
  CHECK(signal_of([](worker_pool* pool) { delete pool; }) == SIGABRT);
  CHECK(signal_of([](worker_pool* pool) { pool->drain(in_a_minute()); }) == SIGABRT);
}

TEST_CASE("pausing a pool that drains does not stop it") {
  worker_pool pool({.threads = 1});
  blocker busy(pool);
  pool.post([] {});
  CHECK(pool.drain(hasten::steady_clock_source::now()).left == 1);
  pool.pause();
  busy.release();
  CHECK(pool.drain(in_a_minute()).left == 0);
}

TEST_CASE(
    "nothing is lost between lanes, with few places for background tasks and workers that keep falling "
    "asleep") {
  worker_pool pool({.threads = 3, .queue_max = 64, .background_max = 1});
  std::atomic<int> ran{0};
  std::vector<std::thread> producers;
  constexpr int bursts = 150;
  for (int p = 0; p < 2; ++p) {
    producers.emplace_back([&, p] {
      for (int burst = 0; burst < bursts; ++burst) {
        std::vector<std::future<void>> futures;
        for (int i = 0; i < 1 + burst % 6; ++i) {
          const auto lane = static_cast<task_lane>((p + burst + i) % 3);
          futures.push_back(pool.submit({.lane = lane}, [&ran] { ++ran; }));
        }
        if (burst % 7 == 0) pool.run_one();
        for (auto& future : futures) future.get();  // hangs if a wake-up is lost
      }
    });
  }
  for (auto& producer : producers) producer.join();
  CHECK(ran == 2 * 25 * (1 + 2 + 3 + 4 + 5 + 6));
}

TEST_CASE("purging ends although every dropped task posts another") {
  struct successor {
    worker_pool* pool;
    int* left;
    ~successor() {
      if (pool != nullptr && (*left)-- > 0) pool->post([next = std::make_shared<successor>(pool, left)] {});
    }
    successor(worker_pool* owner, int* count) : pool(owner), left(count) {}
    successor(const successor&) = delete;
    successor& operator=(const successor&) = delete;
  };
  int left = 10;
  worker_pool pool({.threads = 1});
  pool.pause();
  pool.post([next = std::make_shared<successor>(&pool, &left)] {});
  CHECK(pool.purge() == 1);
  CHECK(left == 9);
  left = 0;
}

TEST_CASE("draining at its deadline accounts for every task, also for one that is just being taken") {
  for (int round = 0; round < 300; ++round) {
    worker_pool pool({.threads = 2});
    pool.pause();
    for (int i = 0; i < 24; ++i) pool.post([] {});
    const auto report =
        pool.drain(hasten::steady_clock_source::now());  // resumes: workers take while it cancels
    REQUIRE(report.finished + report.cancelled + report.left == 24);
  }
}

TEST_CASE("a helper's task is counted as running") {
  worker_pool pool({.threads = 1});
  blocker busy(pool);
  std::size_t running = 0;
  pool.post([&] { running = pool.stats().running; });
  REQUIRE(pool.run_one());
  CHECK(running == 2);
}

TEST_CASE("tasks begin in their order, so that as many as there are threads may wait for one another") {
  worker_pool pool({.threads = 3});
  pool.pause();
  constexpr int groups = 200;
  std::vector<std::unique_ptr<std::latch>> together;
  for (int i = 0; i < groups; ++i) together.push_back(std::make_unique<std::latch>(3));
  for (auto& each : together) {
    for (int i = 0; i < 3; ++i) pool.post([latch = each.get()] { latch->arrive_and_wait(); });
  }
  pool.resume();
  CHECK(pool.drain(in_a_minute()).finished == 3 * groups);
}

TEST_CASE("a standing queue sheds what waited too long, if asked to") {
  hasten::manual_clock clock;
  hasten::basic_worker_pool<hasten::manual_clock> pool(
      {.threads = 1, .clock_sampling = 1, .shed_after = 5ms, .shed_interval = 100ms}, clock);
  pool.pause();
  std::vector<std::future<int>> futures;
  // All were accepted at once and each takes 20 ms, so each waits longer than the one before.
  for (int i = 0; i < 10; ++i) {
    futures.push_back(pool.submit([&clock] {
      clock.advance(20ms);
      return 1;
    }));
  }
  auto last = pool.submit({.lane = task_lane::background}, [] { return 1; });
  clock.advance(20ms);
  pool.resume();
  CHECK(last.get() == 1);  // the background does not shed
  pool.drain(in_a_minute());
  const auto stats = pool.stats();
  CHECK(stats.completed == 6);
  CHECK(stats.shed == 5);
  CHECK(stats.cancelled == 0);
  CHECK(futures.front().get() == 1);
  CHECK(code_of(futures.back()) == errc::overloaded);
}

TEST_CASE("a pool knows for how long its oldest task has waited") {
  hasten::manual_clock clock;
  hasten::basic_worker_pool<hasten::manual_clock> pool({.threads = 1, .clock_sampling = 1}, clock);
  pool.pause();
  CHECK(pool.stats().oldest_age() == 0ns);
  pool.post([] {});
  clock.advance(3s);
  pool.post([] {});
  pool.post({.lane = task_lane::high}, [] {});
  clock.advance(1s);
  const auto stats = pool.stats();
  CHECK(stats.lanes[static_cast<std::size_t>(task_lane::normal)].oldest_age == 4s);
  CHECK(stats.lanes[static_cast<std::size_t>(task_lane::high)].oldest_age == 1s);
  CHECK(stats.lanes[static_cast<std::size_t>(task_lane::background)].oldest_age == 0s);
  CHECK(stats.oldest_age() == 4s);
}

TEST_CASE("a stuck lane shows its age from the first look on although its tasks are not timed") {
  hasten::manual_clock clock;
  hasten::basic_worker_pool<hasten::manual_clock> pool({.threads = 1, .clock_sampling = 0}, clock);
  pool.pause();
  pool.post([] {});
  CHECK(pool.stats().oldest_age() == 0s);
  clock.advance(90s);
  CHECK(pool.stats().oldest_age() == 90s);
}

TEST_CASE("utilisation is the share of the time that the threads are awake") {
  hasten::manual_clock clock;
  hasten::basic_worker_pool<hasten::manual_clock> pool({.threads = 1}, clock);
  pool.submit([&clock] { clock.advance(3s); }).get();
  CHECK(pool.stats().utilisation() > 0.99);
  // Until it sleeps; then time passes without it.
  const auto asleep = [&] {
    const auto before = pool.stats().busy;
    clock.advance(1s);
    return pool.stats().busy == before;
  };
  while (!asleep()) std::this_thread::yield();
  const auto before = pool.stats();
  clock.advance(1h);
  const auto after = pool.stats();
  CHECK(after.up - before.up == 1h);
  CHECK(after.busy == before.busy);
  CHECK(after.utilisation() < before.utilisation());
}

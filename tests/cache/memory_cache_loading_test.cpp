// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>
#include <hasten/core/unique_function.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/thread_checks.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using hasten::manual_clock;
using text_cache = hasten::memory_cache<std::string, std::string, hasten::cache_hash<std::string>,
                                        std::equal_to<>, manual_clock>;
using number_cache = hasten::memory_cache<int, int, hasten::cache_hash<int>, std::equal_to<>, manual_clock>;
using found = std::vector<std::optional<int>>;

/// An executor that runs its tasks when the test says so.
struct by_hand {
  std::shared_ptr<std::deque<hasten::unique_function<void()>>> tasks =
      std::make_shared<std::deque<hasten::unique_function<void()>>>();

  void operator()(hasten::unique_function<void()> task) { tasks->push_back(std::move(task)); }
  bool run_one() {
    if (tasks->empty()) return false;
    auto task = std::move(tasks->front());
    tasks->pop_front();
    task();
    return true;
  }
};

template <class Call>
hasten::errc code_of(Call&& call) {
  try {
    call();
  } catch (const hasten::error& failure) {
    return static_cast<hasten::errc>(failure.code().value());
  }
  return {};
}

}  // namespace

TEST_CASE("an entry that is due is served while a newer value is loaded in the background") {
  manual_clock clock;
  text_cache cache({.ttl = 60s, .soft_ttl = 40s}, clock);
  by_hand later;
  const auto ask = [&](std::string fresh) {
    return cache.get_or_load("k", [fresh] { return fresh; }, later);
  };
  CHECK(ask("one") == "one");  // a miss is loaded by the caller
  clock.advance(39s);
  CHECK(ask("two") == "one");
  CHECK(later.tasks->empty());
  clock.advance(1s);
  CHECK(ask("two") == "one");
  CHECK(ask("three") == "one");
  REQUIRE(later.tasks->size() == 1);
  CHECK(later.run_one());
  CHECK(cache.get("k") == "two");
  CHECK(cache.stats().refreshes == 1);
  CHECK(cache.stats().loads == 2);
  clock.advance(39s);
  CHECK(ask("four") == "two");
  CHECK(later.tasks->empty());
  CHECK(cache.get_or_load("k", [] { return std::string("plain"); }) == "two");
}

TEST_CASE("a background load that fails leaves the old value and is not repeated at once") {
  manual_clock clock;
  text_cache cache({.ttl = 60s, .soft_ttl = 30s, .stale_retry = 5s}, clock);
  by_hand later;
  int tries = 0;
  const auto ask = [&] {
    return cache.get_or_load(
        "k",
        [&tries]() -> std::string {
          if (++tries == 1) return "old";
          throw std::runtime_error("down");
        },
        later);
  };
  CHECK(ask() == "old");
  clock.advance(40s);
  CHECK(ask() == "old");
  CHECK(later.run_one());
  CHECK(tries == 2);
  CHECK(cache.stats().refresh_failures == 1);
  CHECK(ask() == "old");
  CHECK(later.tasks->empty());
  clock.advance(5s);
  CHECK(ask() == "old");
  CHECK(later.tasks->size() == 1);
}

TEST_CASE("a background load that an executor refuses costs nothing but the renewal") {
  manual_clock clock;
  text_cache cache({.ttl = 60s, .soft_ttl = 30s}, clock);
  const auto full = [](hasten::unique_function<void()>) {
    throw hasten::error(hasten::errc::overloaded, "posting a task");
  };
  const auto load = [] { return std::string("v"); };
  CHECK(cache.get_or_load("k", load, full) == "v");
  clock.advance(40s);
  CHECK(cache.get_or_load("k", load, full) == "v");
  CHECK(cache.stats().refresh_failures == 1);
  CHECK(cache.get_or_load("k", load) == "v");
}

TEST_CASE("what was erased or put while it was being renewed is not overwritten") {
  manual_clock clock;
  text_cache cache({.ttl = 60s, .soft_ttl = 30s}, clock);
  by_hand later;
  const auto load = [] { return std::string("loaded"); };
  cache.put("a", "old");
  cache.put("b", "old");
  clock.advance(40s);
  CHECK(cache.get_or_load("a", load, later) == "old");
  CHECK(cache.get_or_load("b", load, later) == "old");
  cache.erase("a");
  cache.put("b", "put");
  while (later.run_one()) {
  }
  CHECK(!cache.get("a"));
  CHECK(cache.get("b") == "put");
}

TEST_CASE("early renewal by chance makes entries of slow loaders due before their end") {
  manual_clock clock;
  number_cache cache({.ttl = 60s, .early_beta = 1}, clock);
  by_hand later;
  int due = 0;
  for (int key = 0; key < 400; ++key) {
    static_cast<void>(cache.get_or_load(key, [&] {
      clock.advance(100ms);
      return key;
    }));
    clock.advance(60s - 100ms);  // what the load took is left: due in 37 of 100
    static_cast<void>(cache.get_or_load(key, [] { return 0; }, later));
    due += !later.tasks->empty();
    later.tasks->clear();
    clock.advance(2s);  // dropped tasks count as failures: until another may begin
  }
  CHECK(due > 100);
  CHECK(due < 200);
}

TEST_CASE("an asynchronous load answers at once on a hit and through the executor on a miss") {
  text_cache cache;
  by_hand later;
  auto first = cache.get_or_load_async("k", [] { return std::string("v"); }, later);
  auto second = cache.get_or_load_async("k", [] { return std::string("never"); }, later);
  CHECK(later.tasks->size() == 1);
  CHECK(first.wait_for(0s) == std::future_status::timeout);
  CHECK(later.run_one());
  CHECK(first.get() == "v");
  CHECK(second.get() == "v");
  CHECK(cache.get_or_load_async("k", [] { return std::string("never"); }, later).get() == "v");
  CHECK(cache.stats().loads == 1);
}

TEST_CASE("a callback is told of a value, of a failure, and of a value that was there") {
  text_cache cache;
  by_hand later;
  std::vector<std::string> told;
  const auto note = [&told](hasten::load_outcome<std::string> outcome) {
    told.push_back(outcome.value ? *outcome.value : "failed");
  };
  cache.get_or_load_async("k", []() -> std::string { throw std::runtime_error("down"); }, later, note);
  CHECK(told.empty());
  CHECK(later.run_one());
  CHECK(told == std::vector<std::string>{"failed"});
  cache.get_or_load_async("k", [] { return std::string("v"); }, later, note);
  CHECK(later.run_one());
  cache.get_or_load_async("k", [] { return std::string("v"); }, later, note);
  CHECK(told == std::vector<std::string>{"failed", "v", "v"});
}

TEST_CASE("a caller that blocks waits for a load that an executor was given") {
  text_cache cache({.load_wait = 60s});
  by_hand later;
  auto asked = cache.get_or_load_async("k", [] { return std::string("v"); }, later);
  thread_checks expect;
  {
    std::jthread blocked([&] { expect(cache.get_or_load("k", [] { return std::string("own"); }) == "v"); });
    CHECK(later.run_one());
  }
  CHECK(asked.get() == "v");
}

TEST_CASE("a loader on an executor that asks for its own key is refused") {
  text_cache cache;
  by_hand later;
  auto asked = cache.get_or_load_async(
      "k", [&] { return cache.get_or_load("k", [] { return std::string("v"); }); }, later);
  CHECK(later.run_one());
  CHECK(code_of([&] { static_cast<void>(asked.get()); }) == hasten::errc::recursive_load);
}

TEST_CASE("a task that an executor refuses or drops fails those who wait, and the next caller tries again") {
  text_cache cache;
  const auto full = [](hasten::unique_function<void()>) {
    throw hasten::error(hasten::errc::overloaded, "posting a task");
  };
  const auto load = [] { return std::string("v"); };
  CHECK(code_of([&] { static_cast<void>(cache.get_or_load_async("k", load, full).get()); }) !=
        hasten::errc{});
  by_hand later;
  auto dropped = cache.get_or_load_async("k", load, later);
  later.tasks->clear();
  CHECK(code_of([&] { static_cast<void>(dropped.get()); }) == hasten::errc::closed);
  CHECK(cache.get_or_load("k", load) == "v");
}

TEST_CASE("a cache that is destroyed first lets the tasks left behind do nothing but say so") {
  by_hand later;
  std::future<std::string> asked;
  {
    text_cache cache;
    asked = cache.get_or_load_async("k", [] { return std::string("v"); }, later);
  }
  CHECK(later.run_one());
  CHECK(code_of([&] { static_cast<void>(asked.get()); }) == hasten::errc::closed);
}

TEST_CASE("a cache waits for the background loads that run when it is destroyed") {
  hasten::worker_pool pool({.threads = 1});
  std::latch running(1);
  std::latch proceed(1);
  std::atomic<bool> finished = false;
  auto cache = std::make_unique<text_cache>();
  auto asked = cache->get_or_load_async(
      "k",
      [&] {
        running.count_down();
        proceed.wait();
        finished = true;
        return std::string("v");
      },
      [&](hasten::unique_function<void()> task) { pool.post(std::move(task)); });
  running.wait();
  std::jthread release([&] { proceed.count_down(); });
  cache.reset();
  CHECK(finished);
  CHECK(asked.get() == "v");
}

TEST_CASE("many values are looked up in the order of their keys") {
  number_cache cache;
  cache.put(1, 10);
  cache.put(3, 30);
  CHECK(cache.get_all(std::vector{1, 2, 3, 1}) == found{10, std::nullopt, 30, 10});
  CHECK(cache.stats().hits == 3);
  text_cache texts;
  texts.put("a", "x");
  CHECK(texts.get_all(std::vector<std::string_view>{"a", "b"})[0] == "x");
}

TEST_CASE("all that is missing is loaded by one call, each key once, and partial answers are allowed") {
  number_cache cache;
  cache.put(1, 10);
  int calls = 0;
  const auto load = [&](std::span<const int> keys) {
    ++calls;
    CHECK(std::vector(keys.begin(), keys.end()) == std::vector{2, 3});
    return found{20, std::nullopt};
  };
  CHECK(cache.get_or_load_all(std::vector{1, 2, 3, 2}, load) == found{10, 20, std::nullopt, 20});
  CHECK(calls == 1);
  CHECK(cache.get(2) == 20);
  CHECK(!cache.get(3));
  const auto never = [](std::span<const int>) -> found { throw std::logic_error("must not run"); };
  CHECK(cache.get_or_load_all(std::vector{1, 2}, never) == found{10, 20});
  CHECK(cache.get_or_load_all(std::vector<int>{}, never).empty());
}

TEST_CASE("a bulk load that fails reaches the caller, and the keys can be loaded again") {
  number_cache cache;
  const auto fail = [](std::span<const int>) -> found { throw std::runtime_error("down"); };
  CHECK_THROWS_AS(cache.get_or_load_all(std::vector{1, 2}, fail), std::runtime_error);
  CHECK(cache.stats().load_failures == 1);
  CHECK(cache.get_or_load(1, [] { return 10; }) == 10);
}

TEST_CASE("old values stand in for a bulk load that fails, if there is one for each key") {
  manual_clock clock;
  number_cache cache({.ttl = 10s, .stale_max = 60s}, clock);
  cache.put(1, 10);
  cache.put(2, 20);
  clock.advance(20s);
  const auto fail = [](std::span<const int>) -> found { throw std::runtime_error("down"); };
  CHECK(cache.get_or_load_all(std::vector{1, 2}, fail) == found{10, 20});
  CHECK(cache.stats().stale_served == 2);
  clock.advance(2s);
  CHECK_THROWS_AS(cache.get_or_load_all(std::vector{1, 2, 3}, fail), std::runtime_error);
}

TEST_CASE("a bulk load waits for what others load, and others for what it has no value for try themselves") {
  number_cache cache({.load_wait = 60s});
  std::latch loading(1);
  std::latch proceed(1);
  thread_checks expect;
  std::jthread other([&] {
    expect(cache.get_or_load(1, [&] {
      loading.count_down();
      proceed.wait();
      return 10;
    }) == 10);
  });
  loading.wait();
  std::jthread third;
  const auto load = [&](std::span<const int> keys) {
    expect(keys.size() == 1 && keys[0] == 2);
    third = std::jthread([&] { expect(cache.get_or_load(2, [] { return 22; }) == 22); });
    proceed.count_down();
    return found{std::nullopt};
  };
  const found values = cache.get_or_load_all(std::vector{1, 2}, load);
  CHECK(values[0] == 10);
  third.join();
  CHECK(cache.get(2) == 22);
}

TEST_CASE("a callback that waits for a bulk load which has no value for the key is told so") {
  number_cache cache;
  by_hand later;
  hasten::errc told{};
  const auto load = [&](std::span<const int>) {
    cache.get_or_load_async(
        1, [] { return 1; }, later,
        [&](hasten::load_outcome<int> outcome) {
          told = code_of([&] { static_cast<void>(std::move(outcome).get()); });
        });
    return found{std::nullopt};
  };
  CHECK(!cache.get_or_load_all(std::vector{1}, load)[0]);
  CHECK(told == hasten::errc::closed);
  CHECK(later.tasks->empty());
}

TEST_CASE("a bulk load inside the loader of one of its keys is refused") {
  number_cache cache;
  const auto load = [](std::span<const int> keys) { return found(keys.size(), 1); };
  CHECK(code_of([&] {
          static_cast<void>(
              cache.get_or_load(2, [&] { return *cache.get_or_load_all(std::vector{1, 2}, load)[1]; }));
        }) == hasten::errc::recursive_load);
  CHECK(cache.get_or_load_all(std::vector{1, 2}, load) == found{1, 1});
}

TEST_CASE("the times of loads are told as a histogram since the last reset") {
  manual_clock clock;
  number_cache cache({}, clock);
  const auto slow = [&] {
    clock.advance(50ms);
    return 1;
  };
  static_cast<void>(cache.get_or_load(1, slow));
  static_cast<void>(cache.get_or_load(2, slow));
  CHECK(cache.load_times().count() == 2);
  CHECK(cache.load_times().quantile(0.5) >= 49'000'000);
  CHECK(cache.load_times().quantile(0.5) <= 51'000'000);
  cache.reset_stats();
  CHECK(cache.load_times().count() == 0);
}

TEST_CASE("64 threads that miss one key load it once, each time") {
  for (int round = 0; round < 5; ++round) {
    text_cache cache({.load_wait = 60s});
    std::atomic<int> loads = 0;
    std::latch start(64);
    thread_checks expect;
    {
      std::vector<std::jthread> crew;
      for (int t = 0; t < 64; ++t)
        crew.emplace_back([&] {
          start.arrive_and_wait();
          expect(cache.get_or_load("k", [&] {
            ++loads;
            std::this_thread::yield();
            return std::string("v");
          }) == "v");
        });
    }
    CHECK(loads == 1);
  }
}

TEST_CASE("a bulk loader may say for each value how long it is served and what it belongs to") {
  hasten::manual_clock clock;
  hasten::memory_cache<int, int, hasten::cache_hash<int>, std::equal_to<>, hasten::manual_clock> cache(
      {.ttl = 1h}, clock);
  using answer = std::optional<hasten::value_for<int>>;
  const auto load = [](std::span<const int> keys) {
    std::vector<answer> answers;
    for (const int key : keys)
      answers.push_back(key == 3 ? answer() : answer({key * 10, std::chrono::seconds(key), {"even"}}));
    return answers;
  };
  CHECK(cache.get_or_load_all(std::vector{1, 2, 3}, load) == std::vector<std::optional<int>>{10, 20, {}});
  clock.advance(1s);
  CHECK(!cache.get(1));
  CHECK(cache.get(2) == 20);
  cache.erase_tag("even");
  CHECK(!cache.get(2));
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/resource_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

namespace {

using namespace std::chrono_literals;
using pool = hasten::resource_pool<int>;
using timed_pool = hasten::resource_pool<int, hasten::manual_clock>;

hasten::steady_time soon() { return hasten::steady_clock_source::now() + 30s; }
constexpr hasten::steady_time at_once = hasten::steady_time::min();

pool::factory counting(std::shared_ptr<std::atomic<int>> made) {
  return [made] { return std::make_unique<int>(++*made); };
}

void wait_for_waiters(const pool& target, std::size_t count) {
  while (target.stats().waiting < count) std::this_thread::yield();
}

}  // namespace

TEST_CASE("the resource given back last is leased first and nothing new is made") {
  const auto made = std::make_shared<std::atomic<int>>(0);
  pool resources({.size_max = 3}, counting(made));
  {
    auto first = resources.acquire(soon());
    auto second = resources.acquire(soon());
    CHECK(*first == 1);
    CHECK(*second == 2);
    first.release();
  }
  CHECK(*resources.acquire(soon()) == 2);
  CHECK(*made == 2);
  const hasten::pool_stats stats = resources.stats();
  CHECK(stats.created == 2);
  CHECK(stats.acquired == 3);
  CHECK(stats.idle == 2);
  CHECK(stats.in_use == 0);
}

TEST_CASE("an exhausted pool says overloaded at the deadline, never that the factory failed") {
  pool resources({.name = "sessions", .size_max = 1}, [] { return std::make_unique<int>(7); });
  const auto held = resources.acquire(soon());
  try {
    (void)resources.acquire(at_once);
    FAIL("a second lease of one resource");
  } catch (const hasten::error& failure) {
    CHECK(failure.code() == hasten::errc::overloaded);
    CHECK(std::string(failure.what()).find("sessions: all in use until the deadline") == 0);
  }
  CHECK(resources.stats().timed_out == 1);
}

TEST_CASE("what the factory throws reaches the caller and frees the slot") {
  int attempts = 0;
  pool resources({.size_max = 1}, [&attempts]() -> std::unique_ptr<int> {
    if (++attempts == 1) throw hasten::error(hasten::errc::database_down, "opening");
    return std::make_unique<int>(attempts);
  });
  CHECK_THROWS_AS(resources.acquire(soon()), hasten::error);
  CHECK(resources.stats().in_use == 0);
  CHECK(*resources.acquire(at_once) == 2);
  CHECK(resources.stats().creation_failures == 1);
  CHECK(resources.stats().acquired == 1);
}

TEST_CASE("waiting callers are served in the order they came") {
  pool resources({.size_max = 1}, [] { return std::make_unique<int>(7); });
  std::optional<pool::lease> held = resources.acquire(soon());
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&, caller] {
      const auto lease = resources.acquire(soon());
      const std::lock_guard lock(mutex);
      order.push_back(caller);
    });
    wait_for_waiters(resources, static_cast<std::size_t>(caller) + 1);
  }
  held.reset();
  for (std::thread& caller : callers) caller.join();
  CHECK(order == std::vector<int>{0, 1, 2});
  CHECK(resources.stats().waited == 3);
}

TEST_CASE("a newcomer does not overtake those who wait") {
  pool resources({.size_max = 1, .waiters_max = 1}, [] { return std::make_unique<int>(7); });
  std::optional<pool::lease> held = resources.acquire(soon());
  std::thread waiting([&] { (void)resources.acquire(soon()); });
  wait_for_waiters(resources, 1);
  CHECK_THROWS_AS(resources.acquire(soon()), hasten::error);  // the queue is full
  CHECK(resources.stats().rejected == 1);
  held.reset();
  waiting.join();
}

TEST_CASE("a waiter gets the slot of a resource that was thrown away") {
  const auto made = std::make_shared<std::atomic<int>>(0);
  pool resources({.size_max = 1}, counting(made));
  auto held = resources.acquire(soon());
  int got = 0;
  std::thread waiting([&] { got = *resources.acquire(soon()); });
  wait_for_waiters(resources, 1);
  held.discard();
  waiting.join();
  CHECK(got == 2);
  CHECK(resources.stats().discarded == 1);
}

TEST_CASE("a resource is validated only after it lay idle, and replaced when dead") {
  hasten::manual_clock clock;
  int made = 0;
  int asked = 0;
  timed_pool resources(
      {.size_max = 1, .validate_after = 500ms}, [&] { return std::make_unique<int>(++made); },
      [&](int&) {
        ++asked;
        return false;
      },
      clock);
  CHECK(*resources.acquire(clock.now()) == 1);
  clock.advance(499ms);
  CHECK(*resources.acquire(clock.now()) == 1);
  CHECK(asked == 0);
  clock.advance(500ms);
  CHECK(*resources.acquire(clock.now()) == 2);
  CHECK(asked == 1);
  CHECK(resources.stats().validation_failures == 1);
}

TEST_CASE("a validator that throws counts as a dead resource") {
  hasten::manual_clock clock;
  int made = 0;
  timed_pool resources(
      {.size_max = 1, .validate_after = 0ms}, [&] { return std::make_unique<int>(++made); },
      [](int&) -> bool { throw std::runtime_error("gone"); }, clock);
  (void)resources.acquire(clock.now());
  CHECK(*resources.acquire(clock.now()) == 2);
}

TEST_CASE("a resource retires at its age, whether idle or in use") {
  hasten::manual_clock clock;
  int made = 0;
  timed_pool resources(
      {.size_max = 1, .lifetime_max = 1h}, [&] { return std::make_unique<int>(++made); }, {}, clock);
  (void)resources.acquire(clock.now());
  clock.advance(1h);
  auto second = resources.acquire(clock.now());
  CHECK(*second == 2);
  clock.advance(1h);
  second.release();
  CHECK(resources.stats().idle == 0);
  CHECK(resources.stats().expired == 2);
}

TEST_CASE("a closed pool refuses, and turns away those who wait") {
  pool resources({.size_max = 1}, [] { return std::make_unique<int>(7); });
  auto held = resources.acquire(soon());
  hasten::errc seen{};
  std::thread waiting([&] {
    try {
      (void)resources.acquire(soon());
    } catch (const hasten::error& failure) {
      seen = static_cast<hasten::errc>(failure.code().value());
    }
  });
  wait_for_waiters(resources, 1);
  resources.close();
  waiting.join();
  CHECK(seen == hasten::errc::closed);
  CHECK_THROWS_AS(resources.acquire(soon()), hasten::error);
  held.release();
  CHECK(resources.stats().idle == 0);
}

TEST_CASE("a lease may outlive its pool") {
  const auto watched = std::make_shared<int>(0);
  struct resource {
    std::shared_ptr<int> life;
  };
  std::optional<hasten::resource_pool<resource>::lease> held;
  {
    hasten::resource_pool<resource> resources({}, [&] { return std::make_unique<resource>(watched); });
    held = resources.acquire(soon());
  }
  CHECK(watched.use_count() == 2);
  held.reset();
  CHECK(watched.use_count() == 1);
}

TEST_CASE("a lease moves, survives a move onto itself, and gives back what it held when assigned to") {
  STATIC_CHECK_FALSE(std::is_copy_constructible_v<pool::lease>);
  STATIC_CHECK(std::is_nothrow_move_constructible_v<pool::lease>);
  pool resources({.size_max = 2}, [] { return std::make_unique<int>(7); });
  auto first = resources.acquire(soon());
  auto& alias = first;
  first = std::move(alias);
  CHECK(first);
  auto second = resources.acquire(soon());
  CHECK(resources.stats().in_use == 2);
  first = std::move(second);
  CHECK(resources.stats().in_use == 1);
  CHECK_FALSE(second);  // NOLINT(bugprone-use-after-move): a moved-from lease is empty
  second.release();
  CHECK(resources.stats().in_use == 1);
}

TEST_CASE("options out of range are refused by name") {
  const auto make = [] { return std::make_unique<int>(7); };
  CHECK_THROWS_AS(pool({.size_max = 0}, make), std::invalid_argument);
  CHECK_THROWS_AS(pool({.size_max = 100'001}, make), std::invalid_argument);
  CHECK_THROWS_AS(pool({.waiters_max = 1'000'001}, make), std::invalid_argument);
  CHECK_THROWS_AS(pool({.validate_after = -1ns}, make), std::invalid_argument);
  CHECK_THROWS_AS(pool({.lifetime_max = -1ns}, make), std::invalid_argument);
  CHECK_THROWS_AS(pool({}, pool::factory()), std::invalid_argument);
}

TEST_CASE("many threads on a small pool never hold more than its bound and nobody starves") {
  constexpr int threads = 8;
  constexpr int rounds = 200;
  std::atomic<int> alive{0};
  std::atomic<int> alive_max{0};
  pool resources({.size_max = 2}, [] { return std::make_unique<int>(7); });
  std::latch start(threads);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < threads; ++caller)
    callers.emplace_back([&, caller] {
      start.arrive_and_wait();
      for (int round = 0; round < rounds; ++round) {
        auto lease = resources.acquire(soon());
        const int now = ++alive;
        int seen = alive_max.load();
        while (seen < now && !alive_max.compare_exchange_weak(seen, now)) {
        }
        --alive;
        if ((round + caller) % 7 == 0) lease.discard();
      }
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(alive_max <= 2);
  CHECK(resources.stats().acquired == threads * rounds);
  CHECK(resources.stats().in_use == 0);
}

TEST_CASE("a pool that is destroyed while a caller makes a resource leaves the caller a good lease") {
  std::latch making(1);
  std::latch proceed(1);
  auto resources = std::make_unique<pool>(pool::options{.size_max = 1}, [&] {
    making.count_down();
    proceed.wait();
    return std::make_unique<int>(7);
  });
  int got = 0;
  std::thread caller([&, owner = resources.get()] { got = *owner->acquire(soon()); });
  making.wait();
  resources.reset();
  proceed.count_down();
  caller.join();
  CHECK(got == 7);
}

TEST_CASE("the longest lifetime there is never ends") {
  const auto made = std::make_shared<std::atomic<int>>(0);
  pool resources({.size_max = 1, .lifetime_max = std::chrono::nanoseconds::max()}, counting(made));
  for (int i = 0; i < 40; ++i) {
    auto lease = resources.acquire(soon());
    if (i % 2 == 0) lease.discard();  // each one made has another share of the lifetime
  }
  CHECK(*made == 21);
  CHECK(resources.stats().expired == 0);
}

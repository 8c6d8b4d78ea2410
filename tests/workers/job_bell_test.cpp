// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/job_bell.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <thread>

using hasten::job_bell;
using hasten::steady_clock_source;
using namespace std::chrono_literals;

TEST_CASE("a ring before the wait is not lost, and is heard once") {
  job_bell bell;
  const auto ear = bell.listen();
  bell.ring();
  bell.ring();
  CHECK(ear->wait_until(steady_clock_source::now() + 1h));
  CHECK_FALSE(ear->wait_until(steady_clock_source::now()));
}

TEST_CASE("everybody who listens hears a ring; waking one wakes no other") {
  job_bell bell;
  const auto one = bell.listen();
  const auto two = bell.listen();
  bell.ring();
  CHECK(one->wait_until(steady_clock_source::now()));
  CHECK(two->wait_until(steady_clock_source::now()));
  one->wake();
  CHECK_FALSE(two->wait_until(steady_clock_source::now()));
}

TEST_CASE("ringing for one who left harms nobody") {
  job_bell bell;
  bell.listen().reset();
  bell.ring();
  CHECK_FALSE(bell.listen()->wait_until(steady_clock_source::now()));
}

TEST_CASE("no ring is lost between threads") {
  job_bell bell;
  const auto ear = bell.listen();
  constexpr int rings = 2000;
  std::atomic<int> sent{0};
  std::thread other([&] {
    for (int i = 1; i <= rings; ++i) {
      sent.store(i);
      bell.ring();
    }
  });
  int seen = 0;
  while (seen != rings) {
    REQUIRE(ear->wait_until(steady_clock_source::now() + 1min));
    seen = sent.load();
  }
  other.join();
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/exemplar_store.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

struct noon {
  [[nodiscard]] static hasten::wall_time now() noexcept { return hasten::wall_time(12h); }
};
constexpr hasten::steady_time start{100s};

std::string trace(char digit) { return std::string(hasten::exemplar::trace_id_size, digit); }

}  // namespace

TEST_CASE("each bucket keeps one observation, and a newer one only when it is old enough") {
  hasten::exemplar_store examples(1s);
  CHECK(examples.kept().empty());
  examples.offer(3'000'000, trace('a'), start, noon());
  examples.offer(50'000, trace('b'), start, noon());
  examples.offer(4'000'000, trace('c'), start + 999ms, noon());
  auto kept = examples.kept();
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].trace_id() == trace('b'));
  CHECK(kept[1].trace_id() == trace('a'));
  CHECK(kept[1].value == 3'000'000);
  CHECK(kept[1].at == hasten::wall_time(12h));

  examples.offer(4'000'000, trace('c'), start + 1s, noon());
  kept = examples.kept();
  REQUIRE(kept.size() == 2);
  CHECK(kept[1].trace_id() == trace('c'));
}

TEST_CASE("a value at a bound belongs to the bucket below it, and one beyond all bounds to the last") {
  hasten::exemplar_store examples(1h);
  for (const std::uint64_t value : {100'000U, 100'001U, 250'000U})
    examples.offer(value, trace('a'), start, noon());
  examples.offer(std::uint64_t{1} << 60, trace('f'), start, noon());
  const auto kept = examples.kept();
  REQUIRE(kept.size() == 3);
  CHECK(kept[0].value == 100'000);
  CHECK(kept[1].value == 100'001);
  CHECK(kept[2].trace_id() == trace('f'));
}

TEST_CASE("without a whole trace, or without an interval, nothing is kept") {
  hasten::exemplar_store examples(1s);
  examples.offer(1, "", start, noon());
  examples.offer(1, "abc", start, noon());
  CHECK(examples.kept().empty());
  hasten::exemplar_store none(0s);
  none.offer(1, trace('a'), start, noon());
  CHECK(none.kept().empty());
  CHECK_THROWS_AS(hasten::exemplar_store(-1ns), std::invalid_argument);
}

TEST_CASE("an example that is read while others are offered is one of them, whole") {
  hasten::exemplar_store examples(1ns);
  constexpr int threads = 3;
  std::latch all(threads + 1);
  std::vector<std::jthread> offering;
  for (int thread = 0; thread < threads; ++thread)
    offering.emplace_back([&, thread] {
      all.arrive_and_wait();
      for (std::uint64_t at = 1; at <= 2000; ++at)
        examples.offer(static_cast<std::uint64_t>(thread), trace(static_cast<char>('a' + thread)),
                       start + std::chrono::nanoseconds(at), noon());
    });
  all.arrive_and_wait();
  for (int round = 0; round < 200; ++round)
    for (const hasten::exemplar& each : examples.kept())
      CHECK(each.trace_id() == trace(static_cast<char>('a' + each.value)));
  offering.clear();
  CHECK(examples.kept().size() == 1);
}

// SPDX-License-Identifier: BSL-1.0
#include "importing/progress.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>
#include <vector>

using claims_app::progress;
using claims_app::progress_counts;
using namespace std::chrono_literals;

namespace {

struct shown_lines {
  std::vector<std::string> lines = {};
  progress::write_function writer() {
    return [this](std::string_view line) { lines.emplace_back(line); };
  }
};

}  // namespace

TEST_CASE("elsewhere than on a terminal plain lines come every five seconds and at the end") {
  hasten::manual_clock clock;
  shown_lines shown;
  progress p(shown.writer(), {.terminal = false});
  p.start("claims.csv", clock.now());
  for (int second = 1; second <= 12; ++second) {
    clock.advance(1s);
    const auto at = static_cast<std::uint64_t>(second);
    p.update({.bytes = at * 1000, .bytes_of = 20'000, .rows = at * 1500, .rejected = 0}, clock.now());
  }
  p.finish({.bytes = 20'000, .bytes_of = 20'000, .rows = 18'000, .rejected = 3}, clock.now());
  CHECK(shown.lines ==
        std::vector<std::string>{"claims.csv   25 %  7,500 rows  1,500 rows/s  0:15 left\n",
                                 "claims.csv   50 %  15,000 rows  1,500 rows/s  0:10 left\n",
                                 "claims.csv  100 %  18,000 rows  1,500 rows/s  3 rejected  in 12.0 s\n"});
}

TEST_CASE("on a terminal one line with a bar is rewritten") {
  hasten::manual_clock clock;
  shown_lines shown;
  progress p(shown.writer(), {.terminal = true});
  p.start("claims.csv", clock.now());
  clock.advance(50ms);
  p.update({.bytes = 1, .bytes_of = 4, .rows = 1}, clock.now());
  CHECK(shown.lines.empty());
  clock.advance(50ms);
  p.update({.bytes = 1, .bytes_of = 4, .rows = 1}, clock.now());
  clock.advance(1s);
  p.finish({.bytes = 4, .bytes_of = 4, .rows = 4}, clock.now());
  REQUIRE(shown.lines.size() == 2);
  CHECK(shown.lines[0] == "\rclaims.csv  [#####...............]  25 %  1 rows  10 rows/s  0:01 left\x1b[K");
  CHECK(shown.lines[1].starts_with("\rclaims.csv  [####################] 100 %  4 rows"));
  CHECK(shown.lines[1].ends_with("\x1b[K\n"));
}

TEST_CASE("no rate and no time left are invented before anything is known") {
  CHECK_FALSE(claims_app::rate_of(5, 0ns));
  CHECK(claims_app::rate_of(500, 2s) == 250);
  CHECK_FALSE(claims_app::time_left({.bytes = 0, .bytes_of = 10}, 1s));
  CHECK_FALSE(claims_app::time_left({.bytes = 5, .bytes_of = 0}, 1s));
  CHECK_FALSE(claims_app::time_left({.bytes = 5, .bytes_of = 10}, 0s));
  CHECK(claims_app::time_left({.bytes = 5, .bytes_of = 10}, 7s) == 7s);
  CHECK(claims_app::time_left({.bytes = 10, .bytes_of = 10}, 7s) == 0s);
  CHECK(claims_app::time_left({.bytes = 1, .bytes_of = std::uint64_t{1} << 62}, 1h) == 359'999s);
}

TEST_CASE("thousands are set apart") {
  CHECK(claims_app::with_thousands(0) == "0");
  CHECK(claims_app::with_thousands(999) == "999");
  CHECK(claims_app::with_thousands(1'000) == "1,000");
  CHECK(claims_app::with_thousands(1'234'567) == "1,234,567");
}

TEST_CASE("a negative interval and a missing function are refused") {
  CHECK_THROWS_AS(progress(nullptr, {}), std::invalid_argument);
  CHECK_THROWS_AS(progress([](std::string_view) {}, {.interval = -1ns}), std::invalid_argument);
}

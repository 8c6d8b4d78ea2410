// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/refresh_policy.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cmath>
#include <random>
#include <stdexcept>

using namespace std::chrono_literals;
using hasten::entry_times;
using hasten::refresh_action;
using hasten::refresh_policy;
using hasten::steady_time;

namespace {
constexpr steady_time start{1000s};
}  // namespace

TEST_CASE("a loaded value is served for the ttl, an absent one for its own, and kept for longer") {
  const refresh_policy policy({.ttl = 60s, .ttl_absent = 5s, .stale_max = 600s});
  CHECK(policy.loaded(start) == entry_times{start + 60s, start + 660s});
  CHECK(policy.loaded(start, true) == entry_times{start + 5s, start + 605s});
  CHECK(policy.served_for(start, 7s) == entry_times{start + 7s, start + 607s});
  CHECK(policy.served_for(start, 0s) == entry_times{});
  CHECK(refresh_policy({.ttl = 60s}).loaded(start, true).served_until == start + 60s);
  CHECK(refresh_policy({}).loaded(start) == entry_times{});
}

TEST_CASE("an entry is served, then served and renewed, then loaded, then gone") {
  const refresh_policy policy({.ttl = 60s, .soft_ttl = 45s, .stale_max = 100s});
  const entry_times entry = policy.loaded(start);
  const auto lead = policy.lead(60s, 0ns, 1);
  CHECK(lead == 15s);
  CHECK(policy.lead(20s, 0ns, 1) == 5s);  // an entry with a ttl of its own: in proportion
  CHECK(policy.renews_ahead());
  const auto at = [&](std::chrono::nanoseconds age) {
    return refresh_policy::decide(entry, start + age, lead);
  };
  CHECK(at(0s) == refresh_action::serve);
  CHECK(at(45s - 1ns) == refresh_action::serve);
  CHECK(at(45s) == refresh_action::serve_and_refresh);
  CHECK(at(60s - 1ns) == refresh_action::serve_and_refresh);
  CHECK(at(60s) == refresh_action::load);
  CHECK(at(160s - 1ns) == refresh_action::load);
  CHECK(at(160s) == refresh_action::absent);
}

TEST_CASE("without a soft ttl nothing is renewed ahead, and without an end nothing ever") {
  const refresh_policy policy({.ttl = 60s});
  CHECK(!policy.renews_ahead());
  CHECK(policy.lead(60s, 1s, 0.5) == 0ns);
  CHECK(refresh_policy::decide(policy.loaded(start), start + 60s - 1ns, 0ns) == refresh_action::serve);
  CHECK(refresh_policy::decide(policy.loaded(start), start + 60s, 0ns) == refresh_action::absent);
  CHECK(refresh_policy::decide(entry_times{}, steady_time::max(), 1h) == refresh_action::serve);
}

TEST_CASE("after a renewal has failed none is begun for a while, and the value is served meanwhile") {
  const refresh_policy policy({.ttl = 60s, .soft_ttl = 30s, .stale_retry = 5s});
  const entry_times entry = policy.loaded(start);
  const steady_time failed = start + 40s;
  const steady_time pause = policy.renew_not_before(failed);
  CHECK(pause == failed + 5s);
  CHECK(refresh_policy::decide(entry, failed, 30s, pause) == refresh_action::serve);
  CHECK(refresh_policy::decide(entry, pause, 30s, pause) == refresh_action::serve_and_refresh);
}

TEST_CASE("an old value stands in for a failing loader, throttled, and never for longer than it is kept") {
  const refresh_policy policy({.ttl = 60s, .stale_max = 100s, .stale_retry = 30s});
  const entry_times entry = policy.loaded(start);
  const entry_times once = policy.after_failure(entry, start + 60s);
  CHECK(once == entry_times{start + 90s, start + 160s});
  CHECK(refresh_policy::decide(once, start + 89s, 0ns) == refresh_action::serve);
  CHECK(policy.after_failure(once, start + 89s) == once);  // still served: nothing to extend
  const entry_times last = policy.after_failure(once, start + 150s);
  CHECK(last == entry_times{start + 160s, start + 160s});
  CHECK(policy.after_failure(last, start + 160s) == last);
  CHECK(refresh_policy::decide(last, start + 160s, 0ns) == refresh_action::absent);
  CHECK(refresh_policy({.ttl = 60s}).after_failure({start, start}, start) == entry_times{start, start});
}

TEST_CASE("an early renewal is the likelier the closer the end and the slower the loader") {
  const refresh_policy policy({.ttl = 60s, .early_beta = 1});
  CHECK(policy.renews_ahead());
  CHECK(policy.lead(60s, 1s, 1) == 0ns);
  CHECK(policy.lead(60s, 0ns, 0.001) == 0ns);
  CHECK(policy.lead(60s, 1s, 0) == 0ns);
  CHECK(policy.lead(60s, 1h, 0.5) == 54s);  // a loader slower than the ttl: not due from the start
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(0, 1);
  const auto share_due = [&](std::chrono::nanoseconds left, std::chrono::nanoseconds load_took) {
    int due = 0;
    for (int i = 0; i < 20'000; ++i)
      due += refresh_policy::decide({start + left, start + left}, start,
                                    policy.lead(60s, load_took, 1 - uniform(random))) ==
             refresh_action::serve_and_refresh;
    return due / 20'000.0;
  };
  // The share is exp(-left / load_took).
  CHECK(std::abs(share_due(1s, 1s) - std::exp(-1.0)) < 0.02);
  CHECK(std::abs(share_due(3s, 1s) - std::exp(-3.0)) < 0.02);
  CHECK(std::abs(share_due(3s, 3s) - std::exp(-1.0)) < 0.02);
  CHECK(share_due(50s, 1s) < 0.001);
}

TEST_CASE("of a planned and an early renewal the sooner counts") {
  const refresh_policy policy({.ttl = 60s, .soft_ttl = 50s, .early_beta = 1});
  CHECK(policy.lead(60s, 1s, 0.9) == 10s);
  CHECK(policy.lead(60s, 20s, 0.1) > 10s);
}

TEST_CASE("times too far for the clock last for ever instead of overflowing") {
  const refresh_policy policy(
      {.ttl = std::chrono::nanoseconds::max(), .stale_max = std::chrono::nanoseconds::max()});
  CHECK(policy.loaded(start) == entry_times{});
  const refresh_policy early({.ttl = 1h, .early_beta = 100});
  CHECK(early.lead(1h, std::chrono::nanoseconds::max(), 1e-300) == 54min);
}

TEST_CASE("refresh_policy refuses options out of range") {
  const auto make = [](const refresh_policy::options& chosen) { return refresh_policy(chosen); };
  CHECK_THROWS_AS(make({.ttl = -1ns}), std::invalid_argument);
  CHECK_THROWS_AS(make({.ttl_absent = -1ns}), std::invalid_argument);
  CHECK_THROWS_AS(make({.stale_max = -1ns}), std::invalid_argument);
  CHECK_THROWS_AS(make({.stale_retry = 0ns}), std::invalid_argument);
  CHECK_THROWS_AS(make({.ttl = 1s, .soft_ttl = 1s}), std::invalid_argument);
  CHECK_THROWS_AS(make({.soft_ttl = 1s}), std::invalid_argument);
  CHECK_THROWS_AS(make({.ttl = 1s, .soft_ttl = -1ns}), std::invalid_argument);
  CHECK_THROWS_AS(make({.early_beta = -0.1}), std::invalid_argument);
  CHECK_THROWS_AS(make({.early_beta = 101}), std::invalid_argument);
  CHECK_THROWS_AS(make({.early_beta = std::nan("")}), std::invalid_argument);
}

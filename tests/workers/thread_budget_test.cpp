// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/thread_budget.hpp>

#include <catch2/catch_test_macros.hpp>

using hasten::threads_of_cpu_max;

TEST_CASE("a quota of whole processors is that many threads") {
  CHECK(threads_of_cpu_max("200000 100000\n") == 2U);
  CHECK(threads_of_cpu_max("400000 50000") == 8U);
}

TEST_CASE("a fraction of a processor counts as one more thread, and never as none") {
  CHECK(threads_of_cpu_max("150000 100000") == 2U);
  CHECK(threads_of_cpu_max("1000 100000") == 1U);
  CHECK(threads_of_cpu_max("0 100000") == 1U);
}

TEST_CASE("no quota, or a text that is not understood, sets no limit") {
  for (const char* text : {"max 100000", "", "max", "200000", "200000 ", "200000 0", "-1 100000", "x y"}) {
    CAPTURE(text);
    CHECK_FALSE(threads_of_cpu_max(text));
  }
}

TEST_CASE("the budget of this process is at least one thread") { CHECK(hasten::thread_budget() >= 1); }

// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/trace_context.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <random>
#include <string>

using hasten::trace_context;

namespace {

const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

struct zeros {
  using result_type = unsigned;
  static constexpr unsigned min() { return 0; }
  static constexpr unsigned max() { return 255; }
  unsigned operator()() { return 0; }
};

}  // namespace

TEST_CASE("a header that follows the rules is taken apart and written as it was") {
  const auto trace = trace_context::parse(good);
  REQUIRE(trace);
  CHECK(trace->trace_id() == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(trace->span_id() == "00f067aa0ba902b7");
  CHECK(trace->sampled());
  CHECK(trace->header() == good);
}

TEST_CASE("a header that breaks any rule is ignored as a whole") {
  CHECK_FALSE(trace_context::parse(""));
  CHECK_FALSE(trace_context::parse(good.substr(0, 54)));
  CHECK_FALSE(trace_context::parse(good + "-extra"));
  CHECK_FALSE(trace_context::parse(good.substr(1) + "0"));
  CHECK_FALSE(trace_context::parse(std::string("01").append(good, 2)));
  CHECK_FALSE(trace_context::parse(std::string("ff").append(good, 2)));
  CHECK_FALSE(trace_context::parse("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
  CHECK_FALSE(trace_context::parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
  CHECK_FALSE(trace_context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
  CHECK_FALSE(trace_context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01"));
}

TEST_CASE("no change of a single byte into a letter beyond the digits is accepted") {
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = 'g';
    CHECK_FALSE(trace_context::parse(bad));
    bad[i] = '\0';
    CHECK_FALSE(trace_context::parse(bad));
  }
}

TEST_CASE("a trace of our own has random ids and says so, and is not sampled unless wanted") {
  std::mt19937_64 random(3);
  auto trace = trace_context::begin(random);
  CHECK_FALSE(trace.sampled());
  CHECK(trace.header().ends_with("-02"));
  CHECK(trace_context::begin(random).trace_id() != trace.trace_id());
  trace.set_sampled(true);
  CHECK(trace.header().ends_with("-03"));
  trace.set_sampled(false);
  CHECK(trace.header().ends_with("-02"));
  CHECK(trace_context::parse(trace.header())->trace_id() == trace.trace_id());
}

TEST_CASE("a child is of the same trace and has a span of its own") {
  std::mt19937_64 random(4);
  const auto trace = trace_context::parse(good);
  const auto child = trace->child(random);
  CHECK(child.trace_id() == trace->trace_id());
  CHECK(child.span_id() != trace->span_id());
  CHECK(child.sampled());
}

TEST_CASE("flags that nobody knows are not passed on") {
  const auto trace = trace_context::parse(good.substr(0, 53) + "ff");
  REQUIRE(trace);
  CHECK(trace->header().ends_with("-03"));
}

TEST_CASE("even a broken generator makes no id of zeros") {
  zeros random;
  CHECK(trace_context::parse(trace_context::begin(random).header()));
}

TEST_CASE("a header is appended as it is made, with the trace's id from the fourth byte on") {
  std::mt19937_64 random(7);
  const auto trace = hasten::trace_context::begin(random);
  std::string text = "x";
  trace.append_header(text);
  CHECK(text == "x" + trace.header());
  CHECK(text.substr(4, 32) == trace.trace_id());
}

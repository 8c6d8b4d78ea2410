// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/job_handler.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <string>

using hasten::job_context;
using hasten::job_outcome;
using namespace std::chrono_literals;

namespace {

struct desk {
  hasten::job_record job;
  std::stop_source stop;
  std::atomic<double> progress{0};
  job_context context{job, stop.get_token(), progress};
};

}  // namespace

TEST_CASE_METHOD(desk, "a handler gets its payload as the type it was enqueued as") {
  job.payload = hasten::encode(std::string("to Ada"));
  std::string seen;
  auto run = hasten::detail::job_function_of<std::string>(
      [&](job_context&, const std::string& payload) { seen = payload; });
  CHECK(run(context).what() == job_outcome::kind::done);
  CHECK(seen == "to Ada");
}

TEST_CASE_METHOD(desk, "what a handler returns is the job's result") {
  job.payload = hasten::encode(6);
  auto run = hasten::detail::job_function_of<int>([](job_context&, int payload) { return payload * 7; });
  CHECK(hasten::decode<int>(run(context).result()) == 42);
}

TEST_CASE_METHOD(desk, "a handler can say itself how it ended") {
  job.payload = hasten::encode(6);
  auto run =
      hasten::detail::job_function_of<int>([](job_context&, int) { return job_outcome::snooze(5min); });
  job_outcome out = run(context);
  CHECK(out.what() == job_outcome::kind::snoozed);
  CHECK(out.delay() == 5min);
  CHECK(job_outcome::settled().what() == job_outcome::kind::settled);
}

TEST_CASE_METHOD(desk, "a payload of another type is refused before the handler sees it") {
  job.payload = hasten::encode(std::string("six"));
  auto run = hasten::detail::job_function_of<bool>([](job_context&, bool) { FAIL("it was called"); });
  CHECK_THROWS_AS(run(context), hasten::error);
}

TEST_CASE_METHOD(desk, "a context tells of the attempt and takes progress") {
  job.attempt = 2;
  job.attempts_max = 3;
  CHECK_FALSE(context.is_last_attempt());
  job.attempt = 3;
  CHECK(context.is_last_attempt());
  context.progress(0.5);
  CHECK(progress.load() == 0.5);
  stop.request_stop();
  CHECK(context.stop().stop_requested());
}

TEST_CASE("kind options out of range are refused by name") {
  using Catch::Matchers::Message;
  using hasten::detail::checked;
  CHECK_THROWS_MATCHES(checked(hasten::job_kind_options{.concurrency = 100'001}), std::invalid_argument,
                       Message("job_kind_options: concurrency must be 0..100000, got 100001"));
  CHECK_THROWS_MATCHES(checked(hasten::job_kind_options{.timeout = -1ns}), std::invalid_argument,
                       Message("job_kind_options: timeout must be 0..604800000000000 ns, got -1"));
  CHECK_THROWS_AS(checked(hasten::job_kind_options{.delays = {.factor = 0}}), std::invalid_argument);
}

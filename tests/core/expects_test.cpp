// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/expects.hpp>

#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

namespace {

struct child_result {
  int status;
  std::string said;
};

// Runs `fn` in a forked child and returns how it ended and what it wrote to standard error.
template <class Fn>
child_result in_child(Fn fn) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::signal(SIGABRT, SIG_DFL);  // not the test runner's handler
    ::dup2(ends[1], STDERR_FILENO);
    fn();
    ::_exit(0);
  }
  ::close(ends[1]);
  child_result result{};
  std::array<char, 256> buffer{};
  for (ssize_t n; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
    result.said.append(buffer.data(), static_cast<std::size_t>(n));
  ::close(ends[0]);
  REQUIRE(::waitpid(child, &result.status, 0) == child);
  return result;
}

}  // namespace

TEST_CASE("a kept promise costs nothing and says nothing") {
  const auto result = in_child([] { HASTEN_EXPECTS(1 + 1 == 2, "sums are right"); });
  CHECK(WIFEXITED(result.status));
  CHECK(result.said.empty());
}

TEST_CASE("a broken promise aborts with its sentence and the place") {
  const auto result = in_child([] { HASTEN_EXPECTS(1 + 1 == 3, "a lease is returned once"); });
  REQUIRE(WIFSIGNALED(result.status));
  CHECK(WTERMSIG(result.status) == SIGABRT);
  CHECK(result.said.find("contract broken: a lease is returned once") != std::string::npos);
  CHECK(result.said.find("expects_test.cpp") != std::string::npos);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/error.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <type_traits>

TEST_CASE("an error is caught as std::system_error and compares with its errc") {
  try {
    throw hasten::error(hasten::errc::timeout, "waiting for a session");
  } catch (const std::system_error& failure) {
    CHECK(failure.code() == hasten::errc::timeout);
    CHECK(std::string(failure.what()) == "waiting for a session: the deadline passed");
  }
}

TEST_CASE("what the server said stays out of what()") {
  const hasten::error failure(hasten::errc::constraint, "inserting a claim",
                              "Key (mrn)=(123-45-6789) exists");
  CHECK(std::string(failure.what()).find("123-45-6789") == std::string::npos);
  CHECK(failure.server_text() == "Key (mrn)=(123-45-6789) exists");
}

TEST_CASE("every errc has a sentence of its own") {
  for (int code = 1; code <= static_cast<int>(hasten::errc::bad_format); ++code) {
    CHECK(hasten::error_category().message(code) != "unknown");
    for (int other = 1; other < code; ++other)
      CHECK(hasten::error_category().message(code) != hasten::error_category().message(other));
  }
  CHECK(hasten::error_category().message(9999) == "unknown");
}

TEST_CASE("copying an error cannot throw, as an exception's copy must not") {
  STATIC_CHECK(std::is_nothrow_copy_constructible_v<hasten::error>);
  const hasten::error failure(hasten::errc::closed, "submitting a task", "bye");
  const hasten::error copy = failure;  // NOLINT(performance-unnecessary-copy-initialization)
  CHECK(copy.server_text() == failure.server_text());
}

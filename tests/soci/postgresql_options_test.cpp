// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/postgresql_options.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

TEST_CASE("a connection keeps what it says and gets the timeouts") {
  const hasten::postgresql_options chosen{.statement_timeout = std::chrono::milliseconds(7)};
  const std::string text = hasten::detail::with_settings(
      chosen, "postgresql://app:it's%20a\\secret@db:5433/shop?application_name=mine");
  for (const char* part : {"user='app'", "password='it\\'s a\\\\secret'", "host='db'", "port='5433'",
                           "dbname='shop'", "application_name='mine'", "-c statement_timeout=7 ",
                           "connect_timeout='5'", "client_encoding='UTF8'"})
    CHECK(text.find(part) != std::string::npos);
  CHECK_NOTHROW(hasten::detail::check_connection(text, "connection"));
}

TEST_CASE("what a connection asks of the server in its own options stays") {
  const std::string text = hasten::detail::with_settings({}, "host=db options='-c search_path=shop'");
  CHECK(text.find("-c search_path=shop -c statement_timeout=30000") != std::string::npos);
  CHECK(text.find("application_name='hasten'") != std::string::npos);
}

TEST_CASE("a connection that libpq cannot read is refused without showing it") {
  try {
    hasten::validate({.connection = "password=hunter2 nonsense"});
    FAIL("not refused");
  } catch (const std::invalid_argument& failure) {
    CHECK(std::string(failure.what()) == "postgresql_options: connection must be what libpq can read");
  }
}

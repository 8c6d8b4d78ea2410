// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/query_error.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <stdexcept>
#include <string>

TEST_CASE("a query error carries a kind and a number, and keeps what the server said out of what()") {
  const hasten::query_error failure(hasten::query_error_kind::unique, "orders.add", 2067,
                                    "Key (mrn)=(123-45-6789)");
  CHECK(failure.code() == hasten::errc::constraint);
  CHECK(failure.kind() == hasten::query_error_kind::unique);
  CHECK(failure.native_code() == 2067);
  CHECK(std::string(failure.what()) == "orders.add: a constraint refused the data");
  CHECK(failure.server_text() == "Key (mrn)=(123-45-6789)");
  CHECK(failure.sqlstate().empty());
}

TEST_CASE("a query error carries the state of five characters that PostgreSQL gives") {
  const hasten::query_error failure(hasten::query_error_kind::unique, "orders.add", "23505", "duplicate key");
  CHECK(failure.sqlstate() == "23505");
  CHECK(failure.native_code() == 0);
  CHECK(std::string(failure.what()) == "orders.add: a constraint refused the data");
  CHECK(hasten::query_error(hasten::query_error_kind::other, "x", "23505 and more", "").sqlstate() ==
        "23505");
}

TEST_CASE("every kind has a name of its own and an errc") {
  std::set<std::string> names;
  for (std::size_t each = 0; each < hasten::query_error_kinds; ++each) {
    const auto kind = static_cast<hasten::query_error_kind>(each);
    CHECK(names.insert(hasten::name_of(kind)).second);
    CHECK(hasten::error_category().message(static_cast<int>(hasten::errc_of(kind))) != "unknown");
  }
}

TEST_CASE("only what a repetition may cure is transient") {
  using kind = hasten::query_error_kind;
  for (const kind each :
       {kind::busy, kind::busy_snapshot, kind::serialization, kind::deadlock, kind::stale_plan})
    CHECK(hasten::is_transient(each));
  for (const kind each :
       {kind::unique, kind::timeout, kind::connection_lost, kind::bad_statement, kind::aborted, kind::other})
    CHECK_FALSE(hasten::is_transient(each));
}

TEST_CASE("the kind of an exception under way is known, whoever threw it") {
  using kind = hasten::query_error_kind;
  const auto kind_of = [](const auto& failure) {
    try {
      throw failure;
    } catch (...) {
      return hasten::kind_of_current_exception();
    }
  };
  CHECK(kind_of(hasten::query_error(kind::deadlock, "x")) == kind::deadlock);
  CHECK(kind_of(hasten::error(hasten::errc::timeout, "x")) == kind::timeout);
  CHECK(kind_of(hasten::error(hasten::errc::busy, "x")) == kind::busy);
  CHECK(kind_of(hasten::error(hasten::errc::constraint, "x")) == kind::constraint);
  CHECK(kind_of(hasten::error(hasten::errc::overloaded, "x")) == kind::pool_exhausted);
  CHECK(kind_of(hasten::error(hasten::errc::database_down, "x")) == kind::database_down);
  CHECK(kind_of(hasten::error(hasten::errc::bad_statement, "x")) == kind::bad_statement);
  CHECK(kind_of(hasten::error(hasten::errc::bad_row, "x")) == kind::bad_row);
  CHECK(kind_of(hasten::error(hasten::errc::closed, "x")) == kind::other);
  CHECK(kind_of(std::runtime_error("x")) == kind::other);
  CHECK(kind_of(42) == kind::other);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/parameters.hpp>

#include <hasten/soci/monitored_session.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct fixture {
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, "db=:memory:"), monitor};

  template <class T, class Arg>
  T echo(const Arg& value) {
    return db.one<T>({"echo", "SELECT ?1"}, value);
  }

  template <class... Args>
  bool refuses(const char* text, const Args&... args) {
    try {
      db.exec({"refused", text}, args...);
    } catch (const hasten::query_error& failure) {
      return failure.kind() == hasten::query_error_kind::bad_statement;
    }
    return false;
  }
};

}  // namespace

TEST_CASE_METHOD(fixture, "every kind of argument arrives as it was") {
  CHECK(echo<std::int64_t>(std::numeric_limits<std::int64_t>::min()) ==
        std::numeric_limits<std::int64_t>::min());
  CHECK(echo<std::int64_t>(std::uint8_t{200}) == 200);
  CHECK(echo<bool>(true));
  CHECK(echo<double>(0.1) == 0.1);
  CHECK(echo<double>(0.5f) == 0.5);
  CHECK(echo<std::string>("literal") == "literal");
  CHECK(echo<std::string>(std::string("a\0b", 3)) == std::string("a\0b", 3));
  CHECK(echo<std::optional<int>>(nullptr) == std::nullopt);
  CHECK(echo<std::optional<int>>(std::nullopt) == std::nullopt);
  CHECK(echo<std::optional<int>>(std::optional<int>()) == std::nullopt);
  CHECK(echo<std::optional<int>>(std::optional<int>(5)) == 5);
  const std::vector<std::byte> bytes{std::byte{0}, std::byte{7}};
  CHECK(echo<std::vector<std::byte>>(bytes) == bytes);
  const std::array<std::byte, 2> fixed{std::byte{1}, std::byte{2}};
  CHECK(echo<std::vector<std::byte>>(std::span<const std::byte>(fixed)).size() == 2);
}

TEST_CASE_METHOD(fixture, "empty texts and blobs are not NULL, even when they point nowhere") {
  CHECK(echo<std::string>(std::string_view()).empty());
  CHECK(echo<std::vector<std::byte>>(std::span<const std::byte>()).empty());
}

TEST_CASE_METHOD(fixture, "what the database would change silently is refused") {
  CHECK(refuses("SELECT ?1", std::numeric_limits<std::uint64_t>::max()));  // would become -1
  CHECK(refuses("SELECT ?1", std::numeric_limits<double>::quiet_NaN()));   // would become NULL
  CHECK(echo<std::int64_t>(std::uint64_t{9223372036854775807u}) == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE_METHOD(fixture, "too few and too many arguments are refused") {
  CHECK(refuses("SELECT ?1, ?2", 1));
  CHECK(refuses("SELECT ?1", 1, 2));
  CHECK(refuses("SELECT 1", 1));
  CHECK(refuses("SELECT ?1"));
}

TEST_CASE_METHOD(fixture, "named parameters are found whatever their sign, and one name may stand twice") {
  using hasten::param;
  CHECK(db.scalar<int>({"named", "SELECT :a * 10 + @b + $c * 100 + :a"}, param("b", 2), param("c", 3),
                       param("a", 1)) == 313);
  CHECK(refuses("SELECT :a", param("b", 1)));
  CHECK(refuses("SELECT :a, :b", param("a", 1), param("a", 2)));
  CHECK(refuses("SELECT :a, :b", param("a", 1)));
  CHECK(refuses("SELECT :a", param("", 1)));
  CHECK(refuses("SELECT :a", param(std::string(100, 'x'), 1)));
  CHECK(db.scalar<int>({"long", "SELECT :" + std::string(100, 'x')}, param(std::string(100, 'x'), 7)) == 7);
}

TEST_CASE_METHOD(fixture,
                 "what only looks like a named parameter is none, and names do not mix with numbers") {
  using hasten::param;
  CHECK(db.one<std::string>({"quoted", "SELECT ':b' || [c] FROM (SELECT :a AS [c]) -- :d"},
                            param("a", "x")) == ":bx");
  CHECK(refuses("SELECT :a, ?1", 1));
  CHECK(refuses("SELECT :a, ?2", param("a", 1)));
  CHECK(db.scalar<int>({"dollar", "SELECT $2 - $1"}, 1, 5) == 4);  // as on PostgreSQL, by number
}

TEST_CASE_METHOD(fixture, "a value that looks like SQL stays a value") {
  db.script("setup", "CREATE TABLE t(x TEXT)");
  for (const char* attack :
       {"'; DROP TABLE t; --", "x' OR '1'='1", "\"; SELECT 1", ":a ?1 $1", "/*", "\\'"}) {
    db.exec({"add", "INSERT INTO t VALUES(?1)"}, attack);
    CHECK(db.scalar<int>({"find", "SELECT count(*) FROM t WHERE x=:x"}, hasten::param("x", attack)) == 1);
  }
}

TEST_CASE_METHOD(fixture, "an argument that is gone after the call is not referred to again") {
  constexpr hasten::statement echo_text{"echo", "SELECT ?1"};
  for (int round = 0; round < 3; ++round) {
    const auto text = std::make_unique<std::string>(100, static_cast<char>('a' + round));
    CHECK(db.one<std::string>(echo_text, *text) == *text);
  }
  CHECK_THROWS_AS(db.one<std::string>(echo_text), hasten::query_error);
}

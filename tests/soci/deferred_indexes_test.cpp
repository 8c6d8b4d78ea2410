// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/deferred_indexes.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct fixture {
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, "db=:memory:"), monitor};

  fixture() {
    db.script("setup",
              "CREATE TABLE t(x INTEGER UNIQUE, y TEXT, z TEXT); CREATE INDEX \"odd \"\"name\" ON t(y DESC) "
              "WHERE y>'a';"
              "CREATE INDEX plain ON t(z, y); CREATE UNIQUE INDEX own ON t(z); CREATE TABLE u(x); CREATE "
              "INDEX other ON u(x)");
  }
  std::vector<std::string> indexes() {
    return db.all<std::string>(
        {"x", "SELECT sql FROM sqlite_schema WHERE type='index' AND sql IS NOT NULL ORDER BY sql"});
  }
};

constexpr hasten::statement add{"t.add", "INSERT INTO t VALUES(?1, ?2, ?3)"};

}  // namespace

TEST_CASE_METHOD(fixture, "indexes that are not unique are gone during the load and the same afterwards") {
  const auto before = indexes();
  REQUIRE(before.size() == 4);
  std::size_t within = 0;
  hasten::with_deferred_indexes(db, "t", [&](hasten::monitored_session& session) {
    within = indexes().size();
    session.exec(add, 1, "b", "c");
    CHECK_THROWS_AS(session.exec(add, 2, "b", "c"), hasten::query_error);  // the unique one still watches
  });
  CHECK(within == 2);
  CHECK(indexes() == before);
  CHECK(db.scalar<int>({"x", "SELECT count(*) FROM t INDEXED BY plain WHERE z='c'"}) == 1);
  CHECK_FALSE(db.in_transaction());
}

TEST_CASE_METHOD(fixture, "a load that fails leaves the table and its indexes as they were") {
  const auto before = indexes();
  CHECK_THROWS_AS(hasten::with_deferred_indexes(db, "t",
                                                [&](hasten::monitored_session& session) {
                                                  session.exec(add, 1, "b", "c");
                                                  throw std::runtime_error("no");
                                                }),
                  std::runtime_error);
  CHECK(indexes() == before);
  CHECK(db.scalar<int>({"x", "SELECT count(*) FROM t"}) == 0);
}

TEST_CASE_METHOD(fixture, "within a transaction of the caller's it is refused") {
  hasten::transaction mine(db);
  CHECK_THROWS_AS(hasten::with_deferred_indexes(db, "t", [](hasten::monitored_session&) {}),
                  hasten::query_error);
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/savepoint.hpp>

#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>
#include <soci/sqlite3/soci-sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace {

constexpr hasten::statement add{"add", "INSERT INTO t VALUES(?1)"};
constexpr hasten::statement all{"all", "SELECT x FROM t ORDER BY x"};
using numbers = std::vector<std::int64_t>;

struct fixture {
  fixture() { db.script("setup", "CREATE TABLE t(x INTEGER PRIMARY KEY)"); }

  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, "db=:memory:"), monitor};
};

}  // namespace

TEST_CASE("what a savepoint did is undone unless it is released, and the transaction goes on") {
  fixture at;
  hasten::transaction change(at.db);
  at.db.exec(add, 1);
  {
    hasten::savepoint lost(at.db);
    at.db.exec(add, 2);
    CHECK(lost.is_open());
  }
  {
    hasten::savepoint kept(at.db);
    at.db.exec(add, 3);
    kept.release();
    CHECK_FALSE(kept.is_open());
  }
  change.commit();
  CHECK(at.db.all<std::int64_t>(all) == numbers{1, 3});
}

TEST_CASE("savepoints nest") {
  fixture at;
  hasten::transaction change(at.db);
  {
    hasten::savepoint outer(at.db);
    at.db.exec(add, 1);
    {
      hasten::savepoint inner(at.db);
      at.db.exec(add, 2);
      inner.rollback();
    }
    at.db.exec(add, 3);
    {
      hasten::savepoint inner(at.db);
      at.db.exec(add, 4);
      inner.release();
    }
    outer.release();
  }
  CHECK(at.db.all<std::int64_t>(all) == numbers{1, 3, 4});
  {
    hasten::savepoint outer(at.db);
    hasten::savepoint inner(at.db);
    at.db.exec(add, 5);
    inner.release();
  }
  CHECK(at.db.all<std::int64_t>(all) == numbers{1, 3, 4});
}

TEST_CASE("a savepoint needs a transaction, and outlives the end of one without harm") {
  fixture at;
  CHECK_THROWS_AS(hasten::savepoint(at.db), hasten::query_error);
  std::optional<hasten::transaction> change(std::in_place, at.db);
  {
    const hasten::savepoint part(at.db);
    change->rollback();
  }
  CHECK_FALSE(at.db.in_transaction());
}

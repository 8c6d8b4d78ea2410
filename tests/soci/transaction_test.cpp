// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <memory>
#include <stdexcept>

namespace {

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                               monitor};
  hasten::monitored_session other{std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                                  monitor};

  fixture() { db.script("setup", "PRAGMA journal_mode=WAL; CREATE TABLE t(x INTEGER)"); }
  int count() { return db.scalar<int>({"count", "SELECT count(*) FROM t"}); }
};

constexpr hasten::statement add{"add", "INSERT INTO t VALUES(1)"};

hasten::query_error_kind kind_of(auto&& action) {
  try {
    action();
  } catch (const hasten::query_error& failure) {
    return failure.kind();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE_METHOD(fixture, "a committed transaction stays and an abandoned one is undone") {
  {
    hasten::transaction change(db);
    db.exec(add);
    change.commit();
  }
  CHECK(count() == 1);
  {
    hasten::transaction change(db);
    db.exec(add);
  }
  CHECK(count() == 1);
  try {
    hasten::transaction change(db);
    db.exec(add);
    throw std::runtime_error("unwinding");
  } catch (const std::runtime_error&) {
    CHECK(count() == 1);
  }
  hasten::transaction change(db);
  db.exec(add);
  change.rollback();
  CHECK_FALSE(change.is_open());
  CHECK(count() == 1);
}

TEST_CASE_METHOD(fixture,
                 "a writing transaction takes the lock at once, so that a second one is told to wait") {
  hasten::transaction first(db);
  CHECK(kind_of([&] { hasten::transaction second(other); }) == hasten::query_error_kind::busy);
  CHECK_FALSE(other.in_transaction());
}

TEST_CASE_METHOD(fixture,
                 "a reading transaction that writes after somebody else did is told to repeat itself") {
  hasten::transaction reading(db, hasten::transaction_mode::read);
  CHECK(count() == 0);
  other.exec(add);
  CHECK(kind_of([&] { db.exec(add); }) == hasten::query_error_kind::busy_snapshot);
  CHECK(count() == 0);  // still its own snapshot
}

TEST_CASE_METHOD(fixture, "a transaction within a transaction is refused") {
  hasten::transaction outer(db);
  CHECK(kind_of([&] { hasten::transaction inner(db); }) == hasten::query_error_kind::bad_statement);
  db.exec(add);
  outer.commit();
  CHECK(count() == 1);
}

TEST_CASE_METHOD(fixture, "beginning and committing are counted like any statement") {
  hasten::transaction change(db);
  change.commit();
  bool committed = false;
  for (const auto& each : monitor.statements())
    if (each.name == "transaction.commit") committed = each.calls == 1;
  CHECK(committed);
}

TEST_CASE_METHOD(fixture, "a commit that a deferred foreign key refuses is undone") {
  db.script("setup",
            "PRAGMA foreign_keys=ON; CREATE TABLE p(id INTEGER PRIMARY KEY);"
            "CREATE TABLE c(p INTEGER REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)");
  hasten::transaction change(db);
  db.exec({"add child", "INSERT INTO c VALUES(7)"});
  CHECK(kind_of([&] { change.commit(); }) == hasten::query_error_kind::foreign_key);
  CHECK_FALSE(db.in_transaction());
}

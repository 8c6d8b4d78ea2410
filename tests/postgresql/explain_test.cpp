// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/explain.hpp>

#include <catch2/catch_test_macros.hpp>
#include <soci/soci.h>

#include <support/postgresql_fixture.hpp>

#include <memory>
#include <string>
#include <vector>

namespace {

struct fixture : postgresql_fixture {
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::postgresql, server.connection()),
                               monitor};
};

}  // namespace

TEST_CASE_METHOD(fixture, "a statement is explained with its arguments, which do not show, and is not run") {
  db.script("setup",
            "CREATE TABLE orders(id bigint PRIMARY KEY, status text);"
            "INSERT INTO orders SELECT i, 'open' FROM generate_series(1, 5000) AS i; ANALYZE orders");
  const auto scan =
      hasten::explain(db, {"orders.by_status", "SELECT id FROM orders WHERE status=:s ORDER BY status"},
                      hasten::param("s", "secret"));
  CHECK(scan.full_scans == std::vector<std::string>{"orders"});
  CHECK(hasten::to_text(scan).find("secret") == std::string::npos);
  const auto find = hasten::explain(db, {"orders.find", "SELECT status FROM orders WHERE id=?1"}, 7);
  CHECK(find.is_good());
  CHECK(hasten::to_text(find) == "Index Scan using orders_pkey on orders\n");
  (void)hasten::explain(db, {"orders.clear", "DELETE FROM orders"});
  CHECK(db.scalar<int>({"count", "SELECT count(*)::int FROM orders"}) == 5000);
  CHECK_THROWS_AS(hasten::explain(db, {"bad", "SELECT missing FROM orders"}), hasten::query_error);
}

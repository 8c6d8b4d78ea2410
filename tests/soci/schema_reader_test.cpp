// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/schema_reader.hpp>

#include <catch2/catch_test_macros.hpp>

#include <memory>
#include <string>
#include <vector>

namespace {

struct fixture {
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, "db=:memory:"), monitor};
};

}  // namespace

TEST_CASE_METHOD(fixture, "tables, columns, indexes and foreign keys are read") {
  db.script(
      "setup",
      "CREATE TABLE states(code TEXT PRIMARY KEY) WITHOUT ROWID;"
      "CREATE TABLE orders(id INTEGER PRIMARY KEY, status TEXT REFERENCES states(code), city TEXT UNIQUE);"
      "CREATE INDEX by_status ON orders(status DESC, id);"
      "CREATE INDEX open_ones ON orders(city) WHERE status='open';"
      "CREATE INDEX lower_city ON orders(lower(city));"
      "CREATE TABLE lines(a INT, b INT, c INT, FOREIGN KEY(b, c) REFERENCES pairs(x, y));"
      "CREATE VIEW v AS SELECT 1;"
      "INSERT INTO states VALUES('open'); INSERT INTO orders VALUES(5, 'open', 'Ulm'), (104, 'open', "
      "'Bonn')");
  const auto schema = hasten::read_schema(db);
  REQUIRE(schema.tables.size() == 3);
  const auto& orders = *schema.find("orders");
  CHECK(orders.columns == std::vector<std::string>{"id", "status", "city"});
  CHECK(orders.row_id == "id");
  CHECK(orders.rows == 100);  // by the range of the numbers
  REQUIRE(orders.indexes.size() == 4);
  CHECK(orders.indexes[0].is_constraint);
  CHECK(orders.indexes[0].is_unique);
  CHECK(orders.indexes[1].columns == std::vector<hasten::index_column>{{"status", true}, {"id", false}});
  CHECK(orders.indexes[2].is_partial);
  CHECK(orders.indexes[3].columns.empty());
  REQUIRE(orders.foreign_keys.size() == 1);
  CHECK(orders.foreign_keys[0].parent == "states");
  CHECK_FALSE(schema.find("states")->has_row_id);
  CHECK(schema.find("states")->row_id.empty());
  CHECK(schema.find("states")->rows == 1);
  CHECK(schema.find("lines")->foreign_keys[0].columns == std::vector<std::string>{"b", "c"});
}

TEST_CASE_METHOD(fixture,
                 "odd names are read as they are, and statistics are believed where numbers are scattered") {
  db.script(
      "setup",
      "CREATE TABLE \"a \"\"b\"(\"x y\" INTEGER PRIMARY KEY, z); CREATE INDEX \"i \"\"j\" ON \"a \"\"b\"(z);"
      "INSERT INTO \"a \"\"b\" VALUES(-4000000000000, 1), (4000000000000, 2); ANALYZE");
  const auto schema = hasten::read_schema(db);
  REQUIRE(schema.tables.size() == 1);
  CHECK(schema.tables[0].name == "a \"b");
  CHECK(schema.tables[0].row_id == "x y");
  CHECK(schema.tables[0].indexes[0].name == "i \"j");
  CHECK(schema.tables[0].rows == 2);
}

TEST_CASE("another database than SQLite is refused") {
  hasten::query_monitor monitor;
  soci::session closed;
  hasten::monitored_session none(closed, monitor);
  CHECK_THROWS_AS(hasten::read_schema(none), hasten::query_error);
}

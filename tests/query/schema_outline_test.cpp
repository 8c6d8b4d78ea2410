// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/schema_outline.hpp>

#include <catch2/catch_test_macros.hpp>

TEST_CASE("a table is found by its name") {
  const hasten::schema_outline schema{.tables = {{.name = "orders"}, {.name = "lines"}}};
  REQUIRE(schema.find("lines") != nullptr);
  CHECK(schema.find("lines")->name == "lines");
  CHECK(schema.find("Lines") == nullptr);
}

TEST_CASE("no name breaks out of its quotation, and only odd ones get one") {
  CHECK(hasten::quoted_name("a\"; DROP TABLE t; --") == "\"a\"\"; DROP TABLE t; --\"");
  CHECK(hasten::readable_name("paid_at2") == "paid_at2");
  for (const char* odd : {"", "2paid", "Paid", "a b", "order", "a\"b"})
    CHECK(hasten::readable_name(odd) == hasten::quoted_name(odd));
}

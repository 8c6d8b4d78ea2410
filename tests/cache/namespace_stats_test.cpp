// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/namespace_stats.hpp>

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>

TEST_CASE("the namespace of a key is what stands before its first colon, and the colon") {
  CHECK(hasten::namespace_stats::name_of("claims:42") == "claims:");
  CHECK(hasten::namespace_stats::name_of("claims:42:lines") == "claims:");
  CHECK(hasten::namespace_stats::name_of("42").empty());
  CHECK(hasten::namespace_stats::name_of("").empty());
  CHECK(hasten::namespace_stats::name_of(":42") == ":");
}

TEST_CASE("lookups and loads are counted by namespace") {
  hasten::namespace_stats stats;
  stats.lookup("payers:1", true, 3);
  stats.lookup("claims:1", false);
  stats.lookup("claims:2", true);
  stats.lookup("plain", true);
  stats.load("claims:1", true);
  stats.load("claims:1", false);
  const auto rows = stats.all();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].name.empty());
  CHECK(rows[0].hits == 1);
  CHECK(rows[1].name == "claims:");
  CHECK(rows[1].hit_rate() == 0.5);
  CHECK(rows[1].loads == 1);
  CHECK(rows[1].load_failures == 1);
  CHECK(rows[2].name == "payers:");
  CHECK(rows[2].hits == 3);
  CHECK(hasten::namespace_count{}.hit_rate() == 0);
}

TEST_CASE("namespaces beyond the bound, or with names too long, share the last row") {
  hasten::namespace_stats stats({.names_max = 2, .name_size_max = 8});
  for (int i = 0; i < 100; ++i) stats.lookup(std::to_string(i) + ":x", true);
  stats.lookup("much too long a name:x", false);
  const auto rows = stats.all();
  REQUIRE(rows.size() == 3);
  CHECK(rows[2].name == "*");
  CHECK(rows[2].hits == 98);
  CHECK(rows[2].misses == 1);
}

TEST_CASE("a reset begins the counts and the names anew") {
  hasten::namespace_stats stats({.names_max = 1});
  stats.lookup("a:1", true);
  stats.lookup("b:1", true);
  stats.reset();
  CHECK(stats.all().empty());
  stats.lookup("b:1", true);
  REQUIRE(stats.all().size() == 1);
  CHECK(stats.all()[0].name == "b:");
}

TEST_CASE("namespace_stats refuses bounds out of range") {
  using stats = hasten::namespace_stats;
  CHECK_THROWS_AS(stats({.names_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(stats({.names_max = 1025}), std::invalid_argument);
  CHECK_THROWS_AS(stats({.name_size_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(stats({.name_size_max = 257}), std::invalid_argument);
}

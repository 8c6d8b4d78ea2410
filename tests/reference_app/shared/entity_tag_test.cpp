// SPDX-License-Identifier: BSL-1.0
#include "shared/entity_tag.hpp"

#include <catch2/catch_test_macros.hpp>

using claims_app::allows_etag;
using claims_app::gzip_tag;
using claims_app::names_etag;
using claims_app::version_tag;

TEST_CASE("an entity tag is found in a list, be it marked weak") {
  constexpr std::string_view tag = "\"abc\"";
  CHECK(names_etag("\"abc\"", tag));
  CHECK(names_etag("W/\"abc\"", tag));
  CHECK(names_etag("\"x\" , \"abc\"", tag));
  CHECK(names_etag(" * ", tag));
  CHECK_FALSE(names_etag("", tag));
  CHECK_FALSE(names_etag("abc", tag));
  CHECK_FALSE(names_etag("\"abcd\"", tag));
  CHECK_FALSE(names_etag("\"x\", *", tag));
  CHECK_FALSE(names_etag("*", ""));
}

TEST_CASE("a change is allowed by the tag itself, never by a weak one") {
  constexpr std::string_view tag = "\"abc\"";
  CHECK(allows_etag("\"abc\"", tag));
  CHECK(allows_etag("\"x\" ,\"abc\" ", tag));
  CHECK(allows_etag("*", tag));
  CHECK(allows_etag(" * ", ""));
  CHECK_FALSE(allows_etag("W/\"abc\"", tag));
  CHECK_FALSE(allows_etag("", tag));
  CHECK_FALSE(allows_etag("abc", tag));
  CHECK_FALSE(allows_etag("\"abc", tag));
  CHECK_FALSE(allows_etag("\"x\", *", tag));
  CHECK_FALSE(allows_etag("\"\"", ""));
}

TEST_CASE("a version's tag changes with the version, with its instant and with the coding") {
  const std::string first = version_tag(1, 1'700'000'000'000);
  CHECK(first == "\"1.1700000000000\"");
  CHECK(version_tag(2, 1'700'000'000'000) != first);
  CHECK(version_tag(1, 1'700'000'000'001) != first);
  CHECK(gzip_tag(first) == "\"1.1700000000000-gzip\"");
}

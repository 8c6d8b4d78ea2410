// SPDX-License-Identifier: BSL-1.0
#include "importing/import_cursor.hpp"

#include <catch2/catch_test_macros.hpp>

using claims_app::import_cursor;
using claims_app::parse_import_cursor;
using claims_app::to_text;

TEST_CASE("a cursor comes back from its text") {
  for (const auto& cursor : {import_cursor{"abc", 0, 0, false}, import_cursor{"a:b", 91'496, 12, true}})
    CHECK(parse_import_cursor(to_text(cursor)) == cursor);
  CHECK(to_text({"abc", 7, 1, false}) == "v1 sha256:abc records=7 rejected=1 partial");
}

TEST_CASE("any other text is no cursor") {
  for (const char* text :
       {"", "v1", "v2 sha256:abc records=7 rejected=1 partial", "v1 sha256: records=7 rejected=1 partial",
        "v1 sha256:abc records=x rejected=1 partial", "v1 sha256:abc records=7x rejected=1 partial",
        "v1 sha256:abc records=-7 rejected=1 partial", "v1 sha256:abc records=7 rejected=1",
        "v1 sha256:abc records=7 rejected=1 done", "v1 sha256:abc records=7 rejected=1 partial ",
        "v1 sha256:abc records=99999999999999999999 rejected=1 partial"})
    CHECK_FALSE(parse_import_cursor(text));
}

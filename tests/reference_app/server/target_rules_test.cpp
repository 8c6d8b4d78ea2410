// SPDX-License-Identifier: BSL-1.0
#include "server/target_rules.hpp"

#include <catch2/catch_test_macros.hpp>

using claims_app::is_clean_target;
using claims_app::is_digits;
using claims_app::is_host;

TEST_CASE("a host is a name or an address, perhaps with a port") {
  for (const char* good :
       {"localhost", "a.example:8080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8080", "a:", ""})
    CHECK(is_host(good));
  for (const char* bad :
       {"a b", "a:b", "a:1:2", ":80", "[::1", "[]", "[1]", "[::g]", "[::1]x", "user@host", "a/b", "a\\b"})
    CHECK_FALSE(is_host(bad));
}

TEST_CASE("a target holds no byte that two servers might read differently") {
  for (const char* good : {"/", "/a?b=c", "/%20", "*", "/a;b", "/a%2Fb"}) CHECK(is_clean_target(good));
  for (const char* bad : {"/a b", "/a#b", "/a\\b", "/%", "/%2", "/%zz", "/%00", "/\x7f", "/\xc3\xa4", "/\t"})
    CHECK_FALSE(is_clean_target(bad));
}

TEST_CASE("a length is digits and nothing else") {
  CHECK(is_digits("0"));
  CHECK(is_digits("42"));
  for (const char* bad : {"", "+1", "-1", "1,1", "1 ", "0x1"}) CHECK_FALSE(is_digits(bad));
}

TEST_CASE("what stands behind a chunk's size is names with tokens or quoted texts, on one line") {
  for (const char* good : {"", ";a", ";a=b", " ; a = b", ";a;b=\"c;d\" ;e", ";a=\"\\\"\"", ";a=\"\""}) {
    INFO(good);
    CHECK(claims_app::is_chunk_extensions(good));
  }
  for (const char* bad : {" ", "a", ";", ";a=", ";a ", ";a=b c", ";a=\"b", ";a=\"b\\\"", ";a=\"b\"c", ";=b",
                          ";a=\"\x01\"", ";a=\"\xc3\xa4\"", ";a=\"\t\""}) {
    INFO(bad);
    CHECK_FALSE(claims_app::is_chunk_extensions(bad));
  }
}

// SPDX-License-Identifier: BSL-1.0
#include <hasten/beast/http_target.hpp>

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>

using hasten::http_target;

TEST_CASE("an address is taken apart") {
  const auto full = http_target::parse("http://example.org:9093/api/v2/alerts");
  CHECK(full.host == "example.org");
  CHECK(full.port == "9093");
  CHECK(full.path == "/api/v2/alerts");
  CHECK(full.authority == "example.org:9093");
  const auto least = http_target::parse("http://h");
  CHECK(least.port == "80");
  CHECK(least.path == "/");
  const auto six = http_target::parse("http://[::1]:4318/v1");
  CHECK(six.host == "::1");
  CHECK(six.port == "4318");
  CHECK(http_target::parse("http://[::1]").port == "80");
  CHECK_FALSE(six.is_secure);
  const auto secure = http_target::parse("https://example.org/v1");
  CHECK(secure.is_secure);
  CHECK(secure.host == "example.org");
  CHECK(secure.port == "443");
  CHECK(http_target::parse("https://h:8443").port == "8443");
}

TEST_CASE("what is no plain address of HTTP is refused, without a word of it") {
  for (const char* url :
       {"", "h", "https://", "https:h", "http://", "http:///x", "http://user:secret@h/",
        "http://h/?token=secret", "http://h/#secret", "http://h:0", "http://h:99999",
        "http://h:", "http://h:8x", "http://[::1", "http://h/\r\nX: secret", "http://h/a b", "ftp://h"}) {
    INFO(url);
    try {
      static_cast<void>(http_target::parse(url));
      FAIL("it was taken");
    } catch (const std::invalid_argument& refused) {
      CHECK(std::string(refused.what()).find("secret") == std::string::npos);
    }
  }
}

// SPDX-License-Identifier: BSL-1.0
#include "shared/cursor.hpp"

#include <catch2/catch_test_macros.hpp>

using claims_app::cursor_codec;
using claims_app::keyed_hash;
using claims_app::page_position;
using claims_app::secret_key;

TEST_CASE("a position comes back for the filters that it was made for") {
  const cursor_codec cursors{keyed_hash(secret_key{})};
  const page_position at{.date = "2024-02-29", .row = 42};
  const std::string text = cursors.encode(at, "status=denied\n");
  CHECK(cursors.decode(text, "status=denied\n") == at);
  const page_position without_date{.date = "", .row = -1};
  CHECK(cursors.decode(cursors.encode(without_date, ""), "") == without_date);
}

TEST_CASE("a cursor of other filters, of another key or altered anywhere is refused") {
  const cursor_codec cursors{keyed_hash(secret_key{})};
  const std::string text = cursors.encode({.date = "2024-02-29", .row = 42}, "a");
  CHECK_FALSE(cursors.decode(text, "b"));
  CHECK_FALSE(cursors.decode(text, ""));
  CHECK_FALSE(cursor_codec(keyed_hash(secret_key{std::byte{1}})).decode(text, "a"));
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string altered = text;
    altered[at] = altered[at] == 'A' ? 'B' : 'A';
    CHECK_FALSE(cursors.decode(altered, "a"));
  }
  CHECK_FALSE(cursors.decode(text + "A", "a"));
  CHECK_FALSE(cursors.decode(text.substr(0, text.size() - 1), "a"));
}

TEST_CASE("what is no cursor at all is refused") {
  const cursor_codec cursors{keyed_hash(secret_key{})};
  for (const std::string& text :
       {std::string(), std::string("x"), std::string("===="), std::string(5000, 'A')})
    CHECK_FALSE(cursors.decode(text, "a"));
}

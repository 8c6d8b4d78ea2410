// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/cache_hash.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

using namespace std::string_literals;

TEST_CASE("a text hashes alike as string, string_view and literal") {
  const hasten::cache_hash<std::string> hash;
  CHECK(hash("claim:42"s) == hash(std::string_view("claim:42")));
  CHECK(hash("claim:42"s) == hash("claim:42"));
}

TEST_CASE("another seed gives another hash") {
  const hasten::cache_hash<std::string> hash;
  CHECK(hash("claim:42", 1) != hash("claim:42", 2));
}

TEST_CASE("texts of every length up to forty that differ in one byte hash differently") {
  const hasten::cache_hash<std::string> hash;
  std::set<std::size_t> seen;
  std::size_t made = 0;
  for (std::size_t length = 0; length <= 40; ++length) {
    const std::string text(length, 'a');
    seen.insert(hash(text, 7));
    ++made;
    for (std::size_t changed = 0; changed < length; ++changed) {
      std::string other = text;
      other[changed] = 'b';
      seen.insert(hash(other, 7));
      ++made;
    }
  }
  CHECK(seen.size() == made);
}

TEST_CASE("keys that are not texts hash as std::hash does") {
  CHECK(hasten::cache_hash<int>{}(42) == std::hash<int>{}(42));
}

// SPDX-License-Identifier: BSL-1.0
#include "shared/keyed_hash.hpp"

#include "support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using claims_app::keyed_hash;
using claims_app::load_or_create_key;
using claims_app::secret_key;

namespace {

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4U];
    text += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15U];
  }
  return text;
}

}  // namespace

TEST_CASE("a keyed hash is HMAC-SHA256") {
  // RFC 4231, test case 1: its key of 20 bytes 0x0b padded with zeros to 32 is the same HMAC key.
  secret_key key{};
  std::fill_n(key.begin(), 20, std::byte{0x0B});
  CHECK(hex(keyed_hash(key)("Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

TEST_CASE("hashing twice gives the same value, and another message or label another one") {
  const keyed_hash hash(secret_key{});
  CHECK(hash("a") == hash("a"));
  CHECK(hash("a") != hash("b"));
  CHECK(hash("") != hash("a"));
  CHECK(hash.derive("member")("a") == hash.derive("member")("a"));
  CHECK(hash.derive("member")("a") != hash.derive("cursor")("a"));
  CHECK(hash.derive("member")("a") != hash("a"));
  CHECK(claims_app::member_index(secret_key{})("a") == hash.derive("member_bidx")("a"));
}

TEST_CASE("one keyed hash serves several threads") {
  const keyed_hash hash(secret_key{});
  const auto expected = hash("message");
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i)
          if (hash("message") != expected) ++wrong;
      });
  }
  CHECK(wrong == 0);
}

TEST_CASE("comparing digests looks at every byte and the length") {
  const keyed_hash hash(secret_key{});
  const auto a = hash("a");
  auto b = a;
  CHECK(claims_app::equal_in_constant_time(a, b));
  b.back() ^= std::byte{1};
  CHECK_FALSE(claims_app::equal_in_constant_time(a, b));
  CHECK_FALSE(claims_app::equal_in_constant_time(a, std::span(a).first(31)));
}

TEST_CASE("the key file is made once, for its owner alone, and read from then on") {
  const temporary_folder folder;
  const auto path = claims_app::key_path(folder.path() / "claims.db");
  CHECK(path.filename() == "claims.db.key");
  const secret_key key = load_or_create_key(path);
  CHECK(std::filesystem::file_size(path) == 32);
  CHECK(std::filesystem::status(path).permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  CHECK(load_or_create_key(path) == key);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  CHECK(load_or_create_key(folder.path() / "other.key") != key);
}

TEST_CASE("whoever makes the key file at the same time gets the same key") {
  const temporary_folder folder;
  std::vector<secret_key> keys(8);
  {
    std::vector<std::jthread> threads;
    for (auto& key : keys)
      threads.emplace_back([&key, &folder] { key = load_or_create_key(folder.path() / "claims.db.key"); });
  }
  CHECK(std::all_of(keys.begin(), keys.end(), [&](const secret_key& key) { return key == keys.front(); }));
}

TEST_CASE("a key file of another size, open to others or in no folder is refused") {
  const temporary_folder folder;
  const auto path = folder.path() / "bad.key";
  std::ofstream(path) << "short";
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  CHECK_THROWS_AS(load_or_create_key(path), std::runtime_error);
  std::ofstream(folder.path() / "open.key") << std::string(32, 'k');
  std::filesystem::permissions(folder.path() / "open.key",
                               std::filesystem::perms::owner_read | std::filesystem::perms::group_read);
  CHECK_THROWS_AS(load_or_create_key(folder.path() / "open.key"), std::runtime_error);
  CHECK_THROWS_AS(load_or_create_key(folder.path() / "missing" / "claims.db.key"), std::runtime_error);
}

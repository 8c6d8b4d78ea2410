// SPDX-License-Identifier: BSL-1.0
#include "shared/public_id.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <set>
#include <stdexcept>

using claims_app::is_public_id;
using claims_app::make_public_id;
using claims_app::public_id_entropy;
using claims_app::public_id_generator;

namespace {

hasten::wall_time at_ms(std::int64_t milliseconds) {
  return hasten::wall_time(std::chrono::milliseconds(milliseconds));
}

}  // namespace

TEST_CASE("a public id writes time and entropy in Crockford's base 32") {
  CHECK(make_public_id(at_ms(0), {}) == "00000000000000000000000000");
  CHECK(make_public_id(at_ms(1), {}) == "00000000010000000000000000");
  // The example of the ULID specification: 1469918176385 ms is 01ARYZ6S41.
  CHECK(make_public_id(at_ms(1469918176385), {}).substr(0, 10) == "01ARYZ6S41");
  public_id_entropy ones;
  ones.fill(0xFF);
  CHECK(make_public_id(at_ms(31), ones) == "000000000ZZZZZZZZZZZZZZZZZ");
  CHECK(make_public_id(at_ms(0), {0, 0, 0, 0, 0, 0, 0, 0, 0, 33}) == "00000000000000000000000011");
}

TEST_CASE("a generator's ids rise while its clock stands still or goes back") {
  std::int64_t now = 1'700'000'000'000;
  public_id_entropy entropy;
  entropy.fill(0xFE);
  public_id_generator ids([&] { return at_ms(now); }, [&] { return entropy; });
  std::string last = ids.next();
  for (int i = 0; i < 1000; ++i) {
    if (i == 500) now -= 60'000;
    const std::string id = ids.next();
    CHECK(is_public_id(id));
    CHECK(id > last);
    last = id;
  }
  now += 120'000;
  CHECK(ids.next().substr(10) == make_public_id(at_ms(0), entropy).substr(10));
}

TEST_CASE("ids of the operating system's randomness do not repeat") {
  public_id_generator ids;
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(ids.next());
  CHECK(seen.size() == 10'000);
}

TEST_CASE("an exhausted millisecond is refused, not wrapped") {
  public_id_entropy ones;
  ones.fill(0xFF);
  public_id_generator ids([] { return at_ms(5); }, [&] { return ones; });
  CHECK(ids.next() == make_public_id(at_ms(5), ones));
  CHECK_THROWS_AS(ids.next(), std::runtime_error);
}

TEST_CASE("a generator without a clock or without randomness is refused") {
  CHECK_THROWS_AS(public_id_generator(nullptr, [] { return public_id_entropy{}; }), std::invalid_argument);
  CHECK_THROWS_AS(public_id_generator([] { return at_ms(0); }, nullptr), std::invalid_argument);
}

TEST_CASE("only 26 characters of the alphabet that fit 128 bits are a public id") {
  CHECK(is_public_id("01ARYZ6S41TSV4RRFFQ69G5FAV"));
  CHECK_FALSE(is_public_id(""));
  CHECK_FALSE(is_public_id("01ARYZ6S41TSV4RRFFQ69G5FA"));
  CHECK_FALSE(is_public_id("01ARYZ6S41TSV4RRFFQ69G5FAVX"));
  CHECK_FALSE(is_public_id("01aryz6s41tsv4rrffq69g5fav"));
  CHECK_FALSE(is_public_id("01ARYZ6S41TSV4RRFFQ69G5FAU"));
  CHECK_FALSE(is_public_id("81ARYZ6S41TSV4RRFFQ69G5FAV"));
  CHECK_FALSE(is_public_id("01ARYZ6S41TSV4RRFFQ69G5F'V"));
}

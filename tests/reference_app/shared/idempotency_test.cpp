// SPDX-License-Identifier: BSL-1.0
#include "shared/idempotency.hpp"

#include "migrations/local_database.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

using claims_app::idempotency_keys;
using namespace std::chrono_literals;

namespace {

constexpr hasten::wall_time noon{std::chrono::milliseconds(1'700'000'000'000)};

struct example {
  temporary_folder folder;
  claims_app::local_database opened{(folder.path() / "claims.db").string()};
  claims_app::keyed_hash hashes{claims_app::secret_key{}};

  hasten::monitored_session& session() { return opened.session(); }

  std::int64_t count() {
    return session().scalar<std::int64_t>({"test.count", "SELECT count(*) FROM idempotency_keys"});
  }
};

claims_app::request asked(std::string_view key, std::string_view body = "{}") {
  claims_app::request out{.id = {}, .query = {}, .content_type = {}, .body = body};
  out.idempotency_key = key;
  return out;
}

}  // namespace

TEST_CASE("what was done under a key is found under it, and under no other route, caller or key") {
  example it;
  const idempotency_keys keys(it.hashes);
  const auto first = keys.read(asked("a"), "POST /x").value();
  CHECK_FALSE(keys.find(it.session(), first, noon));
  keys.keep(it.session(), first, {.status = 201, .resource = "42"}, noon);
  const auto found = keys.find(it.session(), first, noon + 1h);
  REQUIRE(found);
  CHECK(found->status == 201);
  CHECK(found->resource == "42");
  CHECK(keys.find(it.session(), keys.read(asked("\"a\""), "POST /x").value(), noon));
  CHECK_FALSE(keys.find(it.session(), keys.read(asked("b"), "POST /x").value(), noon));
  CHECK_FALSE(keys.find(it.session(), keys.read(asked("a"), "POST /y").value(), noon));
  auto other = asked("a");
  other.credentials = "Bearer somebody";
  CHECK_FALSE(keys.find(it.session(), keys.read(other, "POST /x").value(), noon));
  CHECK_THROWS_AS(keys.find(it.session(), keys.read(asked("a", "[]"), "POST /x").value(), noon),
                  claims_app::problem_error);
}

TEST_CASE("neither the key nor the body nor the caller is in the database") {
  example it;
  const idempotency_keys keys(it.hashes);
  auto secret = asked("canary-key", "canary-body");
  secret.credentials = "canary-token";
  keys.keep(it.session(), keys.read(secret, "POST /x").value(), {.status = 201, .resource = "42"}, noon);
  CHECK(it.session().scalar<std::int64_t>(
            {"test.canary",
             "SELECT count(*) FROM idempotency_keys WHERE instr(CAST(key_hash AS TEXT), 'canary') + "
             "instr(CAST(body_hash AS TEXT), 'canary') + instr(resource, 'canary') > 0"}) == 0);
}

TEST_CASE("a key is forgotten after its time, and may then stand for something else") {
  example it;
  const idempotency_keys keys(it.hashes, {.kept = 1h});
  const auto first = keys.read(asked("a"), "POST /x").value();
  keys.keep(it.session(), first, {.status = 201, .resource = "1"}, noon);
  CHECK(keys.find(it.session(), first, noon + 1h - 1ms));
  const auto late = noon + 1h;
  CHECK_FALSE(keys.find(it.session(), first, late));
  const auto other = keys.read(asked("a", "[]"), "POST /x").value();
  CHECK_FALSE(keys.find(it.session(), other, late));
  keys.keep(it.session(), other, {.status = 201, .resource = "2"}, late);
  CHECK(keys.find(it.session(), other, late)->resource == "2");
  CHECK(it.count() == 1);
  // Old ones go as new ones come, although nobody asks for them.
  for (int at = 0; at < 5; ++at)
    keys.keep(it.session(), keys.read(asked("n" + std::to_string(at)), "POST /x").value(),
              {.status = 201, .resource = "3"}, late + 2h);
  CHECK(it.count() == 5);
}

TEST_CASE("of more keys than are kept the oldest go") {
  example it;
  const idempotency_keys keys(it.hashes, {.count_max = 3});
  for (int at = 0; at < 10; ++at)
    keys.keep(it.session(), keys.read(asked("k" + std::to_string(at)), "POST /x").value(),
              {.status = 201, .resource = std::to_string(at)}, noon + std::chrono::seconds(at));
  CHECK(it.count() == 3);
  const auto later = noon + 1min;
  CHECK_FALSE(keys.find(it.session(), keys.read(asked("k6"), "POST /x").value(), later));
  CHECK(keys.find(it.session(), keys.read(asked("k7"), "POST /x").value(), later)->resource == "7");
}

TEST_CASE("a request without a key has none, and what is no key is refused") {
  example it;
  const idempotency_keys keys(it.hashes);
  CHECK_FALSE(keys.read(asked(""), "POST /x"));
  for (const char* key : {"\"", "\"\"", "a b", "\"a", "a\\", "a\tb", "\x7f"})
    CHECK_THROWS_AS(keys.read(asked(key), "POST /x"), claims_app::problem_error);
  CHECK_THROWS_AS(idempotency_keys(it.hashes, {.kept = 999ms}), std::invalid_argument);
  CHECK_THROWS_AS(idempotency_keys(it.hashes, {.kept = std::chrono::days(31)}), std::invalid_argument);
  CHECK_THROWS_AS(idempotency_keys(it.hashes, {.count_max = 0}), std::invalid_argument);
}

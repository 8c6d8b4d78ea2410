// SPDX-License-Identifier: BSL-1.0
#include "shared/idempotency.hpp"

#include "shared/problem.hpp"

#include <hasten/soci/row_mapping.hpp>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <vector>

namespace claims_app {

namespace {

constexpr std::size_t key_max = 128;

constexpr hasten::statement find_key{
    "idempotency.find",
    "SELECT body_hash, status, resource FROM idempotency_keys WHERE key_hash = ?1 AND created_at > ?2"};

// An old entry of the same key is replaced, and counts as the youngest.
constexpr hasten::statement keep_key{
    "idempotency.keep",
    "INSERT OR REPLACE INTO idempotency_keys(key_hash, body_hash, status, resource, created_at) "
    "VALUES(?1, ?2, ?3, ?4, ?5)"};

// One comes and at most four go, so that a lowered bound is reached as well. Only the oldest are looked at: keys fall due in
// the order in which they came.
constexpr hasten::statement forget_keys{
    "idempotency.forget",
    "DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM (SELECT id, created_at FROM idempotency_keys "
    "ORDER BY id LIMIT 4) WHERE created_at <= ?1 OR id <= ?2)"};

struct stored_outcome {
  std::vector<std::byte> body;
  std::int64_t status = 0;
  std::string resource;

  static constexpr auto fields =
      hasten::field_list(&stored_outcome::body, &stored_outcome::status, &stored_outcome::resource);
};

std::int64_t milliseconds_of(hasten::wall_time at) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
}

void require(bool holds, const char* sentence) {
  if (!holds) throw std::invalid_argument(sentence);
}

}  // namespace

idempotency_keys::idempotency_keys(const keyed_hash& hashes, options chosen)
    : keys_(hashes.derive("idempotency: key")),
      bodies_(hashes.derive("idempotency: body")),
      options_(chosen) {
  require(chosen.kept >= std::chrono::seconds(1) && chosen.kept <= std::chrono::days(30),
          "idempotency_keys: kept must be 1 s..30 days");
  require(chosen.count_max >= 1 && chosen.count_max <= 10'000'000,
          "idempotency_keys: count_max must be 1..10000000");
}

std::optional<idempotency_keys::asked> idempotency_keys::read(const request& what,
                                                              std::string_view row) const {
  std::string_view key = what.idempotency_key;
  if (key.empty()) return std::nullopt;
  // The draft wants a quoted string; most clients send it bare.
  if (key.size() >= 2 && key.starts_with('"') && key.ends_with('"')) key = key.substr(1, key.size() - 2);
  const bool is_clean = std::ranges::all_of(
      key, [](char byte) { return byte > 0x20 && byte < 0x7f && byte != '"' && byte != '\\'; });
  if (key.empty() || key.size() > key_max || !is_clean)
    throw problem_error({.status = 400,
                         .kind = "invalid-idempotency-key",
                         .detail = "Idempotency-Key must be 1 to 128 visible ASCII characters, without "
                                   "quotation marks or backslashes inside.",
                         .items = {},
                         .headers = {}});
  // No part can hold the line feed that parts them.
  std::string text(what.credentials);
  text += '\n';
  text += row;
  text += '\n';
  text += key;
  return asked{.key = keys_(text), .body = bodies_(what.body)};
}

std::optional<idempotency_keys::outcome> idempotency_keys::find(hasten::monitored_session& session,
                                                                const asked& what,
                                                                hasten::wall_time now) const {
  auto found = session.maybe<stored_outcome>(find_key, std::span<const std::byte>(what.key),
                                             milliseconds_of(now - options_.kept));
  if (!found) return std::nullopt;
  if (!equal_in_constant_time(found->body, what.body))
    throw problem_error({.status = 409,
                         .kind = "idempotency-key-taken",
                         .detail = "This Idempotency-Key stood for a request with another body.",
                         .items = {},
                         .headers = {}});
  return outcome{.status = found->status, .resource = std::move(found->resource)};
}

void idempotency_keys::keep(hasten::monitored_session& session, const asked& what, const outcome& done,
                            hasten::wall_time now) const {
  session.exec(keep_key, std::span<const std::byte>(what.key), std::span<const std::byte>(what.body),
               done.status, done.resource, milliseconds_of(now));
  session.exec(forget_keys, milliseconds_of(now - options_.kept),
               session.last_insert_id() - options_.count_max);
}

answer_header replayed_header() { return {.name = "Idempotency-Replayed", .value = "true"}; }

problem replay_is_gone() {
  return {.status = 410,
          .kind = {},
          .detail = "This request has been answered before, and what it made is not there any more.",
          .items = {},
          .headers = {}};
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/endpoint.hpp"
#include "shared/keyed_hash.hpp"
#include "shared/problem.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/row_mapping.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// What clients have asked for under an Idempotency-Key, stored beside its effect: whoever did not hear the answer asks again
/// with the same key, and nothing is done twice, also across a crash.
///
/// find() and keep() run in the transaction that has the effect, which holds the write lock: a second request with a key waits
/// for the first one and then finds what it did. A refused request has no effect and keeps no key. The wrong tool for effects
/// outside the database. Thread safety: immutable.
///
///     const auto key = keys.read(request, "POST /api/v1/claims");    // on the I/O thread
///     hasten::transaction whole(*session);
///     const auto before = key ? keys.find(*session, *key, now) : std::nullopt;
///     const std::string id = before ? before->resource : make(*session);
///     if (key && !before) keys.keep(*session, *key, {.status = 201, .resource = id}, now);
///     whole.commit();
class idempotency_keys {
 public:
  struct options {
    std::chrono::milliseconds kept = std::chrono::hours(24);  ///< how long a key is known, 1 s..30 days
    std::int64_t count_max =
        100'000;  ///< keys in the database, 1..10'000'000; the oldest go first, be they younger than `kept`
  };

  /// Throws: std::invalid_argument for an option out of range.
  explicit idempotency_keys(const keyed_hash& hashes) : idempotency_keys(hashes, options{}) {}
  idempotency_keys(const keyed_hash& hashes, options chosen);

  /// One request under a key, by hashes alone.
  struct asked {
    keyed_hash::digest key;
    keyed_hash::digest body;
  };

  /// `row` names method and route, so that one key may stand for a request to each.
  /// Returns: nothing for a request without a key.
  /// Throws: problem_error (400) for a key that is none: 1 to 128 visible ASCII characters, perhaps in quotation marks.
  [[nodiscard]] std::optional<asked> read(const request& what, std::string_view row) const;

  /// What was answered, apart from what can be read again.
  struct outcome {
    std::int64_t status = 0;
    std::string resource;

    static constexpr auto fields = hasten::field_list(&outcome::status, &outcome::resource);
  };

  /// Returns: what was answered to the same request; nothing if the key is new, or is not known any more.
  /// Throws: problem_error (409) if the key stood for another body.
  [[nodiscard]] std::optional<outcome> find(hasten::monitored_session& session, const asked& what,
                                            hasten::wall_time now) const;

  /// Stores what is answered, and forgets a few keys that are due.
  void keep(hasten::monitored_session& session, const asked& what, const outcome& done,
            hasten::wall_time now) const;

 private:
  keyed_hash keys_;
  keyed_hash bodies_;
  options options_;
};

/// The header of an answer that tells of an earlier request.
[[nodiscard]] answer_header replayed_header();

/// Returns: the 410 for a repeated request whose effect is not there any more.
[[nodiscard]] problem replay_is_gone();

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "seeding/claim_generator.hpp"
#include "shared/keyed_hash.hpp"

#include <hasten/soci/monitored_session.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace claims_app {

/// The database was seeded before. Its text says how to insist. Thread safety: immutable.
class already_seeded : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct seed_report {
  std::uint64_t inserted = 0;
  std::uint64_t already_there = 0;
};

/// Fills a database with invented claims, a thousand for each transaction. The same options give the same
/// rows, public ids included, in every database; only the hashes of the member numbers differ, by its key.
///
/// A seed that was cut off goes on where it was when the same one is asked for. With `again` it adds to a database that was seeded before; claims of the same seed and number are left as
/// they are.
/// Throws: already_seeded if the database holds claims of a seed that came to its end and `again` is not set; std::invalid_argument
/// for an option out of range; hasten::error if the database fails, with the transactions before it kept.
seed_report seed_database(hasten::monitored_session& session, const keyed_hash& members,
                          const claim_generator::options& options, bool again = false);

/// Returns: whether the same seed of as many claims was begun in this database and did not come to its end.
[[nodiscard]] bool is_seed_unfinished(hasten::monitored_session& session,
                                      const claim_generator::options& options);

}  // namespace claims_app

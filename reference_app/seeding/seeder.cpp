// SPDX-License-Identifier: BSL-1.0
#include "seeding/seeder.hpp"

#include "shared/claim_writer.hpp"
#include "shared/public_id.hpp"

#include <hasten/soci/transaction.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace claims_app {
namespace {

constexpr std::size_t batch_rows = 1000;

// An id by what it names, not by when it is made. The number of claims is part of it: it decides how many
// practices there are, and so to whom a name belongs.
std::string seeded_id(std::string_view kind, std::string_view key, const claim_generator::options& options) {
  std::string name = "seed " + std::to_string(options.seed) + " of " + std::to_string(options.claims) + '\n';
  name.append(kind).append("\n").append(key);
  std::array<unsigned char, 32> digest{};
  if (EVP_Digest(name.data(), name.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("OpenSSL could not compute SHA-256");
  public_id_entropy entropy;
  std::copy_n(digest.begin(), entropy.size(), entropy.begin());
  return make_public_id(options.anchor, entropy);
}

// What the sources of a seed have as their cursor until its last transaction.
std::string unfinished(const claim_generator::options& options) {
  return "unfinished, of " + std::to_string(options.claims) + " claims";
}

std::string source_name(const claim_generator::options& options) {
  return "seed-" + std::to_string(options.seed);
}

void refuse_second_seed(hasten::monitored_session& session, const claim_generator::options& options) {
  static constexpr hasten::statement any_seed{"seed.any",
                                              "SELECT EXISTS(SELECT 1 FROM data_sources WHERE kind='seed')"};
  if (session.scalar<std::int64_t>(any_seed) != 0 && !is_seed_unfinished(session, options))
    throw already_seeded("the database was seeded before; say --again to add to it");
}

}  // namespace

bool is_seed_unfinished(hasten::monitored_session& session, const claim_generator::options& options) {
  static constexpr hasten::statement any_unfinished{
      "seed.unfinished",
      "SELECT EXISTS(SELECT 1 FROM data_sources WHERE kind='seed' AND name=?1 AND last_cursor=?2)"};
  return session.scalar<std::int64_t>(any_unfinished, source_name(options), unfinished(options)) != 0;
}

seed_report seed_database(hasten::monitored_session& session, const keyed_hash& members,
                          const claim_generator::options& options, bool again) {
  claim_generator claims(options);
  if (!again) refuse_second_seed(session, options);
  const auto anchor_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(options.anchor.time_since_epoch()).count();
  claim_writer writer(session, members, [&options](std::string_view kind, std::string_view key) {
    return seeded_id(kind, key, options);
  });
  std::vector<std::optional<claim_writer::source>> sources(claims.practices());
  const std::string name = source_name(options);
  const std::string cursor = unfinished(options);

  seed_report report;
  for (auto claim = claims.next(); claim;) {
    hasten::transaction batch(session);
    for (std::size_t row = 0; row < batch_rows && claim; ++row, claim = claims.next()) {
      auto& source = sources[claim->practice];
      if (!source) {
        source = writer.data_source(claims.practice_name(claim->practice), "seed", name, anchor_ms);
        if (source->is_new) writer.set_cursor(*source, cursor, anchor_ms);
      }
      ++(writer.insert(*source, claim->record) ? report.inserted : report.already_there);
    }
    if (!claim) {
      for (const auto& source : sources)
        if (source) writer.set_cursor(*source, "complete", anchor_ms);
    }
    batch.commit();
  }
  return report;
}

}  // namespace claims_app

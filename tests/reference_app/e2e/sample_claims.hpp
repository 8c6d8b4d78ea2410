// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "migrations/local_database.hpp"
#include "shared/public_id.hpp"

#include <hasten/soci/transaction.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace e2e {

/// One claim as the tests know it, apart from all that the server does.
struct sample {
  std::int64_t row = 0;
  std::string id;
  std::string status;
  std::string payer;
  std::string provider;
  std::string date;
  std::optional<std::int64_t> billed;
  std::int64_t paid = 0;

  static constexpr auto fields =
      hasten::field_list(&sample::row, &sample::id, &sample::status, &sample::payer, &sample::provider,
                         &sample::date, &sample::billed, &sample::paid);
};

inline constexpr int sample_payers = 3;
inline constexpr int sample_providers = 5;

/// Adds `count` claims, few days and parties among them so that every filter meets some; the first call makes the
/// parties.
inline void add_claims(hasten::monitored_session& session, std::size_t count) {
  claims_app::public_id_generator ids;
  static constexpr hasten::statement insert{"sample.claim",
                                            "INSERT INTO claims(public_id, practice_id, provider_id, "
                                            "payer_id, patient_id, data_source_id, source_ref, "
                                            "claim_type, status, billed_cents, paid_cents, date_of_service, "
                                            "denial_carc, denial_reason, created_at, updated_at) "
                                            "VALUES(?1, 1, ?2, ?3, 1, 1, ?4, 'professional', ?5, ?6, ?7, ?8, "
                                            "?9, ?10, 1700000000000, 1700000000000)"};
  const auto before = session.scalar<std::int64_t>({"sample.count", "SELECT count(*) FROM claims"});
  for (std::size_t at = 0; at < count; ++at) {
    const auto number = static_cast<std::int64_t>(at) + before;
    const char* const status = number % 7 == 0 ? "denied" : number % 3 == 0 ? "pending" : "approved";
    const bool is_denied = number % 7 == 0;
    const std::int64_t day = 10 + (number * 13) % 20;
    const auto none = std::optional<std::string>();
    session.exec(insert, ids.next(), 1 + (number * 11) % sample_providers, 1 + number % sample_payers,
                 "ref-" + std::to_string(number), status,
                 number % 10 == 4 ? std::nullopt : std::optional<std::int64_t>(1000 + number),
                 number % 5 * 100, "2024-01-" + std::to_string(day),
                 is_denied ? std::optional<std::string>("197") : none,
                 is_denied ? std::optional<std::string>("no authorisation") : none);
  }
}

inline void sample_claims(const std::string& path, std::size_t count) {
  claims_app::local_database opened(path);
  hasten::monitored_session& session = opened.session();
  hasten::transaction change(session);
  claims_app::public_id_generator ids;
  session.exec({"sample.practice", "INSERT INTO practices(public_id, name, updated_at) VALUES(?1, 'p', 0)"},
               ids.next());
  for (int at = 1; at <= sample_payers; ++at)
    session.exec({"sample.payer",
                  "INSERT INTO payers(public_id, name, payer_type, source_identifier) VALUES(?1, ?2, "
                  "'commercial', ?2)"},
                 ids.next(), "payer " + std::to_string(at));
  for (int at = 1; at <= sample_providers; ++at)
    session.exec({"sample.provider",
                  "INSERT INTO providers(public_id, practice_id, identifier_system, identifier) VALUES(?1, "
                  "1, 'source', ?2)"},
                 ids.next(), std::to_string(at));
  session.exec({"sample.source",
                "INSERT INTO data_sources(public_id, practice_id, kind, name) VALUES(?1, 1, 'seed', 's')"},
               ids.next());
  session.exec(
      {"sample.patient",
       "INSERT INTO patients(public_id, practice_id, member_bidx, created_at) VALUES(?1, 1, x'00', 0)"},
      ids.next());
  add_claims(session, count);
  change.commit();
}

/// Reads all claims, newest first, as the list should give them.
inline std::vector<sample> all_samples(const std::string& path) {
  claims_app::local_database opened(path);
  return opened.session().all<sample>(
      {"sample.all",
       "SELECT c.id, c.public_id, c.status, y.public_id, v.public_id, c.date_of_service, c.billed_cents, "
       "c.paid_cents "
       "FROM claims c JOIN payers y ON y.id = c.payer_id JOIN providers v ON v.id = c.provider_id "
       "ORDER BY c.date_of_service DESC, c.id DESC"});
}

}  // namespace e2e

// SPDX-License-Identifier: BSL-1.0
#include "risk/risk_repository.hpp"

#include <string>

namespace claims_app {

namespace {

// Days are counted from 1970 on both sides.
constexpr std::string_view subject_columns =
    "SELECT c.id, c.payer_id, c.provider_id, c.billed_cents, "
    "(SELECT count(*) FROM claim_lines l WHERE l.claim_id = c.id), "
    "(SELECT count(*) FROM claim_lines l WHERE l.claim_id = c.id AND coalesce(l.dx_codes, '') = ''), "
    "c.statement_from IS NOT NULL AND c.statement_to IS NOT NULL, "
    "max(0, c.created_at / 86400000 - CAST(strftime('%s', c.date_of_service) AS INTEGER) / 86400), "
    "y.timely_filing_days "
    "FROM claims c CROSS JOIN payers y ON y.id = c.payer_id ";

struct keyed_history {
  std::int64_t row = 0;
  std::int64_t decided = 0;
  std::int64_t denied = 0;

  static constexpr auto fields =
      hasten::field_list(&keyed_history::row, &keyed_history::decided, &keyed_history::denied);
};

outcome_history history_of(const keyed_history& found) {
  return {.decided = found.decided, .denied = found.denied};
}

constexpr hasten::statement payer_history{"risk.payer_history",
                                          "SELECT ?1, count(*), coalesce(sum(status = 'denied'), 0) FROM "
                                          "claims WHERE payer_id = ?1 AND +status <> 'pending'"};
constexpr hasten::statement provider_history{"risk.provider_history",
                                             "SELECT ?1, count(*), coalesce(sum(status = 'denied'), 0) FROM "
                                             "claims WHERE provider_id = ?1 AND +status <> "
                                             "'pending'"};
// Two counts of an index each, rather than a walk over the table.
constexpr hasten::statement everybodys_history{
    "risk.everybodys_history",
    "SELECT 0, d.n + (SELECT count(*) FROM claims WHERE status = 'approved'), d.n "
    "FROM (SELECT count(*) AS n FROM claims WHERE status = 'denied') d"};
constexpr hasten::statement payer_histories{"risk.payer_histories",
                                            "SELECT payer_id, count(*), sum(status = 'denied') FROM claims "
                                            "WHERE +status <> 'pending' GROUP BY payer_id"};
constexpr hasten::statement provider_histories{"risk.provider_histories",
                                               "SELECT provider_id, count(*), sum(status = 'denied') FROM "
                                               "claims WHERE +status <> 'pending' GROUP BY provider_id"};

std::unordered_map<std::int64_t, outcome_history> read_all(hasten::monitored_session& session,
                                                           const hasten::statement& which) {
  std::unordered_map<std::int64_t, outcome_history> out;
  session.each<keyed_history>(which,
                              [&out](const keyed_history& each) { out.emplace(each.row, history_of(each)); });
  return out;
}

}  // namespace

std::optional<risk_subject> find_risk_subject(hasten::monitored_session& session,
                                              std::string_view public_id) {
  static const std::string text = std::string(subject_columns) + "WHERE c.public_id = ?1";
  return session.maybe<risk_subject>({"risk.subject", text}, public_id);
}

std::vector<risk_subject> read_risk_subjects(hasten::monitored_session& session, std::int64_t after,
                                             std::int64_t limit) {
  static const std::string text = std::string(subject_columns) + "WHERE c.id > ?1 ORDER BY c.id LIMIT ?2";
  return session.all<risk_subject>({"risk.subjects", text}, after, limit);
}

std::int64_t count_risk_subjects(hasten::monitored_session& session) {
  return session.scalar<std::int64_t>({"risk.count", "SELECT count(*) FROM claims"});
}

outcome_history read_payer_history(hasten::monitored_session& session, std::int64_t payer_row) {
  return history_of(session.one<keyed_history>(payer_history, payer_row));
}

outcome_history read_provider_history(hasten::monitored_session& session, std::int64_t provider_row) {
  return history_of(session.one<keyed_history>(provider_history, provider_row));
}

outcome_history read_everybodys_history(hasten::monitored_session& session) {
  return history_of(session.one<keyed_history>(everybodys_history));
}

risk_histories read_risk_histories(hasten::monitored_session& session) {
  return {.payers = read_all(session, payer_histories),
          .providers = read_all(session, provider_histories),
          .everybody = read_everybodys_history(session)};
}

risk_inputs inputs_of(const risk_subject& subject) {
  return {.billed_cents = subject.billed_cents,
          .lines = subject.lines,
          .lines_without_diagnosis = subject.lines_without_diagnosis,
          .has_statement_dates = subject.has_statement_dates != 0,
          .days_to_receipt = subject.days_to_receipt,
          .filing_days_max = subject.filing_days_max,
          .payer = {},
          .provider = {},
          .everybody = {}};
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "claims/claim_repository.hpp"

#include "shared/entity_tag.hpp"

#include <hasten/query/query_error.hpp>
#include <hasten/soci/transaction.hpp>

#include <chrono>
#include <string>

namespace claims_app {

namespace {

// CROSS JOIN holds SQLite to the order written: the claims first, by an index that has the list's order, then one look
// by key for each of the others.
constexpr std::string_view claim_columns =
    "SELECT c.id, c.public_id, c.status, pv.public_id, py.public_id, pt.public_id, c.claim_type, "
    "c.billed_cents, "
    "c.allowed_cents, c.paid_cents, c.patient_resp_cents, c.date_of_service, c.statement_from, "
    "c.statement_to, "
    "c.denial_carc, c.denial_reason, c.source_ref, ds.kind, c.created_at, c.updated_at, c.row_version "
    "FROM claims c CROSS JOIN providers pv ON pv.id = c.provider_id CROSS JOIN payers py ON py.id = "
    "c.payer_id "
    "CROSS JOIN patients pt ON pt.id = c.patient_id CROSS JOIN data_sources ds ON ds.id = c.data_source_id ";

// A filter that is not given leaves a condition about its own, empty, parameter: every text takes the same parameters,
// and the planner sees only the conditions that choose rows.
std::string conditions_of(const claim_filters& filters) {
  std::string out = "WHERE ";
  out += filters.status ? "c.status = ?1" : "?1 IS NULL";
  // Payers are few and providers many: beside a provider the plus keeps SQLite off the payers' index, which would be
  // walked through thousands of claims for one that fits.
  out += filters.payer_id ? (filters.provider_id ? " AND +c.payer_id = " : " AND c.payer_id = ") : "";
  out += filters.payer_id ? "(SELECT id FROM payers WHERE public_id = ?2)" : " AND ?2 IS NULL";
  out += filters.provider_id ? " AND c.provider_id = (SELECT id FROM providers WHERE public_id = ?3)"
                             : " AND ?3 IS NULL";
  out += filters.from ? " AND c.date_of_service >= ?4" : " AND ?4 IS NULL";
  out += filters.to ? " AND c.date_of_service <= ?5" : " AND ?5 IS NULL";
  return out;
}

constexpr hasten::statement find_lines{"claims.lines",
                                       "SELECT line_no, code_system, code, modifiers, dx_codes, "
                                       "place_of_service, units, billed_cents, paid_cents "
                                       "FROM claim_lines WHERE claim_id = ?1 ORDER BY line_no"};

constexpr hasten::statement find_parties{
    "claims.parties",
    "SELECT (SELECT id FROM providers WHERE public_id = ?1), (SELECT practice_id FROM providers WHERE "
    "public_id = ?1), "
    "(SELECT id FROM payers WHERE public_id = ?2), (SELECT id FROM patients WHERE public_id = ?3), "
    "(SELECT practice_id FROM patients WHERE public_id = ?3)"};

constexpr hasten::statement make_source{
    "claims.make_source",
    "INSERT INTO data_sources(public_id, practice_id, kind, name) VALUES(?1, ?2, 'api', 'api') "
    "ON CONFLICT(practice_id, name) DO NOTHING"};

constexpr hasten::statement find_source{
    "claims.find_source", "SELECT id FROM data_sources WHERE practice_id = ?1 AND name = 'api'"};

constexpr hasten::statement insert_head{
    "claims.insert",
    "INSERT INTO claims(public_id, practice_id, provider_id, payer_id, patient_id, data_source_id, "
    "source_ref, "
    "claim_type, status, billed_cents, date_of_service, created_at, updated_at) "
    "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pending', ?9, ?10, ?11, ?11)"};

constexpr hasten::statement insert_line{"claims.insert_line",
                                        "INSERT INTO claim_lines(claim_id, line_no, code_system, code, "
                                        "modifiers, dx_codes, place_of_service, units, "
                                        "billed_cents) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};

constexpr hasten::statement store_change{
    "claims.change",
    "UPDATE claims SET status = ?2, allowed_cents = ?3, paid_cents = ?4, patient_resp_cents = ?5, "
    "denial_carc = ?6, denial_reason = ?7, updated_at = ?8, row_version = row_version + 1 WHERE id = ?1"};

struct parties {
  std::optional<std::int64_t> provider;
  std::optional<std::int64_t> provider_practice;
  std::optional<std::int64_t> payer;
  std::optional<std::int64_t> patient;
  std::optional<std::int64_t> patient_practice;

  static constexpr auto fields =
      hasten::field_list(&parties::provider, &parties::provider_practice, &parties::payer, &parties::patient,
                         &parties::patient_practice);
};

parties require_parties(hasten::monitored_session& session, const new_claim& what) {
  const auto found = session.one<parties>(find_parties, what.provider_id, what.payer_id, what.patient_id);
  std::vector<problem_item> problems;
  if (!found.provider) problems.push_back({.where = "/providerId", .reason = "is not known"});
  if (!found.payer) problems.push_back({.where = "/payerId", .reason = "is not known"});
  if (!found.patient) problems.push_back({.where = "/patientId", .reason = "is not known"});
  if (found.provider && found.patient && found.provider_practice != found.patient_practice)
    problems.push_back({.where = "/patientId", .reason = "must belong to the provider's practice"});
  if (!problems.empty()) throw problem_error(invalid_claim(std::move(problems)));
  return found;
}

problem duplicate() {
  return {.status = 409,
          .kind = "duplicate-claim",
          .detail = "The source has given this sourceId to another claim.",
          .item_key = "pointer",
          .items = {{.where = "/sourceId", .reason = "is taken"}},
          .headers = {}};
}

}  // namespace

std::vector<claim> read_claims(hasten::monitored_session& session, const claim_filters& filters) {
  std::string text = std::string(claim_columns) + conditions_of(filters);
  text += filters.after ? " AND (c.date_of_service, c.id) < (?6, ?7)" : " AND ?6 IS NULL AND ?7 IS NULL";
  text += " ORDER BY c.date_of_service DESC, c.id DESC LIMIT ?8";
  std::optional<std::string> date;
  std::optional<std::int64_t> row;
  if (filters.after) {
    date = filters.after->date;
    row = filters.after->row;
  }
  return session.all<claim>({"claims.page", text}, filters.status, filters.payer_id, filters.provider_id,
                            filters.from, filters.to, date, row, std::int64_t{filters.limit} + 1);
}

std::int64_t count_claims(hasten::monitored_session& session, const claim_filters& filters) {
  const std::string text = "SELECT count(*) FROM claims c " + conditions_of(filters);
  return session.scalar<std::int64_t>({"claims.count", text}, filters.status, filters.payer_id,
                                      filters.provider_id, filters.from, filters.to);
}

std::optional<claim> find_claim(hasten::monitored_session& session, std::string_view public_id) {
  static const std::string text = std::string(claim_columns) + "WHERE c.public_id = ?1";
  return session.maybe<claim>({"claims.find", text}, public_id);
}

claim update_claim(hasten::monitored_session& session, std::string_view public_id, const claim_change& change,
                   const tag_conditions& wanted, hasten::wall_time now) {
  hasten::transaction whole(
      session);  // holds the write lock: nobody changes the claim between the look and the change
  std::optional<claim> found = find_claim(session, public_id);
  if (!found) throw problem_error(not_found());
  const std::string plain = tag_of(*found);
  const std::string packed = gzip_tag(plain);
  const auto is_met = [&](auto holds) { return holds(plain) || holds(packed); };
  if (!is_met([&](std::string_view tag) { return allows_etag(wanted.if_match, tag); }) ||
      is_met([&](std::string_view tag) { return names_etag(wanted.if_none_match, tag); }))
    throw problem_error(precondition_failed());
  if (change.is_empty()) return *std::move(found);
  claim next = changed(*std::move(found), change);
  next.updated_at = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  ++next.version;
  session.exec(store_change, next.row, next.status, next.allowed_cents, next.paid_cents,
               next.patient_resp_cents, next.denial_carc, next.denial_reason, next.updated_at);
  whole.commit();
  return next;
}

std::vector<claim_line> read_lines(hasten::monitored_session& session, std::int64_t claim_row) {
  return session.all<claim_line>(find_lines, claim_row);
}

std::string insert_claim(hasten::monitored_session& session, const new_claim& what, public_id_generator& ids,
                         hasten::wall_time now) {
  const std::int64_t instant =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::string id = ids.next();
  const parties who = require_parties(session, what);
  session.exec(make_source, ids.next(), *who.provider_practice);
  const auto source = session.scalar<std::int64_t>(find_source, *who.provider_practice);
  try {
    session.exec(insert_head, id, *who.provider_practice, *who.provider, *who.payer, *who.patient, source,
                 what.source_id.value_or(id), what.claim_type, what.billed_cents, what.date_of_service,
                 instant);
  } catch (const hasten::query_error& failure) {
    if (failure.kind() == hasten::query_error_kind::unique) throw problem_error(duplicate());
    throw;
  }
  const std::int64_t row = session.last_insert_id();
  for (const claim_line& line : what.lines)
    session.exec(insert_line, row, line.number, line.code_system, line.code, line.modifiers, line.dx_codes,
                 line.place_of_service, line.units, line.billed_cents);
  return id;
}

}  // namespace claims_app

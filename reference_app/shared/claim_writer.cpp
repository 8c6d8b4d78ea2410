// SPDX-License-Identifier: BSL-1.0
#include "shared/claim_writer.hpp"

#include <span>
#include <stdexcept>
#include <utility>

namespace claims_app {
namespace {

using hasten::statement;

constexpr statement find_practice{"writer.practice.find", "SELECT id FROM practices WHERE name=?1"};
constexpr statement add_practice{
    "writer.practice.add",
    "INSERT INTO practices(public_id, name, updated_at) VALUES(?1, ?2, ?3) RETURNING id"};
constexpr statement find_source{"writer.source.find",
                                "SELECT id, last_cursor FROM data_sources WHERE practice_id=?1 AND name=?2"};
constexpr statement add_source{
    "writer.source.add",
    "INSERT INTO data_sources(public_id, practice_id, kind, name) VALUES(?1, ?2, ?3, ?4) RETURNING id"};
constexpr statement move_cursor{"writer.source.cursor",
                                "UPDATE data_sources SET last_cursor=?2, last_sync_at=?3 WHERE id=?1"};
constexpr statement find_payer{"writer.payer.find", "SELECT id FROM payers WHERE source_identifier=?1"};
constexpr statement add_payer{
    "writer.payer.add",
    "INSERT INTO payers(public_id, name, payer_type, source_identifier) VALUES(?1, ?2, ?3, ?4) RETURNING id"};
constexpr statement find_provider{
    "writer.provider.find",
    "SELECT id FROM providers WHERE practice_id=?1 AND identifier_system=?2 AND identifier=?3"};
constexpr statement add_provider{
    "writer.provider.add",
    "INSERT INTO providers(public_id, practice_id, identifier_system, identifier, name)"
    " VALUES(?1, ?2, ?3, ?4, ?5) RETURNING id"};
constexpr statement find_patient{"writer.patient.find",
                                 "SELECT id FROM patients WHERE practice_id=?1 AND member_bidx=?2"};
constexpr statement add_patient{"writer.patient.add",
                                "INSERT INTO patients(public_id, practice_id, member_bidx, created_at) "
                                "VALUES(?1, ?2, ?3, ?4) RETURNING id"};
constexpr statement add_claim{
    "writer.claim.add",
    "INSERT INTO claims(public_id, practice_id, provider_id, payer_id, patient_id, data_source_id, "
    "source_ref,"
    " claim_type, status, billed_cents, allowed_cents, paid_cents, patient_resp_cents, date_of_service,"
    " statement_from, statement_to, denial_carc, denial_reason, created_at, updated_at)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
    " ON CONFLICT(data_source_id, source_ref) DO NOTHING"};
constexpr statement add_line{
    "writer.claim.line",
    "INSERT INTO claim_lines(claim_id, line_no, code_system, code, dx_codes, place_of_service, units,"
    " billed_cents, paid_cents) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};

struct source_row {
  std::int64_t id = 0;
  std::optional<std::string> last_cursor = {};
  static constexpr auto fields = hasten::field_list(&source_row::id, &source_row::last_cursor);
};

// The records say "not stated" with an empty text; the database says it with NULL.
std::optional<std::string_view> text_or_null(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

claim_writer::claim_writer(hasten::monitored_session& session, keyed_hash members, id_function new_id)
    : session_(session), members_(std::move(members)), new_id_(std::move(new_id)) {
  if (!new_id_) throw std::invalid_argument("claim_writer: new_id must be callable, got none");
}

claim_writer::source claim_writer::data_source(std::string_view practice_name, std::string_view kind,
                                               std::string_view name, std::int64_t now_ms) {
  source result;
  result.practice_id = practice(practice_name, now_ms);
  if (auto found = session_.maybe<source_row>(find_source, result.practice_id, name)) {
    result.id = found->id;
    result.last_cursor = std::move(found->last_cursor);
    return result;
  }
  const std::string key = std::string(practice_name) + '/' + std::string(name);
  result.id =
      session_.one<std::int64_t>(add_source, new_id_("data_source", key), result.practice_id, kind, name);
  result.is_new = true;
  return result;
}

bool claim_writer::insert(const source& from, const claim_record& claim) {
  const std::int64_t provider_id = provider(from.practice_id, claim.provider);
  const std::int64_t payer_id = payer(claim.payer);
  const std::int64_t patient_id = patient(from.practice_id, claim);
  const std::uint64_t added = session_.exec(
      add_claim, new_id_("claim", claim.source_ref), from.practice_id, provider_id, payer_id, patient_id,
      from.id, claim.source_ref, claim.claim_type, claim.status, claim.billed_cents, claim.allowed_cents,
      claim.paid_cents, claim.patient_resp_cents, claim.date_of_service, text_or_null(claim.statement_from),
      text_or_null(claim.statement_to), text_or_null(claim.denial_carc), text_or_null(claim.denial_reason),
      claim.created_at_ms, claim.updated_at_ms);
  if (added == 0) return false;
  insert_lines(session_.last_insert_id(), claim);
  return true;
}

void claim_writer::set_cursor(const source& from, std::string_view cursor, std::int64_t now_ms) {
  session_.exec(move_cursor, from.id, cursor, now_ms);
}

void claim_writer::forget() {
  payers_.clear();
  providers_.clear();
  patients_.clear();
}

std::int64_t claim_writer::practice(std::string_view name, std::int64_t now_ms) {
  if (const auto found = session_.maybe<std::int64_t>(find_practice, name)) return *found;
  return session_.one<std::int64_t>(add_practice, new_id_("practice", name), name, now_ms);
}

std::int64_t claim_writer::payer(const payer_record& payer) {
  if (const auto* known = payers_.find(payer.source_identifier)) return *known;
  if (const auto found = session_.maybe<std::int64_t>(find_payer, payer.source_identifier))
    return payers_.keep(payer.source_identifier, *found);
  return payers_.keep(payer.source_identifier,
                      session_.one<std::int64_t>(add_payer, new_id_("payer", payer.source_identifier),
                                                 payer.name, payer.payer_type, payer.source_identifier));
}

std::int64_t claim_writer::provider(std::int64_t practice_id, const provider_record& provider) {
  key_ = std::to_string(practice_id);
  key_.append("/").append(provider.identifier_system).append("/").append(provider.identifier);
  if (const auto* known = providers_.find(key_)) return *known;
  if (const auto found = session_.maybe<std::int64_t>(find_provider, practice_id, provider.identifier_system,
                                                      provider.identifier))
    return providers_.keep(key_, *found);
  const auto id = session_.one<std::int64_t>(add_provider, new_id_("provider", key_), practice_id,
                                             provider.identifier_system, provider.identifier,
                                             text_or_null(provider.name));
  return providers_.keep(key_, id);
}

std::int64_t claim_writer::patient(std::int64_t practice_id, const claim_record& claim) {
  const keyed_hash::digest index = members_(claim.member_number);
  const std::span<const std::byte> bytes(index);
  key_ = std::to_string(practice_id);
  key_.append("/").append(text_of(bytes));
  if (const auto* known = patients_.find(key_)) return *known;
  if (const auto found = session_.maybe<std::int64_t>(find_patient, practice_id, bytes))
    return patients_.keep(key_, *found);
  const auto id = session_.one<std::int64_t>(add_patient, new_id_("patient", claim.member_number),
                                             practice_id, bytes, claim.created_at_ms);
  return patients_.keep(key_, id);
}

void claim_writer::insert_lines(std::int64_t claim_id, const claim_record& claim) {
  std::int64_t number = 0;
  for (const auto& line : claim.lines)
    session_.exec(add_line, claim_id, ++number, line.code_system, line.code, text_or_null(line.dx_codes),
                  text_or_null(line.place_of_service), line.units, line.billed_cents, line.paid_cents);
}

const std::int64_t* claim_writer::id_memory::find(const std::string& key) const {
  const auto found = ids_.find(key);
  return found == ids_.end() ? nullptr : &found->second;
}

std::int64_t claim_writer::id_memory::keep(std::string key, std::int64_t id) {
  if (ids_.size() == entries_max) ids_.clear();
  ids_.emplace(std::move(key), id);
  return id;
}

}  // namespace claims_app

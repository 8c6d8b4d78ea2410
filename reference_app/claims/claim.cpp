// SPDX-License-Identifier: BSL-1.0
#include "claims/claim.hpp"

#include "shared/entity_tag.hpp"
#include "shared/instant.hpp"

#include <algorithm>
#include <string_view>

namespace claims_app {

namespace {

void write_words(json_writer& json, std::string_view name, const std::optional<std::string>& words) {
  json.key(name).begin_array();
  std::string_view rest = words ? std::string_view(*words) : std::string_view();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    if (end > 0) json.value(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  json.end_array();
}

}  // namespace

std::string tag_of(const claim& what) { return version_tag(what.version, what.updated_at); }

void write_members(json_writer& json, const claim& what) {
  json.member("id", what.id).member("status", what.status);
  json.member("providerId", what.provider_id).member("payerId", what.payer_id);
  json.member("patientId", what.patient_id).member("claimType", what.claim_type);
  json.member("billedCents", what.billed_cents).member("allowedCents", what.allowed_cents);
  json.member("paidCents", what.paid_cents).member("patientResponsibilityCents", what.patient_resp_cents);
  json.member("dateOfService", what.date_of_service);
  json.member("statementFrom", what.statement_from).member("statementTo", what.statement_to);
  json.key("denialReason");
  if (what.denial_carc) {
    json.begin_object().member("carc", *what.denial_carc).member("text", what.denial_reason).end_object();
  } else {
    json.value(nullptr);
  }
  json.member("sourceId", what.source_id).member("source", what.source);
  json.member("createdAt", to_rfc3339(what.created_at)).member("updatedAt", to_rfc3339(what.updated_at));
  json.member("version", what.version);
}

void write_lines(json_writer& json, const std::vector<claim_line>& lines) {
  json.key("lines").begin_array();
  for (const claim_line& line : lines) {
    json.begin_object().member("lineNumber", line.number);
    json.member("codeSystem", line.code_system).member("code", line.code);
    write_words(json, "modifiers", line.modifiers);
    write_words(json, "diagnosisCodes", line.dx_codes);
    json.member("placeOfService", line.place_of_service).member("units", line.units);
    json.member("billedCents", line.billed_cents).member("paidCents", line.paid_cents).end_object();
  }
  json.end_array();
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "claims/claim_change.hpp"

#include "claims/new_claim.hpp"
#include "shared/json_fields.hpp"

#include <array>
#include <utility>

namespace claims_app {

namespace {

constexpr std::array<std::string_view, 5> members = {"status", "allowedCents", "paidCents",
                                                     "patientResponsibilityCents", "denialReason"};
constexpr std::array<std::string_view, 2> reason_members = {"carc", "text"};
constexpr std::array<std::string_view, 3> statuses = {"pending", "approved", "denied"};

std::optional<claim_change::reason> read_reason(json_fields& fields) {
  auto given = fields.optional_object("denialReason", reason_members);
  if (!given) return std::nullopt;
  auto carc = given->text("carc", {.least = 1, .most = 5, .marks = ""});
  auto text = given->optional_text("text", {.least = 1, .most = 200, .marks = " .,;:-/()'"});
  return claim_change::reason{.carc = std::move(carc).value_or(""), .text = std::move(text)};
}

problem_error refused(std::string_view pointer, std::string reason) {
  return problem_error(invalid_claim({{.where = std::string(pointer), .reason = std::move(reason)}}));
}

}  // namespace

bool claim_change::is_empty() const noexcept {
  return !status && !allowed_cents && !drops_allowed && !paid_cents && !patient_resp_cents &&
         !denial_reason && !drops_reason;
}

claim_change read_claim_change(std::string_view body) {
  const json_document document(body);
  std::vector<problem_item> problems;
  json_fields fields(document.root(), "", members, problems);
  claim_change out;
  for (const std::string_view name : {"status", "paidCents", "patientResponsibilityCents"})
    if (fields.is_null(name)) fields.complain(name, "cannot be removed");
  if (fields.has("status")) out.status = fields.one_of("status", statuses);
  out.drops_allowed = fields.is_null("allowedCents");
  out.allowed_cents = fields.optional_integer("allowedCents", 0, claim_cents_max);
  out.paid_cents = fields.optional_integer("paidCents", -claim_cents_max, claim_cents_max);
  out.patient_resp_cents = fields.optional_integer("patientResponsibilityCents", 0, claim_cents_max);
  out.drops_reason = fields.is_null("denialReason");
  out.denial_reason = read_reason(fields);
  if (!problems.empty()) throw problem_error(invalid_claim(std::move(problems)));
  return out;
}

claim changed(claim before, const claim_change& change) {
  if (change.status == "pending" && before.status != "pending")
    throw problem_error({.status = 409,
                         .kind = "claim-state",
                         .detail = "A claim that has been decided is not pending again.",
                         .item_key = "pointer",
                         .items = {{.where = "/status", .reason = "must be approved or denied"}},
                         .headers = {}});
  claim out = std::move(before);
  if (change.status) out.status = *change.status;
  if (change.allowed_cents || change.drops_allowed) out.allowed_cents = change.allowed_cents;
  if (change.paid_cents) out.paid_cents = *change.paid_cents;
  if (change.patient_resp_cents) out.patient_resp_cents = *change.patient_resp_cents;
  if (out.status == "denied") {
    if (change.denial_reason) {
      out.denial_carc = change.denial_reason->carc;
      out.denial_reason = change.denial_reason->text;
    }
    if (!out.denial_carc || change.drops_reason)
      throw refused("/denialReason", "is missing: a denied claim has one");
  } else {
    if (change.denial_reason) throw refused("/denialReason", "is for denied claims alone");
    out.denial_carc.reset();  // why it was denied before says nothing about it any more
    out.denial_reason.reset();
  }
  return out;
}

}  // namespace claims_app

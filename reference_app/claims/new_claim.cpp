// SPDX-License-Identifier: BSL-1.0
#include "claims/new_claim.hpp"

#include "shared/json_fields.hpp"

#include <array>

namespace claims_app {

namespace {

constexpr std::array<std::string_view, 8> members = {"providerId",  "payerId",       "patientId", "claimType",
                                                     "billedCents", "dateOfService", "lines",     "sourceId"};
constexpr std::array<std::string_view, 7> line_members = {
    "code", "codeSystem", "units", "billedCents", "diagnosisCodes", "modifiers", "placeOfService"};
constexpr std::array<std::string_view, 2> claim_types = {"professional", "institutional"};
constexpr std::array<std::string_view, 3> code_systems = {"hcpcs", "drg", "snomed"};

// The words of the schema are separated by blanks; the rule lets none of them hold one.
std::optional<std::string> words_of(json_fields& fields, std::string_view name, text_rule rule,
                                    std::size_t most) {
  std::optional<std::string> joined;
  for (const std::string& word : fields.texts(name, rule, most)) {
    if (joined) *joined += ' ';
    joined = joined.value_or(std::string()) + word;
  }
  return joined;
}

claim_line read_line(json_fields fields, std::int64_t number) {
  claim_line line;
  line.number = number;
  line.code = fields.text("code", {.least = 1, .most = 20, .marks = ".-"}).value_or("");
  line.code_system = fields.one_of("codeSystem", code_systems).value_or("");
  line.units = fields.optional_number("units", 0.001, 99'999).value_or(1);
  line.billed_cents = fields.optional_integer("billedCents", 0, claim_cents_max);
  line.dx_codes = words_of(fields, "diagnosisCodes", {.least = 3, .most = 18, .marks = "."}, 12);
  line.modifiers = words_of(fields, "modifiers", {.least = 2, .most = 2, .marks = ""}, 4);
  line.place_of_service = fields.optional_text("placeOfService", {.least = 2, .most = 2, .marks = ""});
  return line;
}

void check_sum(json_fields& fields, new_claim& claim) {
  std::int64_t sum = 0;
  for (const claim_line& line : claim.lines) {
    if (!line.billed_cents) return;
    sum += *line.billed_cents;
  }
  if (claim.lines.empty()) return;
  if (sum > claim_cents_max) {
    fields.complain("lines", "must not bill more together than a claim may");
  } else if (!claim.billed_cents) {
    claim.billed_cents = sum;
  } else if (*claim.billed_cents != sum) {
    fields.complain("billedCents", "must be the sum of the lines' billedCents");
  }
}

}  // namespace

problem invalid_claim(std::vector<problem_item> items) {
  return {.status = 422,
          .kind = "invalid-claim",
          .detail = "See errors for each member and what it must be.",
          .item_key = "pointer",
          .items = std::move(items),
          .headers = {}};
}

new_claim read_new_claim(std::string_view body, std::chrono::year_month_day today) {
  const json_document document(body);
  std::vector<problem_item> problems;
  json_fields fields(document.root(), "", members, problems);
  new_claim claim;
  claim.provider_id = fields.public_id("providerId").value_or("");
  claim.payer_id = fields.public_id("payerId").value_or("");
  claim.patient_id = fields.public_id("patientId").value_or("");
  claim.claim_type = fields.one_of("claimType", claim_types).value_or("");
  claim.billed_cents = fields.optional_integer("billedCents", 0, claim_cents_max);
  claim.date_of_service = fields.date("dateOfService", today).value_or("");
  claim.source_id = fields.optional_text("sourceId", {.least = 1, .most = 64, .marks = "._:-"});
  const std::size_t lines = fields.array_size("lines", claim_lines_max);
  for (std::size_t at = 0; at < lines; ++at)
    claim.lines.push_back(
        read_line(fields.element("lines", at, line_members), static_cast<std::int64_t>(at) + 1));
  if (problems.empty()) check_sum(fields, claim);
  if (!problems.empty()) throw problem_error(invalid_claim(std::move(problems)));
  return claim;
}

}  // namespace claims_app

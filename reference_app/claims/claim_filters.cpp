// SPDX-License-Identifier: BSL-1.0
#include "claims/claim_filters.hpp"

#include "shared/iso_date.hpp"
#include "shared/public_id.hpp"
#include "shared/query_parameters.hpp"

#include <array>

namespace claims_app {

namespace {

constexpr std::array<std::string_view, 8> known = {"status", "payer_id", "provider_id", "from",
                                                   "to",     "cursor",   "limit",       "total"};
constexpr std::array<std::string_view, 3> statuses = {"pending", "approved", "denied"};
constexpr std::array<std::string_view, 2> totals = {"none", "exact"};

std::optional<std::string> id_of(query_parameters& query, std::string_view name) {
  const auto text = query.text(name);
  if (!text) return std::nullopt;
  if (!is_public_id(*text)) query.complain(name, "must be an id of 26 characters, as the lists give it");
  return std::string(*text);
}

void add(std::string& out, std::string_view name, const std::optional<std::string>& value) {
  if (!value) return;
  out += name;
  out += '=';
  out += *value;  // checked: no value that passed can hold the separator
  out += '\n';
}

}  // namespace

std::string claim_filters::canonical() const {
  std::string out = "claims\n";
  add(out, "status", status);
  add(out, "payer_id", payer_id);
  add(out, "provider_id", provider_id);
  add(out, "from", from);
  add(out, "to", to);
  return out;
}

std::string claim_filters::canonical_with_page() const {
  std::string out = canonical();
  if (after) out += "after=" + after->date + "|" + std::to_string(after->row) + '\n';
  out += "limit=" + std::to_string(limit) + '\n';
  if (wants_total) out += "total\n";
  return out;
}

claim_filters read_claim_filters(std::string_view query_string, const cursor_codec& cursors) {
  query_parameters query(query_string, known);
  claim_filters out;
  if (const auto status = query.one_of("status", statuses)) out.status = std::string(*status);
  out.payer_id = id_of(query, "payer_id");
  out.provider_id = id_of(query, "provider_id");
  out.from = date_parameter(query, "from");
  out.to = date_parameter(query, "to");
  if (out.from && out.to && *out.from > *out.to) query.complain("to", "must not be before from");
  out.limit = query.integer("limit", 1, 200).value_or(out.limit);
  out.wants_total = query.one_of("total", totals) == "exact";
  if (const auto cursor = query.text("cursor")) {
    out.after = cursors.decode(*cursor, out.canonical());
    if (!out.after)
      query.complain("cursor", "must be a nextCursor that this server gave for the same filters");
  }
  query.check();
  return out;
}

}  // namespace claims_app

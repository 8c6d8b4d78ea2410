// SPDX-License-Identifier: BSL-1.0
#include "denials/denial_metrics.hpp"

#include "shared/json_writer.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace claims_app {

namespace {

// An open side takes the first or the last day that the format can write, so that one text serves every range and
// always walks the index of the metrics.
constexpr hasten::statement totals_by_status{
    "denials.metrics",
    "SELECT status, count(*), count(*) - count(billed_cents), coalesce(sum(billed_cents), 0), "
    "sum(paid_cents) "
    "FROM claims WHERE date_of_service BETWEEN coalesce(?1, '0000-01-01') AND coalesce(?2, '9999-12-31') "
    "GROUP BY status"};

constexpr std::array<std::string_view, 3> statuses = {"pending", "approved", "denied"};

}  // namespace

std::vector<status_total> read_status_totals(hasten::monitored_session& session, const date_range& range) {
  return session.all<status_total>(totals_by_status, range.from, range.to);
}

std::string metrics_body(const std::vector<status_total>& totals, const date_range& range) {
  status_total all;
  status_total denied;
  for (const status_total& each : totals) {
    all.claims += each.claims;
    all.without_billed += each.without_billed;
    all.billed_cents += each.billed_cents;
    all.paid_cents += each.paid_cents;
    if (each.status == "denied") denied = each;
  }
  std::string body;
  json_writer json(body);
  json.begin_object().member("from", range.from).member("to", range.to).member("claims", all.claims);
  json.member("billedCents", all.billed_cents).member("paidCents", all.paid_cents);
  json.member("withoutBilledAmount", all.without_billed);
  json.member("denied", denied.claims).member("deniedCents", denied.billed_cents).key("denialRate");
  if (all.claims == 0) {
    json.value(nullptr);
  } else {
    json.value(static_cast<double>(denied.claims) / static_cast<double>(all.claims));
  }
  json.key("byStatus").begin_object();
  for (const std::string_view status : statuses) {
    const auto found = std::ranges::find(totals, status, &status_total::status);
    const status_total one = found == totals.end() ? status_total{} : *found;
    json.key(status).begin_object().member("claims", one.claims).member("billedCents", one.billed_cents);
    json.member("paidCents", one.paid_cents).member("withoutBilledAmount", one.without_billed).end_object();
  }
  json.end_object().end_object();
  return body;
}

}  // namespace claims_app

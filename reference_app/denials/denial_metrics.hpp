// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/monitored_session.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace claims_app {

/// The days asked about, both inclusive; an absent one leaves that side open.
struct date_range {
  std::optional<std::string> from;
  std::optional<std::string> to;
};

/// What the claims of one status add up to.
struct status_total {
  std::string status;
  std::int64_t claims = 0;
  std::int64_t without_billed = 0;  // the source carries no charge: not part of billed_cents
  std::int64_t billed_cents = 0;
  std::int64_t paid_cents = 0;

  static constexpr auto fields =
      hasten::field_list(&status_total::status, &status_total::claims, &status_total::without_billed,
                         &status_total::billed_cents, &status_total::paid_cents);
};

/// Reads the totals by status in one statement, from one index alone.
[[nodiscard]] std::vector<status_total> read_status_totals(hasten::monitored_session& session,
                                                           const date_range& range);

/// Returns: the totals as JSON; a status without claims is there with zeros.
[[nodiscard]] std::string metrics_body(const std::vector<status_total>& totals, const date_range& range);

}  // namespace claims_app

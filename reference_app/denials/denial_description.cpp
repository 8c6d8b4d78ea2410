// SPDX-License-Identifier: BSL-1.0
#include "denials/denial_description.hpp"

namespace claims_app {

void describe_denials(api_description& out) {
  out.operations.push_back({.row = "GET /api/v1/denials/metrics",
                            .name = "readDenialMetrics",
                            .summary = "Counts and sums by status, and the denial rate",
                            .answers = "200:DenialMetrics",
                            .query = "from:Day to:Day",
                            .is_kept = true});
  out.schemas.push_back({"StatusTotal",
                         "claims:integer billedCents:integer paidCents:integer "
                         "withoutBilledAmount:integer"});
  out.schemas.push_back({"StatusTotals", "pending:StatusTotal approved:StatusTotal denied:StatusTotal"});
  out.schemas.push_back({"DenialMetrics",
                         "from:Day? to:Day? claims:integer billedCents:integer paidCents:integer "
                         "withoutBilledAmount:integer denied:integer deniedCents:integer denialRate:number? "
                         "byStatus:StatusTotals"});
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "risk/risk_description.hpp"

namespace claims_app {

void describe_risk(api_description& out) {
  out.operations.push_back({.row = "GET /api/v1/claims/{id}/risk",
                            .name = "readRisk",
                            .summary = "How likely a claim is to be denied, and why",
                            .answers = "200:Risk",
                            .id = "PublicId",
                            .is_kept = true});
  out.schemas.push_back({"RiskLevel", R"({"type":"string","enum":["low","medium","high"]})"});
  out.schemas.push_back({"RiskFactor", "name:string points:integer pointsMax:integer reason:string"});
  out.schemas.push_back({"Risk", "claimId:PublicId points:integer level:RiskLevel factors:RiskFactor[]"});
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "directory/directory_description.hpp"

namespace claims_app {

void describe_directory(api_description& out) {
  out.operations.push_back({.row = "GET /api/v1/payers",
                            .name = "listPayers",
                            .summary = "A page of payers",
                            .answers = "200:PayerPage",
                            .query = "cursor:string limit:PageSize",
                            .is_kept = true});
  out.operations.push_back({.row = "GET /api/v1/providers",
                            .name = "listProviders",
                            .summary = "A page of providers",
                            .answers = "200:ProviderPage",
                            .query = "cursor:string limit:PageSize",
                            .is_kept = true});
  out.schemas.push_back(
      {"PayerType",
       R"({"type":"string","enum":["commercial","medicare","medicare_advantage","medicaid","marketplace","tricare",)"
       R"("workers_comp","self_pay","unknown"]})"});
  out.schemas.push_back({"Payer", "id:PublicId name:string type:PayerType timelyFilingDays:integer"});
  out.schemas.push_back({"PayerPage", "data:Payer[] nextCursor:string?"});
  out.schemas.push_back({"Provider", "id:PublicId name:string? active:boolean"});
  out.schemas.push_back({"ProviderPage", "data:Provider[] nextCursor:string?"});
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "claims/claim_description.hpp"

#include <iterator>

namespace claims_app {

namespace {

constexpr named_schema schemas[] = {
    {"PublicId", R"({"type":"string","pattern":"^[0-7][0-9A-HJKMNP-TV-Z]{25}$"})"},
    {"Day", R"({"type":"string","format":"date","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})"},
    {"Instant", R"({"type":"string","format":"date-time"})"},
    {"PageSize", R"({"type":"integer","minimum":1,"maximum":200,"default":50})"},
    {"TotalKind", R"({"type":"string","enum":["none","exact"],"default":"none"})"},
    {"ClaimStatus", R"({"type":"string","enum":["pending","approved","denied"]})"},
    {"ClaimType", R"({"type":"string","enum":["professional","institutional"]})"},
    {"CodeSystem", R"({"type":"string","enum":["hcpcs","drg","snomed"]})"},
    {"Source", R"({"type":"string","enum":["edi837","edi835","fhir","csv","api","seed"]})"},
    {"DenialReason", "carc:string text:string?"},
    {"ClaimLine",
     "lineNumber:integer codeSystem:CodeSystem code:string modifiers:string[] diagnosisCodes:string[] "
     "placeOfService:string? units:number billedCents:integer? paidCents:integer"},
    {"Claim",
     "id:PublicId status:ClaimStatus providerId:PublicId payerId:PublicId patientId:PublicId "
     "claimType:ClaimType billedCents:integer? allowedCents:integer? paidCents:integer "
     "patientResponsibilityCents:integer dateOfService:Day statementFrom:Day? statementTo:Day? "
     "denialReason:DenialReason? sourceId:string source:Source createdAt:Instant updatedAt:Instant "
     "version:integer"},
    {"ClaimWithLines",
     "id:PublicId status:ClaimStatus providerId:PublicId payerId:PublicId patientId:PublicId "
     "claimType:ClaimType billedCents:integer? allowedCents:integer? paidCents:integer "
     "patientResponsibilityCents:integer dateOfService:Day statementFrom:Day? statementTo:Day? "
     "denialReason:DenialReason? sourceId:string source:Source createdAt:Instant updatedAt:Instant "
     "version:integer lines:ClaimLine[]"},
    {"ClaimPage", "data:Claim[] nextCursor:string? total?:integer"},
    {"NewClaimLine",
     "code:string codeSystem:CodeSystem units?:number? billedCents?:integer? diagnosisCodes?:string[]? "
     "modifiers?:string[]? placeOfService?:string?"},
    {"NewClaim",
     "providerId:PublicId payerId:PublicId patientId:PublicId claimType:ClaimType dateOfService:Day "
     "billedCents?:integer? sourceId?:string? lines?:NewClaimLine[]?"},
    {"NewDenialReason", "carc:string text?:string?"},
    {"ClaimChange",
     "status?:ClaimStatus allowedCents?:integer? paidCents?:integer patientResponsibilityCents?:integer "
     "denialReason?:NewDenialReason?"},
};

}  // namespace

void describe_claims(api_description& out) {
  out.schemas.insert(out.schemas.end(), std::begin(schemas), std::end(schemas));
  out.operations.push_back(
      {.row = "GET /api/v1/claims",
       .name = "listClaims",
       .summary = "A page of claims, newest first",
       .answers = "200:ClaimPage",
       .query = "status:ClaimStatus payer_id:PublicId provider_id:PublicId from:Day to:Day cursor:string "
                "limit:PageSize total:TotalKind",
       .is_kept = true});
  out.operations.push_back({.row = "POST /api/v1/claims",
                            .name = "makeClaim",
                            .summary = "Makes a claim",
                            .answers = "201:ClaimWithLines 409 422",
                            .body = "NewClaim",
                            .takes_key = true});
  out.operations.push_back({.row = "GET /api/v1/claims/{id}",
                            .name = "readClaim",
                            .summary = "One claim with its lines",
                            .answers = "200:ClaimWithLines",
                            .id = "PublicId",
                            .is_kept = true});
  out.operations.push_back({.row = "PATCH /api/v1/claims/{id}",
                            .name = "changeClaim",
                            .summary = "What the payer decided: what is left out stays, null removes",
                            .answers = "200:ClaimWithLines 409 422",
                            .id = "PublicId",
                            .body = "ClaimChange",
                            .wants_match = true});
}

}  // namespace claims_app

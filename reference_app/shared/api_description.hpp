// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>
#include <vector>

namespace claims_app {

/// What one method of one route takes and answers, for the OpenAPI document. Everything is a literal.
///
/// Members and parameters are written as "name:type name:type". A type is one of string, integer, number, boolean, any, or the
/// name of a schema; behind it "[]" makes a list of it, "?" lets it be null. A name with "?" behind it may be left out.
struct operation {
  std::string_view row;   // method and template, as router::row_names() says them: "GET /api/v1/claims/{id}"
  std::string_view name;  // unique: "readClaim"
  std::string_view summary;     // one sentence
  std::string_view answers;     // "200:Claim 204 409": what is no success and has no schema is a problem
  std::string_view query = {};  // parameters, all optional
  std::string_view id = {};     // the type of what stands for {id}
  std::string_view body = {};   // the name of a schema; empty: none is wanted
  bool is_kept = false;         // its answer has an entity tag: If-None-Match, 304, If-Match, 412
  bool takes_key = false;       // Idempotency-Key: 409, 410
  bool wants_match = false;     // If-Match, or 428; 412
};

/// A schema that operations speak of: its members as above, " ..." behind the last of them if there may be others; or JSON Schema
/// itself, where it begins with a brace.
struct named_schema {
  std::string_view name;
  std::string_view text;
};

/// What all slices say about their routes.
struct api_description {
  std::vector<operation> operations;
  std::vector<named_schema> schemas;
};

}  // namespace claims_app

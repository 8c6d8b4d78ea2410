// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/router.hpp"
#include "shared/api_description.hpp"
#include "shared/endpoint.hpp"

#include <string>
#include <vector>

namespace claims_app {

/// The OpenAPI 3.1 document of the routes there are, at GET /api/v1/openapi.json.
///
/// What belongs to every route of a kind (the token, 401, 404 behind an id, 406, what bodies are refused for) is told from the
/// route itself; the rest is what its slice says. Left out are older names of routes, and what is there for tests alone.
/// Thread safety: immutable once written; it outlives the handlers it gives out.
class api_document {
 public:
  /// Appends the route of the document.
  void add_routes(std::vector<route>& routes);

  /// Writes the document; before the first request.
  /// Throws: std::invalid_argument for a description that cannot be read or names a schema that is not there.
  void write(const router& routes, const api_description& said);

  /// Returns: routes that nobody has described, and descriptions of routes that are not there: "GET /api/v1/claims".
  [[nodiscard]] const std::vector<std::string>& amiss() const noexcept { return amiss_; }

 private:
  std::string text_;
  std::vector<std::string> amiss_;
};

/// The document's words about itself.
void describe_api_document(api_description& out);

}  // namespace claims_app

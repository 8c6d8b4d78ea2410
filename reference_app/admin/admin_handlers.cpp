// SPDX-License-Identifier: BSL-1.0
#include "admin/admin_handlers.hpp"

#include "shared/json_writer.hpp"
#include "shared/query_parameters.hpp"

#include <hasten/core/version.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace claims_app {

namespace {

std::string version_text() {
  return std::to_string(hasten::version_major) + "." + std::to_string(hasten::version_minor) + "." +
         std::to_string(hasten::version_patch);
}

// A route that takes no parameters, and answers without waiting for anything.
handler at_once(std::function<answer()> make) {
  return [make = std::move(make)](const request& what) {
    query_parameters(what.query, {}).check();
    plan out;
    out.now = make();
    return out;
  };
}

}  // namespace

void admin_handlers::add_routes(std::vector<route>& routes) const {
  routes.push_back({.pattern = "/", .who = access::open, .get = at_once([] { return index(); }), .post = {}});
}

answer admin_handlers::index() {
  answer out;
  json_writer json(out.body);
  json.begin_object().member("name", "hasten reference server").member("version", version_text());
  json.key("links").begin_object();
  json.member("apiDocument", "/api/v1/openapi.json");
  json.member("claims", "/api/v1/claims").member("deniedClaims", "/api/v1/claims?status=denied");
  json.member("payers", "/api/v1/payers").member("providers", "/api/v1/providers");
  json.member("denialMetrics", "/api/v1/denials/metrics");
  json.member("liveness", "/livez").member("readiness", "/readyz");
  json.member("health", "/api/v1/admin/health").member("cacheStats", "/api/v1/admin/cache/stats");
  json.member("performance", "/api/v1/admin/performance").member("requests", "/api/v1/admin/requests");
  json.member("alerts", "/api/v1/admin/alerts").member("charts", "/api/v1/admin/timeseries");
  json.member("events", "/api/v1/admin/events").member("metrics", "/metrics").end_object().end_object();
  return out;
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "denials/denial_handlers.hpp"

#include "denials/denial_metrics.hpp"
#include "shared/keyed_name.hpp"
#include "shared/query_parameters.hpp"

#include <hasten/soci/query_deadline.hpp>

#include <array>

namespace claims_app {

namespace {

constexpr std::array<std::string_view, 2> known = {"from", "to"};

date_range read_range(std::string_view query_string) {
  query_parameters query(query_string, known);
  date_range out{.from = date_parameter(query, "from"), .to = date_parameter(query, "to")};
  if (out.from && out.to && *out.from > *out.to) query.complain("to", "must not be before from");
  query.check();
  return out;
}

}  // namespace

void denial_handlers::add_routes(std::vector<route>& routes) {
  routes.push_back({.pattern = "/api/v1/denials/metrics",
                    .who = access::api,
                    .get = [this](const request& what) { return metrics(what); },
                    .post = {},
                    .type = json_type});
}

plan denial_handlers::metrics(const request& what) {
  date_range range = read_range(what.query);
  plan out;
  out.key.add("metrics:denials:");
  parts_.version.add_to(out.key);
  out.key.add(":").add(keyed_name(parts_.key_hash, range.from.value_or("") + "|" + range.to.value_or("")));
  out.load = [this, range = std::move(range)](work& task) {
    std::vector<status_total> totals;
    {
      const database_time timed(task);
      auto session = parts_.sessions.read(task.deadline);
      session->watch_repeats(&task.statements);
      const hasten::query_deadline limit(*session, task.deadline, task.stop);
      totals = read_status_totals(*session, range);
    }
    return answer{.body = metrics_body(totals, range), .headers = {}};
  };
  return out;
}

}  // namespace claims_app

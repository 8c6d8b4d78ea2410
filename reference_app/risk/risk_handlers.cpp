// SPDX-License-Identifier: BSL-1.0
#include "risk/risk_handlers.hpp"

#include "risk/risk_repository.hpp"
#include "shared/json_writer.hpp"
#include "shared/problem.hpp"
#include "shared/public_id.hpp"
#include "shared/query_parameters.hpp"

#include <hasten/soci/query_deadline.hpp>

#include <string>

namespace claims_app {

namespace {

std::string body_of(std::string_view claim_id, const risk_score& score) {
  std::string body;
  json_writer json(body);
  json.begin_object().member("claimId", claim_id).member("points", score.points);
  json.member("level", name_of(score.level)).key("factors").begin_array();
  for (const risk_factor& each : score.factors) {
    json.begin_object().member("name", each.name).member("points", each.points);
    json.member("pointsMax", each.points_max).member("reason", each.reason).end_object();
  }
  json.end_array().end_object();
  return body;
}

}  // namespace

void risk_handlers::add_routes(std::vector<route>& routes) {
  routes.push_back({.pattern = "/api/v1/claims/{id}/risk",
                    .who = access::api,
                    .get = [this](const request& what) { return risk(what); },
                    .post = {}});
}

plan risk_handlers::risk(const request& what) {
  query_parameters(what.query, {}).check();
  if (!is_public_id(what.id)) throw problem_error(not_found());
  plan out;
  out.key.add(score_prefix).add(what.id);
  out.kept = score_kept;
  out.load = [this, id = std::string(what.id)](work& task) {
    risk_score found;
    {
      const database_time timed(task);
      auto session = sessions_.read(task.deadline);
      session->watch_repeats(&task.statements);
      const hasten::query_deadline limit(*session, task.deadline, task.stop);
      found = score(*session, id);
    }
    const stage_time serialising(task.serialise);
    return answer{.body = body_of(id, found), .headers = {}};
  };
  return out;
}

risk_score risk_handlers::score(hasten::monitored_session& session, std::string_view id) {
  const auto subject = find_risk_subject(session, id);
  if (!subject) throw problem_error(not_found());
  risk_inputs inputs = inputs_of(*subject);
  inputs.payer = history(session, {party::payer, subject->payer_row});
  inputs.provider = history(session, {party::provider, subject->provider_row});
  inputs.everybody = history(session, {party::everybody, 0});
  return score_risk(inputs);
}

outcome_history risk_handlers::history(hasten::monitored_session& session, const history_key& key) {
  return histories_.get_or_load(key, [&] {
    if (key.whose == party::payer) return read_payer_history(session, key.row);
    if (key.whose == party::provider) return read_provider_history(session, key.row);
    return read_everybodys_history(session);
  });
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "claims/claim_handlers.hpp"

#include "claims/claim_repository.hpp"
#include "shared/json_writer.hpp"
#include "shared/keyed_name.hpp"
#include "shared/query_parameters.hpp"

#include <hasten/soci/query_deadline.hpp>
#include <hasten/soci/transaction.hpp>

#include <string>

namespace claims_app {

namespace {

constexpr std::string_view claims_path = "/api/v1/claims";

std::string page_body(std::vector<claim> found, const claim_filters& filters,
                      std::optional<std::int64_t> total, const cursor_codec& cursors) {
  const auto limit = static_cast<std::size_t>(filters.limit);
  const bool has_more = found.size() > limit;
  if (has_more) found.pop_back();
  std::string body;
  body.reserve(600 * found.size() + 200);
  json_writer json(body);
  json.begin_object().key("data").begin_array();
  for (const claim& each : found) {
    json.begin_object();
    write_members(json, each);
    json.end_object();
  }
  json.end_array().key("nextCursor");
  if (has_more) {
    json.value(
        cursors.encode({.date = found.back().date_of_service, .row = found.back().row}, filters.canonical()));
  } else {
    json.value(nullptr);
  }
  if (total) json.member("total", *total);
  json.end_object();
  return body;
}

std::string item_body(const claim& what, const std::vector<claim_line>& lines) {
  std::string body;
  json_writer json(body);
  json.begin_object();
  write_members(json, what);
  write_lines(json, lines);
  json.end_object();
  return body;
}

cache_key item_key(std::string_view id) {
  cache_key out;
  out.add("claims:item:").add(id);
  return out;
}

problem precondition_missing() {
  return {.status = 428,
          .kind = {},
          .detail = "A change needs the header If-Match with the ETag of the claim as it was read.",
          .items = {},
          .headers = {}};
}

std::chrono::year_month_day today() {
  return std::chrono::floor<std::chrono::days>(hasten::wall_clock_source::now());
}

}  // namespace

void claim_handlers::add_routes(std::vector<route>& routes) {
  routes.push_back({.pattern = claims_path,
                    .who = access::api,
                    .get = [this](const request& what) { return list(what); },
                    .post = [this](const request& what) { return create(what); },
                    .type = json_type});
  routes.push_back({.pattern = "/api/v1/claims/{id}",
                    .who = access::api,
                    .get = [this](const request& what) { return item(what); },
                    .post = {},
                    .patch = [this](const request& what) { return change(what); },
                    .type = json_type});
}

plan claim_handlers::list(const request& what) {
  claim_filters filters = read_claim_filters(what.query, parts_.cursors);
  plan out;
  out.key.add("claims:page:");
  parts_.version.add_to(out.key);
  out.key.add(":").add(keyed_name(parts_.key_hash, filters.canonical_with_page()));
  out.load = [this, filters = std::move(filters)](work& task) {
    std::vector<claim> found;
    std::optional<std::int64_t> total;
    {
      const database_time timed(task);
      auto session = parts_.sessions.read(task.deadline);
      session->watch_repeats(&task.statements);
      const hasten::query_deadline limit(*session, task.deadline, task.stop);
      found = read_claims(*session, filters);
      if (filters.wants_total) total = count_claims(*session, filters);
    }
    const stage_time serialising(task.serialise);
    return answer{.body = page_body(std::move(found), filters, total, parts_.cursors), .headers = {}};
  };
  return out;
}

plan claim_handlers::item(const request& what) {
  query_parameters(what.query, {}).check();
  if (!is_public_id(what.id)) throw problem_error(not_found());
  plan out;
  out.key = item_key(what.id);  // change() evicts it
  out.load = [this, id = std::string(what.id)](work& task) {
    std::optional<claim> found;
    std::vector<claim_line> lines;
    {
      const database_time timed(task);
      auto session = parts_.sessions.read(task.deadline);
      session->watch_repeats(&task.statements);
      const hasten::query_deadline limit(*session, task.deadline, task.stop);
      found = find_claim(*session, id);
      if (!found) throw problem_error(not_found());
      lines = read_lines(*session, found->row);
    }
    const stage_time serialising(task.serialise);
    return answer{.body = item_body(*found, lines), .headers = {}, .etag = tag_of(*found)};
  };
  return out;
}

plan claim_handlers::create(const request& what) {
  query_parameters(what.query, {}).check();
  plan out;
  out.load = [this, body = std::string(what.body),
              key = parts_.keys.read(what, "POST /api/v1/claims")](work& task) {
    const new_claim given = read_new_claim(body, today());
    made_claim made;
    std::optional<claim> stored;
    std::vector<claim_line> lines;
    {
      const database_time timed(task);
      auto session = parts_.sessions.write(task.deadline);
      session->watch_repeats(&task.statements);
      made = make(*session, given, key);
      // From here on no reader is given what was computed before the claim was there.
      if (!made.is_replayed) parts_.version.bump();
      stored = find_claim(*session, made.id);
      if (!stored) throw problem_error(replay_is_gone());
      lines = read_lines(*session, stored->row);
    }
    if (!made.is_replayed) {
      // Nobody asks for these any more; they only take room.
      parts_.cache.erase_prefix("claims:page:");
      parts_.cache.erase_prefix("metrics:");
    }
    answer told{.status = 201,
                .body = item_body(*stored, lines),
                .headers = {{.name = "Location", .value = std::string(claims_path) + "/" + stored->id}},
                .etag = tag_of(*stored)};
    if (made.is_replayed) told.headers.push_back(replayed_header());
    return told;
  };
  return out;
}

// The claim and what is known of its key are there together, or neither is.
claim_handlers::made_claim claim_handlers::make(hasten::monitored_session& session, const new_claim& given,
                                                const std::optional<idempotency_keys::asked>& key) {
  hasten::transaction whole(session);
  const hasten::wall_time now = hasten::wall_clock_source::now();
  if (key)
    if (auto before = parts_.keys.find(session, *key, now))
      return {.id = std::move(before->resource), .is_replayed = true};
  made_claim out{.id = insert_claim(session, given, ids_, now)};
  if (key) parts_.keys.keep(session, *key, {.status = 201, .resource = out.id}, now);
  whole.commit();
  return out;
}

plan claim_handlers::change(const request& what) {
  query_parameters(what.query, {}).check();
  if (!is_public_id(what.id)) throw problem_error(not_found());
  if (what.if_match.empty()) throw problem_error(precondition_missing());
  plan out;
  out.load = [this, id = std::string(what.id), body = std::string(what.body),
              wanted = tag_conditions{.if_match = std::string(what.if_match),
                                      .if_none_match = std::string(what.if_none_match)}](work& task) {
    const claim_change given = read_claim_change(body);
    claim stored;
    std::vector<claim_line> lines;
    {
      const database_time timed(task);
      auto session = parts_.sessions.write(task.deadline);
      session->watch_repeats(&task.statements);
      stored = update_claim(*session, id, given, wanted, hasten::wall_clock_source::now());
      // From here on no reader is given what was computed before the change.
      parts_.version.bump();
      parts_.cache.erase(item_key(id).view());
      parts_.cache.erase(packed_key(item_key(id)).view());
      lines = read_lines(*session, stored.row);
    }
    parts_.cache.erase_prefix("claims:page:");
    parts_.cache.erase_prefix("metrics:");
    return answer{.body = item_body(stored, lines), .headers = {}, .etag = tag_of(stored)};
  };
  return out;
}

}  // namespace claims_app

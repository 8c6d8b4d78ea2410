// SPDX-License-Identifier: BSL-1.0
#include "jobs/job_handlers.hpp"

#include "shared/instant.hpp"
#include "shared/problem.hpp"
#include "shared/query_parameters.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/soci/transaction.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <system_error>

namespace claims_app {

namespace {

constexpr std::array<std::string_view, 3> list_parameters = {"state", "before", "limit"};
constexpr std::array<std::string_view, 6> states = {"scheduled", "available", "running",
                                                    "completed", "cancelled", "dead"};
constexpr std::size_t counted_max = 100'000;

// What is no number of a job names none.
hasten::job_id job_id_of(std::string_view text) {
  hasten::job_id id = 0;
  const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (failure != std::errc() || rest != text.data() + text.size() || id < 1) throw problem_error(not_found());
  return id;
}

problem wrong_state(std::string sentence) {
  return {.status = 409, .kind = "job-state", .detail = std::move(sentence), .items = {}, .headers = {}};
}

std::string instant(hasten::wall_time at) {
  return to_rfc3339(std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count());
}
std::optional<std::string> instant(const std::optional<hasten::wall_time>& at) {
  return at ? std::optional(instant(*at)) : std::nullopt;
}

}  // namespace

void job_handlers::add_routes(std::vector<route>& routes) {
  routes.push_back({.pattern = "/api/v1/jobs/{id}",
                    .who = access::api,
                    .get = [this](const request& what) { return show(what); },
                    .post = {},
                    .type = json_type});
  routes.push_back({.pattern = "/api/v1/admin/jobs",
                    .who = access::admin,
                    .get = [this](const request& what) { return list(what); },
                    .post = {},
                    .type = json_type});
  const auto add_step = [&](std::string_view pattern, void (job_handlers::*how)(hasten::job_id)) {
    routes.push_back({.pattern = pattern,
                      .who = access::admin,
                      .get = {},
                      .post = [this, how](const request& what) { return mend(what, how); },
                      .type = json_type});
  };
  add_step("/api/v1/admin/jobs/{id}/retry", &job_handlers::retry);
  add_step("/api/v1/admin/jobs/{id}/discard", &job_handlers::discard);
  add_step("/api/v1/admin/jobs/{id}/cancel", &job_handlers::cancel);
  for (const job_trigger& each : parts_.triggers)
    routes.push_back({.pattern = each.pattern,
                      .who = access::api,
                      .get = {},
                      .post = [this, &each](const request& what) { return start(what, each); },
                      .type = json_type});
}

plan job_handlers::show(const request& what) {
  query_parameters(what.query, {}).check();
  plan out;
  out.load = [this, id = job_id_of(what.id)](work& task) {
    const database_time timed(task);
    return answer_of(read(id));
  };
  return out;
}

plan job_handlers::list(const request& what) {
  query_parameters query(what.query, list_parameters);
  const auto state = query.one_of("state", states).value_or("dead");
  const auto before = query.integer("before", 1, std::numeric_limits<hasten::job_id>::max());
  const auto limit = query.integer("limit", 1, 200).value_or(50);
  query.check();
  const hasten::job_query wanted{.state = hasten::job_state_from(state).value(),
                                 .before = before.value_or(std::numeric_limits<hasten::job_id>::max()),
                                 .size = static_cast<std::size_t>(limit)};
  plan out;
  out.load = [this, wanted](work& task) {
    const database_time timed(task);
    const auto page = parts_.store.list(wanted);
    const auto counts = parts_.store.counts(counted_max);
    answer made;
    json_writer json(made.body);
    json.begin_object().key("counts").begin_object();
    for (const auto name : states) json.member(name, counts[hasten::job_state_from(name).value()]);
    json.end_object().key("jobs").begin_array();
    for (const hasten::job_record& each : page) write(json, each);
    json.end_array().key("nextBefore");
    if (page.size() == wanted.size)
      json.value(page.back().id);
    else
      json.value(nullptr);
    json.end_object();
    return made;
  };
  return out;
}

plan job_handlers::mend(const request& what, void (job_handlers::*how)(hasten::job_id)) {
  query_parameters(what.query, {}).check();
  plan out;
  out.load = [this, how, id = job_id_of(what.id)](work& task) {
    const database_time timed(task);
    const hasten::job_record before = read(id);
    (this->*how)(id);
    const auto after = parts_.store.get(id);
    return answer_of(after ? *after : before);
  };
  return out;
}

void job_handlers::retry(hasten::job_id id) {
  if (!parts_.store.retry(id, hasten::wall_clock_source::now()))
    throw problem_error(wrong_state("Only dead and cancelled jobs can be tried again."));
}

void job_handlers::discard(hasten::job_id id) {
  if (!parts_.store.discard(id)) throw problem_error(wrong_state("Only finished jobs can be discarded."));
}

void job_handlers::cancel(hasten::job_id id) {
  const auto state = parts_.store.cancel(id, hasten::wall_clock_source::now());
  if (state == hasten::job_state::completed || state == hasten::job_state::dead)
    throw problem_error(wrong_state("The job has finished."));
}

plan job_handlers::start(const request& what, const job_trigger& trigger) {
  query_parameters(what.query, {}).check();
  plan out;
  out.load = [this, &trigger, key = parts_.keys.read(what, trigger.pattern)](work& task) {
    const database_time timed(task);
    std::optional<idempotency_keys::outcome> before;
    hasten::job_id id = 0;
    {
      auto session = parts_.sessions.write(task.deadline);
      hasten::transaction whole(*session);
      const hasten::wall_time now = hasten::wall_clock_source::now();
      if (key) before = parts_.keys.find(*session, *key, now);
      id = before ? job_id_of(before->resource) : parts_.store.enqueue_in(*session, trigger.job, now).id;
      if (key && !before)
        parts_.keys.keep(*session, *key, {.status = 202, .resource = std::to_string(id)}, now);
      whole.commit();
    }
    if (!before) parts_.store.announce();
    const auto job = parts_.store.get(id);
    if (!job) throw problem_error(replay_is_gone());
    answer accepted = answer_of(*job);
    accepted.status = 202;
    accepted.headers.push_back({"Location", "/api/v1/jobs/" + std::to_string(id)});
    if (before) accepted.headers.push_back(replayed_header());
    return accepted;
  };
  return out;
}

hasten::job_record job_handlers::read(hasten::job_id id) {
  auto found = parts_.store.get(id);
  if (!found) throw problem_error(not_found());
  return *std::move(found);
}

answer job_handlers::answer_of(const hasten::job_record& job) const {
  answer out;
  json_writer json(out.body);
  write(json, job);
  return out;
}

void job_handlers::write(json_writer& json, const hasten::job_record& job) const {
  json.begin_object().member("id", job.id).member("kind", job.kind);
  // It is kept once a second: what ends sooner has told less than it did.
  const double progress = job.state == hasten::job_state::completed ? 1.0 : job.progress;
  json.member("state", hasten::to_string(job.state)).member("progress", progress);
  json.member("attempt", job.attempt).member("attemptsMax", job.attempts_max);
  json.member("cancelRequested", job.cancel_requested);
  json.member("createdAt", instant(job.created_at)).member("scheduledAt", instant(job.scheduled_at));
  json.member("startedAt", instant(job.taken_at)).member("finishedAt", instant(job.finished_at));
  json.key("reason");
  if (job.reason.empty())
    json.value(nullptr);
  else
    json.value(job.reason);
  if (!job.result.empty()) {
    json.key("result");
    parts_.write_result(json, job);
  }
  json.end_object();
}

}  // namespace claims_app

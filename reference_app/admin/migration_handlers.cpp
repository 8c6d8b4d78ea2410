// SPDX-License-Identifier: BSL-1.0
#include "admin/migration_handlers.hpp"

#include "migrations/embedded_migrations.hpp"
#include "shared/instant.hpp"
#include "shared/json_writer.hpp"
#include "shared/problem.hpp"
#include "shared/query_parameters.hpp"

#include <hasten/soci/migrator.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace claims_app {

namespace {

constexpr std::array<std::string_view, 1> run_parameters = {"dry_run"};
constexpr std::array<std::string_view, 2> flags = {"true", "false"};

problem disagreement() {
  return {
      .status = 409,
      .kind = "migrations-disagree",
      .detail = "The program and the database do not agree on what was applied; see the list of migrations.",
      .items = {},
      .headers = {}};
}

answer list_answer(const std::vector<hasten::migration_entry>& entries) {
  using state = hasten::migration_state;
  answer out;
  int version = 0;
  std::int64_t pending = 0;
  bool agree = true;
  for (const auto& each : entries) {
    if (each.state != state::pending) version = std::max(version, each.version);
    pending += each.state == state::pending ? 1 : 0;
    agree = agree && (each.state == state::pending || each.state == state::applied);
  }
  json_writer json(out.body);
  json.begin_object().member("version", version).member("pending", pending).member("agree", agree);
  json.key("migrations").begin_array();
  for (const auto& each : entries) {
    json.begin_object().member("version", each.version).member("name", each.name);
    json.member("state", hasten::name_of(each.state)).member("canBeUndone", each.can_be_undone);
    if (each.applied_at_ms != 0) {
      json.member("appliedAt", to_rfc3339(each.applied_at_ms));
      json.member("durationMs", static_cast<double>(each.duration_us) / 1000);
    }
    json.end_object();
  }
  json.end_array().end_object();
  return out;
}

answer run_answer(const hasten::migration_report& report, bool dry_run) {
  answer out;
  json_writer json(out.body);
  json.begin_object().member("dryRun", dry_run).member("version", report.version).key("steps").begin_array();
  for (const auto& each : report.steps) {
    json.begin_object().member("version", each.version).member("name", each.name);
    json.member("executed", each.executed);
    json.member("durationMs", std::chrono::duration<double, std::milli>(each.duration).count()).end_object();
  }
  json.end_array().end_object();
  return out;
}

}  // namespace

void migration_handlers::add_routes(std::vector<route>& routes) {
  for (const char* path : {"/api/v1/admin/migrations", "/api/monitoring/migrations"})
    routes.push_back({.pattern = path,
                      .who = access::admin,
                      .get = [this](const request& what) { return list(what); },
                      .post = {}});
  for (const char* path : {"/api/v1/admin/migrations/run", "/api/monitoring/migrations/run"})
    routes.push_back({.pattern = path, .who = access::admin, .get = {}, .post = [this](const request& what) {
                        return run(what);
                      }});
}

plan migration_handlers::list(const request& what) const {
  query_parameters(what.query, {}).check();
  plan out;
  out.load = [this](work& task) {
    const database_time timed(task);
    auto session = sessions_.read(task.deadline);
    return list_answer(hasten::migrator(*session).list(sqlite_migrations()));
  };
  return out;
}

plan migration_handlers::run(const request& what) const {
  query_parameters query(what.query, run_parameters);
  const bool dry_run = query.one_of("dry_run", flags).value_or("false") == "true";
  query.check();
  plan out;
  out.load = [this, dry_run](work& task) {
    const database_time timed(task);
    auto session = sessions_.write(task.deadline);
    const auto patience = std::max<std::chrono::nanoseconds>(
        task.deadline - hasten::steady_clock_source::now(), std::chrono::milliseconds(1));
    try {
      return run_answer(
          hasten::migrator(*session).apply(sqlite_migrations(), {.dry_run = dry_run, .patience = patience}),
          dry_run);
    } catch (const hasten::error& failure) {
      if (failure.code() != hasten::errc::migration_refused) throw;
      throw problem_error(disagreement());
    }
  };
  return out;
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "migrations/migrate_command.hpp"

#include "migrations/embedded_migrations.hpp"
#include "migrations/local_database.hpp"
#include "shared/instant.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/soci/migrator.hpp>
#include <hasten/soci/session_pool.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace claims_app {
namespace {

constexpr int status_behind =
    3;  // `migrate status --exit-code`, where something is pending or does not agree

struct migrate_request {
  std::string database = {};
  bool dry_run = false;
  bool exit_code = false;
  bool no_backup = false;
  std::string backup = {};
  std::size_t count = 1;
  int version = 0;
};

// As local_database, but with the schema left as it is.
struct untouched_database {
  explicit untouched_database(const std::string& path)
      : pool({.path = existing(path), .readers = 1, .tuning = {.busy_timeout = std::chrono::seconds(30)}},
             monitor),
        session(pool.write(hasten::steady_clock_source::now() + std::chrono::seconds(30))),
        steps(*session) {}

  static const std::string& existing(const std::string& path) {
    if (!std::filesystem::exists(path)) throw std::runtime_error("there is no database " + path);
    return path;
  }

  hasten::query_monitor monitor;
  hasten::session_pool pool;
  hasten::session_lease session;
  hasten::migrator steps;
};

void print(const hasten::migration_report& report, const char* listed) {
  for (const auto& step : report.steps) {
    if (step.executed)
      fmt::print("{} {:04} {} in {:.1f} ms\n", step.up ? "applied" : "undid", step.version, step.name,
                 std::chrono::duration<double, std::milli>(step.duration).count());
    else
      fmt::print("{} {:04} {}\n", listed, step.version, step.name);
  }
  if (report.steps.empty()) fmt::print("nothing to do\n");
  fmt::print("schema version {}\n", report.version);
}

int up(const migrate_request& request) {
  if (request.dry_run) {
    untouched_database opened(request.database);
    print(opened.steps.apply(sqlite_migrations(), {.dry_run = true}), "would apply");
    fmt::print("dry run: nothing was changed\n");
    return 0;
  }
  const local_database opened(request.database);
  print(opened.migrated(), "");
  return 0;
}

int status(const migrate_request& request) {
  untouched_database opened(request.database);
  bool is_current = true;
  for (const hasten::migration_entry& each : opened.steps.list(sqlite_migrations())) {
    is_current = is_current && each.state == hasten::migration_state::applied;
    fmt::print("{:04} {:<24} {}", each.version, each.name, hasten::name_of(each.state));
    if (each.applied_at_ms != 0)
      fmt::print(" {} in {:.1f} ms", to_rfc3339(each.applied_at_ms),
                 static_cast<double>(each.duration_us) / 1000);
    fmt::print("{}\n", each.can_be_undone ? "" : " (cannot be undone)");
  }
  return request.exit_code && !is_current ? status_behind : 0;
}

// "2026-11-20T09:30:00.250Z" without what a file name had better not hold.
std::string instant_for_name() {
  std::string text = to_rfc3339(std::chrono::duration_cast<std::chrono::milliseconds>(
                                    hasten::wall_clock_source::now().time_since_epoch())
                                    .count());
  std::erase_if(text, [](char each) { return each == ':' || each == '-' || each == '.'; });
  return text;
}

hasten::migrator::options options_down(const migrate_request& request) {
  hasten::migrator::options chosen{.dry_run = request.dry_run};
  if (request.no_backup || request.dry_run) return chosen;
  chosen.backup =
      request.backup.empty() ? request.database + ".before-down-" + instant_for_name() : request.backup;
  return chosen;
}

int moved(const migrate_request& request, const hasten::migration_report& report,
          const hasten::migrator::options& how) {
  print(report, "would run");
  if (request.dry_run) fmt::print("dry run: nothing was changed\n");
  if (!how.backup.empty() && std::filesystem::exists(how.backup))
    fmt::print("the database as it was: {}\n", how.backup.string());
  return 0;
}

int down(const migrate_request& request) {
  untouched_database opened(request.database);
  const hasten::migrator::options how = options_down(request);
  return moved(request, opened.steps.roll_back(sqlite_migrations(), request.count, how), how);
}

int to(const migrate_request& request) {
  untouched_database opened(request.database);
  hasten::migrator::options how = options_down(request);
  how.target = request.version;
  return moved(request, opened.steps.apply(sqlite_migrations(), how), how);
}

int baseline(const migrate_request& request) {
  untouched_database opened(request.database);
  print(opened.steps.baseline(sqlite_migrations(), request.version), "took as applied");
  return 0;
}

int repair(const migrate_request& request) {
  untouched_database opened(request.database);
  print(opened.steps.repair(sqlite_migrations()), "took over the text of");
  return 0;
}

}  // namespace

void add_migrate_command(CLI::App& app, int& exit_status) {
  auto* const command =
      app.add_subcommand("migrate", "Bring a database to the newest schema, or to another one");
  const auto request = std::make_shared<migrate_request>();
  command->add_option("--database", request->database, "SQLite file; `up` makes it if it does not exist")
      ->required();
  command->require_subcommand(0, 1);
  const auto add = [&](const char* name, const char* what, int (*run)(const migrate_request&)) {
    auto* const verb = command->add_subcommand(name, what)->fallthrough();
    verb->final_callback([request, run, &exit_status] { exit_status = run(*request); });
    return verb;
  };
  const auto dry_run = [&](CLI::App* verb) {
    verb->add_flag("--dry-run", request->dry_run, "Run everything in one transaction and roll it back");
  };
  const auto backup = [&](CLI::App* verb) {
    verb->add_option("--backup", request->backup,
                     "Copy the database into this file before the first step down");
    verb->add_flag("--no-backup", request->no_backup, "Make no copy");
  };
  dry_run(add("up", "Apply what is pending (as without a verb)", up));
  add("status", "Tell of each version how it stands", status)
      ->add_flag("--exit-code", request->exit_code, "Return 3 unless the schema is the program's own");
  auto* const back = add("down", "Undo the newest steps; the database is copied first", down);
  back->add_option("count", request->count, "How many")->check(CLI::Range(1, 10'000))->capture_default_str();
  dry_run(back);
  backup(back);
  auto* const target =
      add("to", "Go to a version, up or down; before a step down the database is copied", to);
  target->add_option("version", request->version, "0: before the first")
      ->required()
      ->check(CLI::NonNegativeNumber);
  dry_run(target);
  backup(target);
  add("baseline", "Take the versions up to one as applied, in a database without a history", baseline)
      ->add_option("version", request->version, "The version that the database has")
      ->required()
      ->check(CLI::PositiveNumber);
  add("repair", "Take over the program's texts of versions that are applied; runs none of them", repair);
  command->callback([command, request, &exit_status] {
    if (command->get_subcommands().empty()) exit_status = up(*request);
  });
}

}  // namespace claims_app

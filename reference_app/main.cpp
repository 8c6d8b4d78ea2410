// SPDX-License-Identifier: BSL-1.0
// Dispatches only: each subcommand registers itself, parses its own options and does its own work.
#include "app/config_command.hpp"
#include "app/doctor_command.hpp"
#include "app/exit_status.hpp"
#include "app/serve_command.hpp"
#include "importing/import_command.hpp"
#include "migrations/backup_command.hpp"
#include "migrations/migrate_command.hpp"
#include "seeding/seed_command.hpp"

#include <CLI/CLI.hpp>

#include <sys/stat.h>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  ::umask(S_IRWXG | S_IRWXO);  // whatever is made here may speak of patients: its owner alone reads it
  try {
    CLI::App app("hasten's reference server for claims", "reference_app");
    app.require_subcommand(1);
    int exit_status = claims_app::exit_done;  // what the subcommand that ran wants to return
    claims_app::add_serve_command(app, exit_status);
    claims_app::add_config_command(app, exit_status);
    claims_app::add_doctor_command(app, exit_status);
    claims_app::add_migrate_command(app, exit_status);
    claims_app::add_backup_commands(app, exit_status);
    claims_app::add_import_command(app, exit_status);
    claims_app::add_seed_command(app, exit_status);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& refusal) {
      return app.exit(refusal) == 0 ? claims_app::exit_done : claims_app::exit_unacceptable;
    }
    return exit_status;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "reference_app: %s\n", failure.what());
    return claims_app::exit_failed;
  }
}

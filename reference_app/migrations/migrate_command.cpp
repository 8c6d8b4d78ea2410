// SPDX-License-Identifier: BSL-1.0
#include "migrations/migrate_command.hpp"

#include "migrations/local_database.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

namespace claims_app {

void add_migrate_command(CLI::App& app, int& exit_status) {
  auto* const command = app.add_subcommand("migrate", "Bring a database to the newest schema");
  const auto database = std::make_shared<std::string>();
  command->add_option("--database", *database, "SQLite file; made if it does not exist")->required();
  command->callback([database, &exit_status] {
    const local_database opened(*database);
    const auto& report = opened.migrated();
    for (const auto& step : report.steps)
      fmt::print("applied {:04} {} in {:.1f} ms\n", step.version, step.name,
                 std::chrono::duration<double, std::milli>(step.duration).count());
    if (report.steps.empty()) fmt::print("nothing to do\n");
    fmt::print("schema version {}\n", report.version);
    exit_status = 0;
  });
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "seeding/seed_command.hpp"

#include "migrations/local_database.hpp"
#include "seeding/seeder.hpp"
#include "shared/iso_date.hpp"

#include <hasten/core/clock.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

namespace claims_app {
namespace {

struct seed_request {
  std::string database = {};
  std::string anchor = to_iso_date(std::chrono::year_month_day(claim_generator::options{}.anchor));
  bool again = false;
  claim_generator::options options = {};
};

int run(seed_request& request) {
  const auto anchor = parse_iso_date(request.anchor);
  if (!anchor) throw std::invalid_argument("--anchor must be a day, YYYY-MM-DD");
  request.options.anchor = *anchor;
  local_database database(request.database);
  const auto started = hasten::steady_clock_source::now();
  const auto report = seed_database(database.session(), database.members(), request.options, request.again);
  const std::chrono::duration<double> took = hasten::steady_clock_source::now() - started;
  fmt::print("{} claims added", report.inserted);
  if (report.already_there != 0) fmt::print(", {} were there", report.already_there);
  fmt::print(", in {:.1f} s\n", took.count());
  return 0;
}

}  // namespace

void add_seed_command(CLI::App& app, int& exit_status) {
  auto* const command = app.add_subcommand("seed", "Fill a database with invented claims");
  const auto request = std::make_shared<seed_request>();
  command->add_option("--database", request->database, "SQLite file; made if it does not exist")->required();
  command->add_option("--claims", request->options.claims, "How many")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000'000}))
      ->capture_default_str();
  command->add_option("--seed", request->options.seed, "The same number gives the same claims")
      ->capture_default_str();
  command->add_option("--anchor", request->anchor, "The day the claims are looked at from; none is younger")
      ->capture_default_str();
  command->add_flag("--again", request->again, "Add to a database that was seeded before");
  command->callback([request, &exit_status] { exit_status = run(*request); });
}

}  // namespace claims_app

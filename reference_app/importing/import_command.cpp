// SPDX-License-Identifier: BSL-1.0
#include "importing/import_command.hpp"

#include "importing/bad_input.hpp"
#include "importing/importer.hpp"
#include "migrations/local_database.hpp"
#include "shared/public_id.hpp"

#include <hasten/core/clock.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {
namespace {

struct import_request {
  std::string format = {};
  std::string database = {};
  std::string rejects = {};
  std::vector<std::string> files = {};
  import_options options = {};
};

void check(const import_request& request) {
  if (request.format == "synthea" && request.files.size() != 2)
    throw bad_input("synthea takes two files: claims.csv and claims_transactions.csv");
  if (request.format == "desynpuf" && request.files.size() != 1 && !request.options.source.empty())
    throw bad_input("--source names the data source of one file; several files have one each");
}

std::filesystem::path rejects_path(const import_request& request) {
  return request.rejects.empty() ? request.database + ".rejects.csv" : request.rejects;
}

void print(const import_report& report) {
  if (report.was_complete) {
    fmt::print("{}: was imported before, nothing read", report.source);
  } else {
    fmt::print("{}: {} claims added", report.source, with_thousands(report.inserted));
    if (report.already_there != 0) fmt::print(", {} were there", with_thousands(report.already_there));
    if (report.resumed_at != 0) fmt::print(", went on after record {}", with_thousands(report.resumed_at));
  }
  if (report.rejected != 0) fmt::print(", {} rows rejected", with_thousands(report.rejected));
  if (report.orphans != 0) fmt::print(", {} transactions of no claim", with_thousands(report.orphans));
  fmt::print("\n");
  std::fflush(stdout);
}

int run(const import_request& request) {
  check(request);
  for (const auto& file : request.files)  // before a database is made for nothing
    if (!std::filesystem::is_regular_file(file))
      throw bad_input(std::filesystem::path(file).filename().string() + ": there is no such file");
  local_database database(request.database);
  public_id_generator ids;
  reject_file rejects(rejects_path(request));
  const auto to_stderr = [](std::string_view line) {
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
  };
  progress shown(to_stderr, {.terminal = ::isatty(STDERR_FILENO) == 1});
  import_environment environment{.session = database.session(),
                                 .members = database.members(),
                                 .new_id = [&ids](std::string_view, std::string_view) { return ids.next(); },
                                 .wall_clock = [] { return hasten::wall_clock_source::now(); },
                                 .steady_clock = [] { return hasten::steady_clock_source::now(); },
                                 .rejects = rejects,
                                 .shown = shown};
  std::uint64_t rejected = 0;
  const auto finished = [&](const import_report& report) {
    rejected += report.rejected;
    print(report);
  };
  if (request.format == "synthea") {
    finished(import_synthea(environment, request.files[0], request.files[1], request.options));
  } else {
    for (const auto& file : request.files) finished(import_desynpuf(environment, file, request.options));
  }
  if (rejected == 0) return 0;
  fmt::print("refused rows are told in {}\n", rejects.path().string());
  return exit_rows_rejected;
}

}  // namespace

void add_import_command(CLI::App& app, int& exit_status) {
  auto* const command =
      app.add_subcommand("import", "Bring claims from CSV files, plain or .gz, into a database");
  const auto request = std::make_shared<import_request>();
  command->add_option("--format", request->format, "What the files are")
      ->required()
      ->check(CLI::IsMember({"desynpuf", "synthea"}));
  command->add_option("--database", request->database, "SQLite file; made if it does not exist")->required();
  command->add_option("--source", request->options.source,
                      "Name of the data source; by default the file's name, or \"synthea\"");
  command->add_option("--rejects", request->rejects,
                      "Where refused rows are told; by default DATABASE.rejects.csv");
  command->add_option("--batch", request->options.batch_rows, "Rows of one transaction")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command
      ->add_option("--claims-held", request->options.claims_held_max,
                   "Synthea: claims held in memory for one pass over the transactions, about 2 KiB each")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  command->add_option("files", request->files, "DE-SynPUF inpatient files, or Synthea's two")->required();
  command->callback([request, &exit_status] { exit_status = run(*request); });
}

}  // namespace claims_app

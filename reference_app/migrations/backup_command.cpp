// SPDX-License-Identifier: BSL-1.0
#include "migrations/backup_command.hpp"

#include "shared/keyed_hash.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/soci/sqlite_backup.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

namespace claims_app {
namespace {

namespace fs = std::filesystem;

struct copy_request {
  std::string database = "data/claims.db";
  std::string file = {};
  int seconds = 600;
  std::size_t pages_per_step = 256;
};

hasten::steady_time deadline_of(const copy_request& request) {
  return hasten::steady_clock_source::now() + std::chrono::seconds(request.seconds);
}

void print(const char* what, const std::string& file, const hasten::backup_report& report) {
  fmt::print("{} {}: {:.1f} MB in {:.1f} s\n", what, file, static_cast<double>(report.bytes) / 1e6,
             std::chrono::duration<double>(report.duration).count());
}

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Patients are found by the key alone: a copy without it is of little use.
void copy_key(const fs::path& from, const fs::path& to) {
  if (!fs::exists(from)) return;
  if (fs::exists(to) && bytes_of(from) != bytes_of(to))
    throw std::runtime_error("key file " + to.string() + " belongs to another database; move it away first");
  fs::copy_file(from, to, fs::copy_options::overwrite_existing);
  fs::permissions(to, fs::perms::owner_read | fs::perms::owner_write);
}

int backup(const copy_request& request) {
  if (!fs::exists(request.database)) throw std::runtime_error("there is no database " + request.database);
  const hasten::sqlite_backup copier({.pages_per_step = request.pages_per_step});
  const auto report = copier.save(request.database, request.file, deadline_of(request));
  copy_key(key_path(request.database), key_path(request.file));
  print("copied to", request.file, report);
  return 0;
}

int restore(const copy_request& request) {
  if (!fs::exists(request.file)) throw std::runtime_error("there is no copy " + request.file);
  copy_key(key_path(request.file), key_path(request.database));
  const auto report = hasten::sqlite_backup().restore(request.file, request.database, deadline_of(request));
  print("restored", request.database, report);
  const std::string kept = request.database + ".before-restore";
  if (fs::exists(kept)) fmt::print("what was there before: {}\n", kept);
  return 0;
}

CLI::App* add(CLI::App& app, const char* name, const char* what,
              const std::shared_ptr<copy_request>& request) {
  auto* const command = app.add_subcommand(name, what);
  command->add_option("file", request->file, "The copy")->required();
  command->add_option("--database", request->database, "SQLite file")
      ->envname("HASTEN_DATABASE")
      ->capture_default_str();
  command->add_option("--seconds", request->seconds, "Give up after so long")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  return command;
}

}  // namespace

void add_backup_commands(CLI::App& app, int& exit_status) {
  const auto saving = std::make_shared<copy_request>();
  auto* const save = add(app, "backup", "Copy the database and its key, also while a server writes", saving);
  save->add_option("--pages-per-step", saving->pages_per_step, "Copied at a stretch")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  save->callback([saving, &exit_status] { exit_status = backup(*saving); });
  const auto restoring = std::make_shared<copy_request>();
  add(app, "restore", "Put a copy in the place of the database; stop the server first", restoring)
      ->callback([restoring, &exit_status] { exit_status = restore(*restoring); });
}

}  // namespace claims_app

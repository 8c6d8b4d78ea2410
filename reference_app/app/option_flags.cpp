// SPDX-License-Identifier: BSL-1.0
#include "app/option_flags.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string>

namespace claims_app {

namespace {

std::string help_of(const option_row& row) {
  std::string range;
  if (row.kind == option_kind::number) range = fmt::format(" ({}..{})", row.least, row.most);
  if (row.kind == option_kind::choice) range = fmt::format(" ({})", row.choices);
  return fmt::format("{}{} [{}]", row.meaning, range, variable_of(row));
}

}  // namespace

std::shared_ptr<settings_sources> add_option_flags(CLI::App& command) {
  auto sources = std::make_shared<settings_sources>();
  sources->environment = process_environment();
  command
      .add_option("--config", sources->file,
                  "Configuration file, JSON with comments; flags and variables win over it")
      ->envname("HASTEN_CONFIG");
  for (const option_row& row : option_rows()) {
    const std::string flag = flag_of(row);
    if (flag.empty()) continue;
    // The settings live as long as the command, which keeps them.
    const auto give = [sources, flag, name = std::string(row.name)](std::string text) {
      sources->flags.insert_or_assign(
          name, given_setting{.text = std::move(text), .source = setting_source::flag, .where = flag});
    };
    if (row.kind == option_kind::yes_no) {
      command.add_flag_function(
          flag, [give](std::int64_t count) { give(count > 0 ? "true" : "false"); }, help_of(row));
      continue;
    }
    command
        .add_option(
            flag,
            [give](const CLI::results_t& values) {
              give(values.back());
              return true;
            },
            help_of(row))
        ->type_name(row.kind == option_kind::number ? "NUMBER" : "TEXT")
        ->default_str(std::string(row.fallback));
  }
  return sources;
}

bool print_complaints(const checked_config& checked) {
  for (const std::string& sentence : checked.warnings)
    fmt::print(stderr, "reference_app: warning: {}\n", sentence);
  for (const std::string& sentence : checked.errors) fmt::print(stderr, "reference_app: {}\n", sentence);
  return checked.errors.empty();
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "app/config_command.hpp"

#include "app/exit_status.hpp"
#include "app/option_flags.hpp"
#include "app/serve_config.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace claims_app {

namespace {

int check(const settings_sources& sources) {
  const checked_config checked = load_config(sources);
  if (!print_complaints(checked)) return exit_unacceptable;
  const auto given = std::ranges::count_if(checked.settings, [](const effective_setting& each) {
    return each.source != setting_source::fallback;
  });
  fmt::print("the configuration is sound: {} of {} options are given, the others have their defaults\n",
             given, checked.settings.size());
  return 0;
}

std::string value_of(const effective_setting& setting, const serve_config& config) {
  if (setting.row->name == "admin-token" && config.token_is_generated) return "(a new one at each start)";
  if (setting.text == "0" && setting.row->name == "threads")
    return fmt::format("0 (here: {})", config.threads);
  if (setting.text == "0" && setting.row->name == "workers")
    return fmt::format("0 (here: {})", config.workers);
  return setting.text.empty() ? "(none)" : setting.shown();
}

int show(const settings_sources& sources) {
  const checked_config checked = load_config(sources);
  if (!print_complaints(checked)) return exit_unacceptable;
  std::size_t name_width = 0;
  std::size_t value_width = 0;
  for (const effective_setting& each : checked.settings) {
    name_width = std::max(name_width, each.row->name.size());
    value_width = std::max(value_width, value_of(each, checked.config).size());
  }
  for (const effective_setting& each : checked.settings)
    fmt::print("{:<{}}  {:<{}}  {}\n", key_of(*each.row), name_width, value_of(each, checked.config),
               value_width, each.where);
  return 0;
}

}  // namespace

void add_config_command(CLI::App& app, int& exit_status) {
  CLI::App* const command = app.add_subcommand("config", "Check or show what `serve` would go by");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, int (*run)(const settings_sources&)) {
    CLI::App* const verb = command->add_subcommand(name, what);
    const auto sources = add_option_flags(*verb);
    verb->callback([sources, run, &exit_status] { exit_status = run(*sources); });
  };
  add("check", "Tell whether all of it is acceptable; returns 2 and every error if not", check);
  add("show", "Print each value that holds and where it comes from; secrets are masked", show);
  command->add_subcommand("options", "Print the table of all options, in Markdown")->callback([&exit_status] {
    fmt::print("{}", option_table_markdown());
    exit_status = 0;
  });
}

}  // namespace claims_app

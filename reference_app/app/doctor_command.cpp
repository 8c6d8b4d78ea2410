// SPDX-License-Identifier: BSL-1.0
#include "app/doctor_command.hpp"

#include "app/doctor.hpp"
#include "app/exit_status.hpp"
#include "app/option_flags.hpp"
#include "shared/json_writer.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

namespace claims_app {

namespace {

void print_table(const std::vector<finding>& all) {
  std::size_t width = 0;
  for (const finding& each : all) width = std::max(width, each.check.size());
  for (const finding& each : all) {
    fmt::print("{:<4}  {:<{}}  {}\n", name_of(each.state), each.check, width, each.what);
    if (!each.cure.empty()) fmt::print("{:<{}}-> {}\n", "", width + 8, each.cure);
  }
}

void print_json(const std::vector<finding>& all) {
  std::string text;
  json_writer json(text);
  json.begin_object().member("state", name_of(worst_of(all))).key("checks").begin_array();
  for (const finding& each : all)
    json.begin_object()
        .member("check", each.check)
        .member("state", name_of(each.state))
        .member("what", each.what)
        .member("cure", each.cure)
        .end_object();
  json.end_array().end_object();
  fmt::print("{}\n", text);
}

}  // namespace

void add_doctor_command(CLI::App& app, int& exit_status) {
  CLI::App* const command = app.add_subcommand("doctor", "Check what `serve` needs, and say how to mend it");
  const auto sources = add_option_flags(*command);
  const auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "Print JSON");
  command->callback([sources, as_json, &exit_status] {
    const checked_config checked = load_config(*sources);
    const std::vector<finding> all = examine(checked, doctor_view::of_machine(checked.config));
    *as_json ? print_json(all) : print_table(all);
    exit_status = worst_of(all) == finding_state::fail ? exit_wanting : exit_done;
  });
}

}  // namespace claims_app

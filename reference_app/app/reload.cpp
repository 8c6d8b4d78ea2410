// SPDX-License-Identifier: BSL-1.0
#include "app/reload.hpp"

#include "app/service.hpp"

#include <hasten/core/expects.hpp>

#include <spdlog/spdlog.h>

#include <cstddef>
#include <exception>
#include <utility>

namespace claims_app {

namespace {

std::string sentence_of(const effective_setting& before, const effective_setting& now) {
  const auto shown = [](const effective_setting& each) {
    return each.text.empty() ? std::string("(none)") : each.shown();
  };
  return key_of(*now.row) + ": " + shown(before) + " -> " + shown(now) + " (" + now.where + ")";
}

}  // namespace

reload_plan plan_reload(const std::vector<effective_setting>& in_force,
                        const std::vector<effective_setting>& wanted) {
  HASTEN_EXPECTS(in_force.size() == wanted.size(), "plan_reload: both have one setting of each option");
  reload_plan out;
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    if (in_force[at].text == wanted[at].text) continue;
    auto& changes = wanted[at].row->is_reloadable ? out.taken : out.for_restart;
    changes.push_back({.row = wanted[at].row, .sentence = sentence_of(in_force[at], wanted[at])});
  }
  return out;
}

reloader::reloader(settings_sources sources, checked_config in_force, service& running)
    : sources_(std::move(sources)), in_force_(std::move(in_force)), running_(running) {}

bool reloader::reload() {
  checked_config wanted = load_config(sources_);
  for (const std::string& sentence : wanted.errors) spdlog::error("configuration: {}", sentence);
  if (!wanted.errors.empty()) {
    spdlog::error("the configuration is not acceptable; the server goes on with the one it has");
    return false;
  }
  const reload_plan plan = plan_reload(in_force_.settings, wanted.settings);
  try {
    running_.reload(wanted.config);
  } catch (const std::exception& refused) {
    spdlog::error("the configuration is not taken over: {}", refused.what());
    return false;
  }
  for (const auto& each : plan.taken) spdlog::info("configuration: {}", each.sentence);
  for (const auto& each : plan.for_restart)
    spdlog::warn("configuration: {}; only a restart takes this over", each.sentence);
  spdlog::info("the configuration was read again: {} options changed, {} wait for a restart",
               plan.taken.size(), plan.for_restart.size());
  in_force_.config.drain_time = wanted.config.drain_time;
  in_force_.config.stop_delay = wanted.config.stop_delay;
  for (std::size_t at = 0; at < wanted.settings.size(); ++at)
    if (wanted.settings[at].row->is_reloadable) in_force_.settings[at] = std::move(wanted.settings[at]);
  return true;
}

}  // namespace claims_app

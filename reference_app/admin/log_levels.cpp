// SPDX-License-Identifier: BSL-1.0
#include "admin/log_levels.hpp"

#include <spdlog/spdlog.h>

#include <array>

namespace claims_app {

namespace {

std::string level_text(spdlog::level::level_enum level) {
  const auto text = spdlog::level::to_string_view(level);
  const std::string name(text.data(), text.size());
  return name == "warning" ? "warn" : name;
}

spdlog::level::level_enum level_of(std::string_view name) {
  return spdlog::level::from_str(name == "warn" ? "warning" : std::string(name));
}

}  // namespace

log_levels::log_levels() : usual_(level_text(spdlog::get_level())) {}

log_levels::state log_levels::current(hasten::steady_time now) const {
  const std::lock_guard lock(mutex_);
  state out{.level = level_text(spdlog::get_level()), .usual = usual_, .left = {}};
  if (until_ && *until_ > now) out.left = std::chrono::ceil<std::chrono::seconds>(*until_ - now);
  return out;
}

void log_levels::set(std::string_view level, hasten::steady_time until) {
  const std::lock_guard lock(mutex_);
  spdlog::set_level(level_of(level));
  until_ = until;
}

void log_levels::revert() {
  const std::lock_guard lock(mutex_);
  spdlog::set_level(level_of(usual_));
  until_.reset();
}

void log_levels::set_usual(std::string_view level) {
  const std::lock_guard lock(mutex_);
  usual_ = level;
  if (!until_) spdlog::set_level(level_of(usual_));
}

void log_levels::tick(hasten::steady_time now) {
  {
    const std::lock_guard lock(mutex_);
    if (!until_ || now < *until_) return;
  }
  revert();
}

std::span<const std::string_view> log_levels::names() noexcept {
  static constexpr std::array<std::string_view, 5> all = {"debug", "info", "warn", "error", "off"};
  return all;
}

}  // namespace claims_app

// SPDX-License-Identifier: BSL-1.0
#include "app/service.hpp"
#include "migrations/local_database.hpp"
#include "seeding/seeder.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace claims_app {

namespace {

constexpr hasten::statement any_claim{"claims.any", "SELECT EXISTS(SELECT 1 FROM claims)"};

}  // namespace

void service::prepare(const std::function<void(std::string_view)>& say) {
  const std::filesystem::path file(config_.database);
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
  local_database opened(file);
  for (const auto& step : opened.migrated().steps)
    say(fmt::format("applied migration {:04} {}", step.version, step.name));
  if (config_.seed_claims == 0) return;
  const claim_generator::options wanted{.claims = config_.seed_claims};
  const bool goes_on = is_seed_unfinished(opened.session(), wanted);  // the first start was cut off
  if (!goes_on && opened.session().scalar<bool>(any_claim)) return;
  say(goes_on ? fmt::format("going on making up {} claims", config_.seed_claims)
              : fmt::format("making up {} claims for the empty database", config_.seed_claims));
  const seed_report report = seed_database(opened.session(), opened.members(), wanted);
  say(fmt::format("{} claims added", report.inserted));
}

}  // namespace claims_app

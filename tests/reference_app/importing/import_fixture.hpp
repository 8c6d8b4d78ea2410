// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "importing/importer.hpp"
#include "migrations/local_database.hpp"
#include "shared/public_id.hpp"
#include "support/temporary_folder.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// A database in a folder of its own, and what an import into it needs. Nothing is shown to anybody.
class import_fixture {
 public:
  [[nodiscard]] std::filesystem::path path(std::string_view name) const { return folder_.path() / name; }
  [[nodiscard]] std::filesystem::path database_path() const { return path("claims.db"); }
  [[nodiscard]] std::filesystem::path rejects_path() const { return path("rejects.csv"); }
  [[nodiscard]] hasten::monitored_session& session() { return database_.session(); }
  [[nodiscard]] claims_app::local_database& database() { return database_; }

  template <class Fn>
  auto with_environment(Fn&& fn) {
    claims_app::reject_file rejects(rejects_path());
    claims_app::progress shown([this](std::string_view line) { shown_.append(line); }, {.terminal = false});
    claims_app::import_environment environment{
        .session = session(),
        .members = database_.members(),
        .new_id = [this](std::string_view, std::string_view) { return ids_.next(); },
        .wall_clock = [] { return hasten::wall_time(std::chrono::seconds(1'700'000'000)); },
        .steady_clock = [this] { return clock_.now(); },
        .rejects = rejects,
        .shown = shown};
    return fn(environment);
  }

  claims_app::import_report desynpuf(const std::filesystem::path& file,
                                     claims_app::import_options options = {}) {
    return with_environment([&](auto& environment) { return import_desynpuf(environment, file, options); });
  }
  claims_app::import_report synthea(const std::filesystem::path& one, const std::filesystem::path& other,
                                    claims_app::import_options options = {}) {
    return with_environment(
        [&](auto& environment) { return import_synthea(environment, one, other, options); });
  }

  [[nodiscard]] std::int64_t number(std::string_view sql) {
    return session().scalar<std::int64_t>({"test.number", sql});
  }
  [[nodiscard]] std::string text(std::string_view sql) {
    return session().scalar<std::string>({"test.text", sql});
  }
  [[nodiscard]] const std::string& shown() const { return shown_; }

 private:
  temporary_folder folder_;
  claims_app::local_database database_{folder_.path() / "claims.db"};
  claims_app::public_id_generator ids_;
  hasten::manual_clock clock_;
  std::string shown_;
};

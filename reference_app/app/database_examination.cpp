// SPDX-License-Identifier: BSL-1.0
#include "app/database_examination.hpp"

#include "migrations/embedded_migrations.hpp"

#include <hasten/core/clock.hpp>

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>

namespace claims_app {

namespace {

// Plain SQLite on purpose: a session of the server would set the file up as the server wants it, and nothing here may
// change anything.
class reader {
 public:
  explicit reader(const std::string& path) {
    sqlite3* opened = nullptr;
    code_ = ::sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
    database_.reset(opened);
    if (code_ == SQLITE_OK) ::sqlite3_busy_timeout(opened, 2000);
  }

  /// Returns: the first column of each row; what is there so far if it fails, and then failure() tells.
  std::vector<std::string> column(const char* sql) {
    std::vector<std::string> out;
    if (code_ != SQLITE_OK) return out;
    sqlite3_stmt* statement = nullptr;
    code_ = ::sqlite3_prepare_v2(database_.get(), sql, -1, &statement, nullptr);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> held(statement, ::sqlite3_finalize);
    if (code_ != SQLITE_OK) return out;
    while ((code_ = ::sqlite3_step(statement)) == SQLITE_ROW) {
      const auto* const text = reinterpret_cast<const char*>(::sqlite3_column_text(statement, 0));
      out.emplace_back(text == nullptr ? "" : text);
    }
    if (code_ == SQLITE_DONE) code_ = SQLITE_OK;
    return out;
  }

  /// Statements from here on are interrupted once it is over.
  void stop_at(hasten::steady_time deadline) {
    deadline_ = deadline;
    ::sqlite3_progress_handler(
        database_.get(), 100'000,
        [](void* self) {
          return hasten::steady_clock_source::now() > static_cast<reader*>(self)->deadline_ ? 1 : 0;
        },
        this);
  }

  [[nodiscard]] bool failed() const noexcept { return code_ != SQLITE_OK; }
  [[nodiscard]] bool was_interrupted() const noexcept { return code_ == SQLITE_INTERRUPT; }
  [[nodiscard]] std::string failure() const { return ::sqlite3_errstr(code_); }
  void forgive() noexcept { code_ = SQLITE_OK; }

 private:
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> database_{nullptr, ::sqlite3_close_v2};
  int code_ = SQLITE_OK;
  hasten::steady_time deadline_{};
};

finding check_soundness(reader& database, const std::string& path, std::chrono::nanoseconds patience) {
  database.stop_at(hasten::steady_clock_source::now() + patience);
  const std::vector<std::string> told = database.column("PRAGMA quick_check(5)");
  if (database.was_interrupted()) {
    database.forgive();
    database.stop_at(hasten::steady_time::max());
    return {.check = "integrity",
            .state = finding_state::warn,
            .what = fmt::format("not known: checking took more than {} s",
                                std::chrono::duration_cast<std::chrono::seconds>(patience).count()),
            .cure = fmt::format("sqlite3 -readonly {} 'PRAGMA integrity_check'", path)};
  }
  database.stop_at(hasten::steady_time::max());
  if (!database.failed() && told == std::vector<std::string>{"ok"})
    return {.check = "integrity", .what = "the quick check found nothing wrong"};
  return {
      .check = "integrity",
      .state = finding_state::fail,
      .what = fmt::format("{} is damaged: {}", path,
                          database.failed() ? database.failure() : fmt::format("{} findings", told.size())),
      .cure = fmt::format("reference_app restore BACKUP --database {}", path)};
}

finding check_log(reader& database, const std::string& path) {
  const auto mode = database.column("PRAGMA journal_mode");
  if (mode == std::vector<std::string>{"wal"}) return {.check = "write-ahead log", .what = "is on"};
  return {.check = "write-ahead log",
          .state = finding_state::warn,
          .what = "is off, so a writer keeps readers out; the next start turns it on",
          .cure = fmt::format("reference_app migrate --database {}", path)};
}

finding check_schema(reader& database, const std::string& path) {
  const auto tables = database.column("SELECT 1 FROM sqlite_schema WHERE name = 'hasten_migrations'");
  const auto rows = tables.empty()
                        ? std::vector<std::string>{}
                        : database.column("SELECT version FROM hasten_migrations ORDER BY version");
  std::set<std::string> applied(rows.begin(), rows.end());
  std::size_t pending = 0;
  for (const hasten::migration& each : sqlite_migrations())
    pending += applied.erase(std::to_string(each.version)) == 0 ? 1 : 0;
  if (!applied.empty())
    return {.check = "schema",
            .state = finding_state::fail,
            .what = fmt::format("has {} steps that this program does not know", applied.size()),
            .cure = "start the newer program, or take the steps back with it: reference_app migrate down"};
  if (pending > 0)
    return {.check = "schema",
            .state = finding_state::warn,
            .what = fmt::format("{} steps are pending; the next start applies them", pending),
            .cure = fmt::format(
                "reference_app backup BACKUP --database {0}; reference_app migrate --database {0}", path)};
  return {.check = "schema", .what = fmt::format("all {} steps are applied", sqlite_migrations().size())};
}

}  // namespace

std::vector<finding> examine_database(const std::string& path, std::chrono::nanoseconds patience) {
  std::error_code none;
  if (!std::filesystem::exists(path, none))
    return {{.check = "database", .what = path + " will be made by the first start"}};
  reader database(path);
  static_cast<void>(database.column("SELECT count(*) FROM sqlite_schema"));
  if (database.failed())
    return {
        {.check = "database",
         .state = finding_state::fail,
         .what = path + " cannot be read: " + database.failure(),
         .cure =
             "see that it is an SQLite file and that the user of the server may read it and its folder; else "
             "reference_app restore BACKUP --database " +
             path}};
  std::vector<finding> out;
  out.push_back({.check = "database", .what = path + " can be read"});
  out.push_back(check_soundness(database, path, patience));
  out.push_back(check_log(database, path));
  out.push_back(check_schema(database, path));
  return out;
}

}  // namespace claims_app

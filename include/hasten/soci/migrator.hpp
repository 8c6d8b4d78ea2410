// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/migration_plan.hpp>
#include <hasten/soci/detail/no_transaction_control.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/row_mapping.hpp>
#include <hasten/soci/transaction.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hasten {

template <>
struct row_fields<applied_migration> {
  static constexpr auto value =
      field_list(&applied_migration::version, &applied_migration::name, &applied_migration::checksum,
                 &applied_migration::applied_at_ms, &applied_migration::duration_us);
};

/// One migration as a report shows it.
struct migration_step {
  int version = 0;
  std::string name = {};
  bool up = true;
  std::chrono::nanoseconds duration{};
};

/// What a migrator did, in order.
struct migration_report {
  std::vector<migration_step> steps = {};
  int version = 0;  ///< the version of the schema afterwards
};

/// Where a schema stands.
struct migration_status {
  std::vector<applied_migration> applied = {};  ///< in order of version
  std::vector<migration_step> pending = {};     ///< what apply() would do
  int version = 0;
};

/// Brings the schema of a SQLite database to the version that a program needs.
///
/// Each migration runs in one transaction together with its row in the table `hasten_migrations`, so that
/// after a crash both are there or neither is. What was applied is compared with what the program knows
/// before anything runs. Several programs may start at once: one migrates, the others wait and find nothing
/// to do.
///
/// The wrong tool for changes that cannot run in a transaction, such as VACUUM.
/// Thread safety: single-owner.
///
///     hasten::migrator steps(*pool.write(deadline));
///     const auto report = steps.apply(known);        // or throws error(errc::migration_refused)
class migrator {
 public:
  struct options {
    int target = migration_newest;  ///< the version to reach, 0..newest; below the current one: undo
    bool dry_run = false;           ///< run everything in one transaction and roll it back
  };

  /// Works on a session that can write and that outlives this object.
  explicit migrator(monitored_session& session) : session_(session) {}

  /// Runs the migrations between the current version and the target.
  /// Returns: what was done, nothing if the schema is at the target already.
  /// Throws: error(errc::migration_refused) as plan_migrations(), and when a migration tries to end its
  /// transaction; query_error when a migration fails, with those before it kept. Blocks on: the write lock,
  /// for at most the busy timeout.
  migration_report apply(std::span<const migration> known, options chosen) {
    static_cast<void>(plan_migrations(known, {}));  // refuse bad steps before touching the database
    migration_report report;
    transaction preparing(session_);
    session_.script("migrations.table", table_text);
    if (chosen.dry_run) {
      while (step(known, chosen.target, report)) {
      }
      preparing.rollback();
      return report;
    }
    preparing.commit();
    for (bool more = true; more;) {
      transaction change(
          session_);  // the history is read under the write lock: another program may be migrating too
      more = step(known, chosen.target, report);
      change.commit();
    }
    return report;
  }
  migration_report apply(std::span<const migration> known) { return apply(known, options{}); }

  /// Compares without changing anything. Throws: as apply() when the two do not agree.
  [[nodiscard]] migration_status status(std::span<const migration> known) {
    migration_status result;
    if (session_.one<bool>(table_exists)) result.applied = session_.all<applied_migration>(read_history);
    for (const migration* each : plan_migrations(known, result.applied).steps)
      result.pending.push_back({.version = each->version, .name = each->name});
    result.version = static_cast<int>(result.applied.size());
    return result;
  }

 private:
  static constexpr const char* table_text =
      "CREATE TABLE IF NOT EXISTS hasten_migrations("
      "version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,"
      "applied_at_ms INTEGER NOT NULL, duration_us INTEGER NOT NULL) STRICT";
  static constexpr statement table_exists{
      "migrations.table_exists",
      "SELECT EXISTS(SELECT 1 FROM sqlite_schema WHERE type='table' AND name='hasten_migrations')"};
  static constexpr statement read_history{
      "migrations.history",
      "SELECT version, name, checksum, applied_at_ms, duration_us FROM hasten_migrations ORDER BY version"};
  static constexpr statement add_history{"migrations.add",
                                         "INSERT INTO hasten_migrations VALUES(?1, ?2, ?3, ?4, ?5)"};
  static constexpr statement remove_history{"migrations.remove",
                                            "DELETE FROM hasten_migrations WHERE version=?1"};

  // Runs the next step inside the open transaction. Returns: false when there was none.
  bool step(std::span<const migration> known, int target, migration_report& report) {
    const auto applied = session_.all<applied_migration>(read_history);
    const migration_plan plan = plan_migrations(known, applied, target);
    report.version = static_cast<int>(applied.size());
    if (plan.steps.empty()) return false;
    const migration& next = *plan.steps.front();
    const steady_time began = session_.monitor().now();
    run(next, plan.up);
    const auto took = session_.monitor().now() - began;
    if (plan.up) {
      session_.exec(add_history, next.version, next.name, checksum_of(next), unix_milliseconds(),
                    std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    } else {
      session_.exec(remove_history, next.version);
    }
    report.version += plan.up ? 1 : -1;
    report.steps.push_back({.version = next.version, .name = next.name, .up = plan.up, .duration = took});
    return true;
  }

  void run(const migration& next, bool up) {
    const detail::no_transaction_control guard(detail::sqlite_handle_of(session_.soci()));
    try {
      session_.script(up ? "migrations.up" : "migrations.down", up ? next.up : next.down);
    } catch (const query_error& failure) {
      if (failure.native_code() != SQLITE_AUTH) throw;
      throw error(errc::migration_refused, "migrations: version " + std::to_string(next.version) +
                                               " begins or ends a transaction itself");
    }
  }

  static std::int64_t unix_milliseconds() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(wall_clock_source::now().time_since_epoch())
        .count();
  }

  monitored_session& session_;
};

}  // namespace hasten
